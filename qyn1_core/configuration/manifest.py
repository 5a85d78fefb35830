"""The manifest: the settings that a project carries itself.

They stand in one of four places of the project's folder: the whole of
``qyn1.toml``, ``[tool.qyn1]`` of ``pyproject.toml``, ``"qyn1"`` of ``package.json``,
``[package.metadata.qyn1]`` of ``Cargo.toml``. Where several have them, ``qyn1.toml``
decides alone; otherwise they must say the same.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from qyn1_core.configuration.positions import json_lines, toml_lines
from qyn1_core.configuration.settings import FIELDS, Field, unknown_name
from qyn1_core.errors import ConfigError, NotFound, PermissionDenied

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Manifest", "find_manifest", "parse_document", "read_document", "read_manifest", "read_settings"]

_MAXIMUM_BYTES: Final = 16 << 20
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "qyn1.toml": (),
    "pyproject.toml": ("tool", "qyn1"),
    "package.json": ("qyn1",),
    "Cargo.toml": ("package", "metadata", "qyn1"),
}


@dataclass(frozen=True)
class Manifest:
    """The settings of a project.

    ``values`` holds them in the types of `Priors`; ``lines`` the line of each;
    ``origin`` the name of the file as messages give it.
    """

    path: Path
    origin: str
    values: Mapping[str, object]
    lines: Mapping[str, int] = field(compare=False)

    def where(self, name: str) -> str:
        """``pyproject.toml:12``, for the setting ``name``."""
        return f"{self.origin}:{self.lines[name]}"


def find_manifest(project: Path) -> Manifest | None:
    """The manifest of the folder ``project``, if it has one.

    Raises `ConfigError`, naming file, line and key, for settings that cannot be used,
    and when two files disagree.
    """
    found: list[Manifest] = []
    for name in _PLACES:
        path = project / name
        if path.is_file():
            manifest = _read(path, required=name == "qyn1.toml")
            if manifest is not None:
                if name == "qyn1.toml":
                    return manifest
                found.append(manifest)
    for other in found[1:]:
        if other.values != found[0].values:
            raise ConfigError(
                f"{found[0].origin} and {other.origin} both hold settings of qyn1, and they differ; "
                "keep one of them, or write a qyn1.toml, which wins"
            )
    return found[0] if found else None


def read_manifest(path: Path) -> Manifest:
    """The manifest in the file ``path``; a file with another name than the four known ones is read as a ``qyn1.toml``.

    Raises `NotFound`, `PermissionDenied` or `ConfigError`.
    """
    manifest = _read(path, required=True)
    if manifest is None:
        raise ConfigError(f"{path}: no {_title(path)} in it")
    return manifest


def read_document(path: Path) -> str:
    """The text of a configuration file. Raises `NotFound`, `PermissionDenied` or `ConfigError`."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file") from None
    except PermissionError:
        raise PermissionDenied(f"{path}: permission to read it is missing") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > _MAXIMUM_BYTES:
        raise ConfigError(f"{path}: larger than {_MAXIMUM_BYTES >> 20} MiB; that is no configuration file")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 (byte {error.start})") from None


def parse_document(text: str, origin: str, *, as_json: bool) -> Mapping[str, object]:
    """A TOML or JSON document. Raises `ConfigError` with line and column."""
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates) if as_json else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{origin}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
        line, column = (place[1], place[2]) if place and place[1] else (str(text.count("\n") + 1), "1")
        if place:
            message = message[: place.start()]
        raise ConfigError(f"{origin}:{line}:{column}: not TOML: {message}") from None
    except RecursionError:
        raise ConfigError(f"{origin}: nested too deeply") from None
    except ValueError as error:  # a repeated key, a number with too many digits
        raise ConfigError(f"{origin}: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{origin}:1:1: must hold an object, not {type(document).__name__}")
    return document


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} stands twice in one object")
        result[key] = value
    return result


def _title(path: Path) -> str:
    keys = _PLACES.get(path.name, ())
    return f'"{keys[0]}"' if path.suffix == ".json" else f"[{'.'.join(keys)}]" if keys else "settings"


def _read(path: Path, *, required: bool) -> Manifest | None:
    text = read_document(path)
    if not required and "qyn1" not in text:
        return None  # another tool's file: whether it is well-formed is none of our business
    as_json = path.suffix == ".json"
    origin = path.name
    node: object = parse_document(text, origin, as_json=as_json)
    keys = _PLACES.get(path.name, ("qyn1",) if as_json else ())
    for key in keys:
        if not isinstance(node, Mapping) or key not in node:
            return None
        node = node[key]
    lines = (json_lines if as_json else toml_lines)(text)
    if not isinstance(node, Mapping):
        raise ConfigError(f"{origin}:{lines.get(keys, 1)}: {'.'.join(keys)}: must be a table, not {node!r}")

    def line_of(key: str) -> int:
        return lines.get((*keys, key), lines.get(keys, 1))

    values = read_settings(
        node, lambda key: f"{origin}:{line_of(key)}: {'.'.join((*keys, key))}", lambda known: known.manifest
    )
    for key, value in values.items():
        if FIELDS[key].paths:
            values[key] = _beside(path.parent, value)
    return Manifest(path, origin, values, {key: line_of(key) for key in values})


def read_settings(
    table: Mapping[str, object], where: Callable[[str], str], allowed: Callable[[Field], bool]
) -> dict[str, object]:
    """The settings of ``table``, checked and converted. `ConfigError`, beginning with ``where(key)``, for a bad one."""
    values: dict[str, object] = {}
    known = [name for name, entry in FIELDS.items() if allowed(entry)]
    for key, value in table.items():
        if key not in known:
            if key in FIELDS:
                raise ConfigError(f"{where(key)}: cannot be set here")
            raise ConfigError(f"{where(key)}: {unknown_name('key', key, known)}")
        try:
            values[key] = FIELDS[key].convert(value)
        except ValueError as error:
            raise ConfigError(f"{where(key)}: {error}") from None
    return values


def _beside(folder: Path, value: object) -> object:
    """Paths in a manifest are relative to it (``memory`` and ``auto`` are words, not paths)."""
    if isinstance(value, tuple):
        return tuple(_beside(folder, item) for item in value)
    text = cast("str", value)
    return text if text in ("memory", "auto") else str(folder / text)
