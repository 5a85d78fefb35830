"""Writes settings into a project's manifest and leaves everything else in it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, cast

from qyn1_core.errors import ConfigError, PluginError
from qyn1_core.manifest import find_manifest
from qyn1_core.output import whole_file

__all__ = ["write_settings"]

_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "pyproject.toml": ("tool", "qyn1"),
    "Cargo.toml": ("package", "metadata", "qyn1"),
    "package.json": ("qyn1",),
}


def write_settings(project: Path, settings: Mapping[str, str | int]) -> Path:
    """Set ``settings`` in the manifest that the folder ``project`` has settings in, and return its path.

    Without one it is a new ``qyn1.toml``. Comments, order and formatting of a TOML file
    stay. Raises `ConfigError`, or `PluginError` where tomlkit is not installed.
    """
    manifest = find_manifest(project)
    path = project / "qyn1.toml" if manifest is None else manifest.path
    text = path.read_text("utf-8") if path.exists() else ""
    keys = _TABLES.get(path.name, ())
    changed = _in_json(text, keys, settings) if path.suffix == ".json" else _in_toml(text, keys, settings)
    with whole_file(path, force=True, mode=path.stat().st_mode & 0o777 if path.exists() else 0o666) as file:
        file.write(changed.encode("utf-8"))
    return path


def _in_toml(text: str, keys: tuple[str, ...], settings: Mapping[str, str | int]) -> str:
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
    table.update(settings)
    return tomlkit.dumps(document)


def _in_json(text: str, keys: tuple[str, ...], settings: Mapping[str, str | int]) -> str:
    document = json.loads(text)
    table = document
    for key in keys:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{key} must be an object")
    table.update(settings)
    indent = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return json.dumps(document, indent=indent[1] if indent else 2, ensure_ascii=False) + "\n"
