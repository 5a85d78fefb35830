"""The table of settings: what can be configured, and how its values are written.

One table drives everything that has to agree: manifests and their JSON Schema,
presets, environment variables, command-line options and the reference in
docs/manifest.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["FIELDS", "MODES", "Field", "json_schema", "parse_size", "reference_table", "unknown_name"]

Kind = Literal["choice", "integer", "size", "boolean", "text", "texts", "mapping"]

MODES: Final = ("fast", "balanced", "maximum", "security")

_UNITS: Final = {
    "": 1,
    "b": 1,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
}
_SIZE: Final = re.compile(r"([0-9]{1,15}) ?([A-Za-z]*)")
_SIZE_PATTERN: Final = "^[0-9]{1,15} ?([KkMmGg][Ii]?[Bb]|[Bb])?$"  # the same, without inline flags
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_PLUGIN_NAME: Final = r"[a-z0-9]+(-[a-z0-9]+)*"
_EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


def parse_size(text: str) -> int:
    """Bytes in ``text``: a whole number and a unit (``128 KiB``, ``4 MiB``, ``1 GB``; none: bytes). ValueError."""
    match = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(
            f"{text!r} is not a size; write a whole number of B, KiB, MiB, GiB, kB, MB or GB, as '128 KiB'"
        )
    return int(match[1]) * unit


def size_text(size: int) -> str:
    """``size`` bytes in the largest binary unit that divides it."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is none of ``known``, with the nearest one."""
    names = list(known)
    near = get_close_matches(name, names, n=1) or get_close_matches(name.replace("-", "_").lower(), names, n=1)
    return f"unknown {what} {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}")


@dataclass(frozen=True)
class Field:
    """One setting. ``default`` None: decided later, as ``doc`` says."""

    name: str
    kind: Kind
    default: object
    doc: str
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 0
    pattern: str = ""  # of a text, or of each one of a list
    pattern_doc: str = ""
    key_pattern: str = ""  # of the keys of a mapping
    environment: str | None = None
    flag: str | None = None
    preset: bool = False  # whether a preset may set it
    manifest: bool = True  # whether a manifest may
    paths: bool = False  # holds paths, in a manifest relative to it

    def convert(self, value: object) -> object:
        """``value``, as TOML, JSON or a caller gives it, in the type of `Priors`. ValueError says what is wrong."""
        if self.kind == "boolean":
            if not isinstance(value, bool):
                raise ValueError(f"must be true or false, not {value!r}")
            return value
        if self.kind in ("integer", "size"):
            return self._number(value)
        if self.kind == "choice":
            return self._choice(value)
        if self.kind == "text":
            return self._text(value)
        if self.kind == "texts":
            if not isinstance(value, list | tuple):
                raise ValueError(f"must be a list of texts, not {value!r}")
            return tuple(self._text(item) for item in value)
        return self._mapping(value)

    def parse(self, text: str) -> object:
        """``text``, as an environment variable or a command line gives it, in the type of `Priors`. ValueError.

        Lists are separated by line breaks where there is one, else by commas; mappings
        are such lists of ``key=value``.
        """
        if self.kind == "boolean":
            word = text.strip().lower()
            if word not in _TRUE and word not in _FALSE:
                raise ValueError(f"must be 1 or 0 (true, yes, on; false, no, off), not {text!r}")
            return word in _TRUE
        if self.kind == "integer":
            if not re.fullmatch(r"-?[0-9]{1,15}", text.strip()):
                raise ValueError(f"must be a whole number, not {text!r}")
            return self._in_range(int(text))
        if self.kind in ("size", "choice", "text"):
            return self.convert(text.strip())
        items = [item.strip() for item in text.split("\n" if "\n" in text.strip() else ",")]
        items = [item for item in items if item]
        if self.kind == "texts":
            return self.convert(items)
        pairs: dict[str, object] = {}
        for item in items:
            key, equals, value = item.partition("=")
            if not equals:
                raise ValueError(f"must be key=value, not {item!r}")
            pairs[key.strip()] = value.strip()
        return self.convert(pairs)

    def _number(self, value: object) -> int:
        if self.kind == "size" and isinstance(value, str):
            value = parse_size(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"must be a {'size' if self.kind == 'size' else 'whole number'}, not {value!r}")
        return self._in_range(value)

    def _choice(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.choices:
            near = get_close_matches(str(value).lower(), self.choices, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"must be one of {', '.join(self.choices)}, not {value!r}{hint}")
        return value

    def _in_range(self, value: int) -> int:
        if not self.minimum <= value <= self.maximum:
            shown = size_text if self.kind == "size" else str
            raise ValueError(f"must be from {shown(self.minimum)} to {shown(self.maximum)}, not {shown(value)}")
        return value

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"must be a text, not {value!r}")
        if not value or "\0" in value:
            raise ValueError("must not be empty or hold NUL")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError(f"{value!r} is not {self.pattern_doc}")
        return value

    def _mapping(self, value: object) -> Mapping[str, str]:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a table of texts, not {value!r}")
        result: dict[str, str] = {}
        for key, item in value.items():
            if not isinstance(key, str) or not re.fullmatch(self.key_pattern, key):
                raise ValueError(f"{key!r} is not usable as a key (letters, digits, '-' and '_')")
            try:
                result[key] = self._text(item)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
        return MappingProxyType(result)


