"""Writes settings into a project's manifest and leaves everything else in it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, cast

from qyn1_core.configuration.manifest import find_manifest
from qyn1_core.errors import ConfigError, PluginError
from qyn1_core.output import whole_file

__all__ = ["Settings", "write_settings"]

_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "pyproject.toml": ("tool", "qyn1"),
    "Cargo.toml": ("package", "metadata", "qyn1"),
    "package.json": ("qyn1",),
}


Settings = Mapping[str, "str | int | Mapping[str, str] | None"]
"""Values by name; None takes a setting out."""


def write_settings(project: Path, settings: Settings) -> Path:
    """Set ``settings`` in the manifest that the folder ``project`` has settings in, and return its path.

    Without one it is a new ``qyn1.toml``. Comments, order and formatting of a TOML file
    stay. Raises `ConfigError`, or `PluginError` where tomlkit is not installed.
    """
    manifest = find_manifest(project)
    path = project / "qyn1.toml" if manifest is None else manifest.path
    text = path.read_text("utf-8") if path.exists() else ""
    keys = _TABLES.get(path.name, ())
    changed = _in_json(text, keys, settings) if path.suffix == ".json" else _in_toml(text, keys, settings)
    # A manifest that is a link stays one.
    with whole_file(path.resolve(), force=True, mode=path.stat().st_mode & 0o777 if path.exists() else 0o666) as file:
        file.write(changed.encode("utf-8"))
    return path


def _in_toml(text: str, keys: tuple[str, ...], settings: Settings) -> str:
    try:
        import tomlkit  # noqa: PLC0415  (optional)
    except ImportError:
        raise PluginError("writing a manifest needs tomlkit: python3 -m pip install 'qyn1[tune]'") from None
    document = tomlkit.parse(text)
    table = cast("MutableMapping[str, Any]", document)
    for key in keys:
        if key not in table:
            table[key] = tomlkit.table()
        table = table[key]
    for name, value in settings.items():
        if value is None:
            table.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(known := table.get(name), MutableMapping):
            known.clear()
            known.update(value)
        elif isinstance(value, Mapping):
            inline = tomlkit.inline_table()
            inline.update(value)
            table[name] = inline
        else:
            table[name] = value
    return tomlkit.dumps(document)


def _in_json(text: str, keys: tuple[str, ...], settings: Settings) -> str:
    document = json.loads(text)
    table = document
    for key in keys:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{key} must be an object")
    for name, value in settings.items():
        if value is None:
            table.pop(name, None)
        else:
            table[name] = dict(value) if isinstance(value, Mapping) else value
    indent = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return json.dumps(document, indent=indent[1] if indent else 2, ensure_ascii=False) + "\n"