def _field(name: str, kind: Kind, default: object, doc: str, **rest: object) -> Field:
    rest.setdefault("environment", "QYN1_" + name.upper())
    rest.setdefault("flag", "--" + name.replace("_", "-"))
    return Field(name, kind, default, doc, **rest)  # type: ignore[arg-type]


_PLUGIN_NAME_DOC: Final = "a plugin's name (lower-case letters, digits, hyphens)"

FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        field.name: field
        for field in (
            _field(
                "preset",
                "text",
                None,
                "Preset to start from. Unset: the one that the project's dependencies suggest, else `default`.",
                pattern=_PLUGIN_NAME,
                pattern_doc="a preset's name (lower-case letters, digits, hyphens)",
            ),
            _field(
                "mode",
                "choice",
                "balanced",
                "What to optimise: `fast` (time), `balanced`, `maximum` (size), "
                "`security` (blocks share nothing across files, lengths padded).",
                choices=MODES,
                preset=True,
            ),
            _field(
                "level",
                "integer",
                None,
                "Level of the mode's compressor. Unset: the compressor's own default.",
                minimum=0,
                maximum=99,
                preset=True,
            ),
            _field(
                "fidelity",
                "choice",
                "exact",
                "`exact` keeps every byte; `canonical` keeps the program and drops comments and formatting.",
                choices=("exact", "canonical"),
            ),
            _field(
                "block_size",
                "size",
                None,
                "Source bytes in one independently decodable block. Unset: the mode's default.",
                minimum=4 << 10,
                maximum=64 << 20,
                preset=True,
            ),
            _field(
                "workers",
                "integer",
                0,
                "Concurrent workers; 0: as many as CPUs and memory allow.",
                minimum=0,
                maximum=1024,
            ),
            _field(
                "worker_limit",
                "integer",
                0,
                "Most workers that `workers = 0` chooses; 0: no limit of its own.",
                minimum=0,
                maximum=1024,
                preset=True,
            ),
            _field(
                "reserved_cpus",
                "integer",
                0,
                "CPUs that `workers = 0` leaves to encryption and output, where there are enough.",
                minimum=0,
                maximum=64,
                preset=True,
            ),
            _field(
                "background",
                "boolean",
                False,
                "Let everything else on this machine go first: work at lower CPU and disk priority.",
                preset=True,
            ),
            _field(
                "executor",
                "text",
                "threads",
                "Executor plugin that runs the workers: `threads`, `processes`, `dask`, `ray` or another plugin's.",
                pattern=_PLUGIN_NAME,
                pattern_doc=_PLUGIN_NAME_DOC,
                preset=True,
            ),
            _field(
                "executor_options",
                "mapping",
                _EMPTY,
                'Options of the executor plugin, as `{ scheduler = "tcp://10.0.0.1:8786" }`.',
                key_pattern=r"[A-Za-z0-9_-]+",
                flag="--executor-option",
            ),
            _field(
                "scratch",
                "text",
                "auto",
                "Where a deterministic package waits that is larger than 16 MiB, being read twice to be sealed: `auto` "
                "(a tmpfs with room for it, else the system's folder for temporary files), `memory` or a folder.",
                preset=True,
                paths=True,
            ),
            _field(
                "cache",
                "text",
                None,
                "Folder where compressed blocks are kept, sealed, for the next time. Unset: nothing is kept.",
                paths=True,
            ),
            _field(
                "cache_size",
                "size",
                1 << 30,
                "Most bytes in the cache folder; what was not used for longest goes first.",
                minimum=1 << 20,
                maximum=1 << 40,
            ),
            _field(
                "cipher",
                "text",
                None,
                "Cipher plugin to encrypt with. Unset: the fastest one. All give the same bytes.",
                pattern=_PLUGIN_NAME,
                pattern_doc=_PLUGIN_NAME_DOC,
            ),
            _field(
                "permissions",
                "choice",
                None,
                "`exact` keeps the nine permission bits; `normalized` keeps only whether the owner may execute. "
                "Unset: `normalized` for deterministic packages, else `exact`.",
                choices=("exact", "normalized"),
            ),
            _field(
                "include",
                "texts",
                (),
                "Patterns of what to pack although an ignore file leaves it out.",
            ),
            _field(
                "exclude",
                "texts",
                (),
                "Patterns of what to leave out; they win over everything.",
            ),
            _field(
                "recipients",
                "texts",
                (),
                "Public keys (`age1...`, `age1pq1...`) whose holders can open the package.",
                flag="--recipient",
            ),
            _field(
                "recipients_files",
                "texts",
                (),
                "Files with one public key a line.",
                environment="QYN1_RECIPIENTS_FILE",
                flag="--recipients-file",
                paths=True,
            ),
            _field(
                "deterministic",
                "boolean",
                False,
                "Equal input gives equal bytes; needs a sealing secret.",
            ),
            _field(
                "name",
                "text",
                None,
                "Project name that anyone can read from the package without a key. Unset: none is published.",
                pattern=r"[A-Za-z0-9@._+/-]{1,128}",
                pattern_doc="a public name (1 to 128 letters, digits and @ . _ + / -)",
            ),
            _field(
                "compressors",
                "mapping",
                _EMPTY,
                'Compressor plugin to use for a language instead of the mode\'s, as `{ python = "mixing" }`.',
                key_pattern=_PLUGIN_NAME,
                pattern=_PLUGIN_NAME,
                pattern_doc=_PLUGIN_NAME_DOC,
                flag="--compressor",
            ),
            _field(
                "compile",
                "boolean",
                None,
                "Python modules: pack their bytecode for the Python that packs too, so that imports from the package "
                "start quicker. Unset: for the modules of a sealed wheel only.",
            ),
            _field(
                "build",
                "boolean",
                False,
                "Python projects: seal as part of every build.",
                environment=None,
                flag=None,
            ),
            _field(
                "seal",
                "texts",
                (),
                "Python projects: patterns of the modules that travel sealed inside the wheel.",
                environment=None,
                flag=None,
            ),
        )
    }
)


def json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of the settings table in a manifest."""
    properties = {field.name: _property(field) for field in FIELDS.values() if field.manifest}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "qyn1 settings",
        "description": 'The table [tool.qyn1] of pyproject.toml, "qyn1" of package.json, '
        "[package.metadata.qyn1] of Cargo.toml, or the whole of qyn1.toml.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _property(field: Field) -> dict[str, object]:
    schema = {"description": field.doc, **_type(field)}
    default = field.default
    if isinstance(default, tuple):
        schema["default"] = list(default)
    elif isinstance(default, Mapping):
        schema["default"] = dict(default)
    elif field.kind == "size" and isinstance(default, int):
        schema["default"] = size_text(default)
    elif default is not None:
        schema["default"] = default
    return schema


def _type(field: Field) -> dict[str, object]:
    number: dict[str, object] = {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}
    text: dict[str, object] = {"type": "string", "minLength": 1}
    if field.pattern:
        text["pattern"] = f"^(?:{field.pattern})$"
    types: Mapping[Kind, dict[str, object]] = {
        "boolean": {"type": "boolean"},
        "integer": number,
        "size": {"oneOf": [number, {"type": "string", "pattern": _SIZE_PATTERN}]},
        "choice": {"enum": list(field.choices)},
        "text": text,
        "texts": {"type": "array", "items": text},
        "mapping": {
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{field.key_pattern})$"},
            "additionalProperties": text,
        },
    }
    return types[field.kind]


def reference_table() -> str:
    """The settings as a Markdown table, for docs/manifest.md."""
    rows = ["| key | values | default | environment | option | |", "|---|---|---|---|---|---|"]
    for field in FIELDS.values():
        rows.append(
            f"| `{field.name}` | {_values(field)} | {_default(field)} "
            f"| {f'`{field.environment}`' if field.environment else ''} | {f'`{field.flag}`' if field.flag else ''} "
            f"| {field.doc} |"
        )
    return "\n".join(rows) + "\n"


def _values(field: Field) -> str:
    if field.kind == "choice":
        return ", ".join(f"`{choice}`" for choice in field.choices)
    if field.kind == "integer":
        return f"{field.minimum} to {field.maximum}"
    if field.kind == "size":
        return f"{size_text(field.minimum)} to {size_text(field.maximum)}"
    return {"boolean": "true, false", "text": "text", "texts": "list of texts", "mapping": "table of texts"}[field.kind]


def _default(field: Field) -> str:
    if field.default is None:
        return "unset"
    if field.kind == "boolean":
        return "`true`" if field.default else "`false`"
    if field.kind == "size" and isinstance(field.default, int):
        return f"`{size_text(field.default)}`"
    return {"texts": "`[]`", "mapping": "`{}`"}.get(field.kind, f"`{field.default}`")
