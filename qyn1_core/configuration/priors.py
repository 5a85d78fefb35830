"""Priors: every setting of one run, resolved once, each with its origin.

A preset comes first, the project's manifest changes it, environment variables
(``QYN1_*``) change that, and the command line has the last word. The same
resolution serves the command, the setuptools command and the Bazel rules.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from qyn1_core.configuration.detection import detect_preset
from qyn1_core.configuration.manifest import Manifest, find_manifest, parse_document, read_manifest, read_settings
from qyn1_core.configuration.positions import toml_lines
from qyn1_core.configuration.settings import FIELDS, unknown_name
from qyn1_core.errors import ConfigError, Qyn1Error
from qyn1_plugins.host import Host

__all__ = ["Priors", "resolve"]

COMMAND_LINE: Final = "command line"
DEFAULT: Final = "default"
_OF_THE_MODE: Final = ("level", "block_size")  # a preset chooses them for its own mode; another has its own defaults


@dataclass(frozen=True)
class Priors:
    """The settings of one run, validated. docs/manifest.md says what each means.

    Sizes are bytes. ``block_size``, ``level`` and ``cipher`` None: the mode's, the
    compressor's and the host's own choice. ``permissions`` None: as the package is
    sealed, ``normalized`` if equal input is to give equal bytes. ``compile`` None: for sealed wheels only.
    ``origins`` says for every field where its value comes from: ``default``, ``preset NAME``, ``pyproject.toml:12``,
    ``environment QYN1_MODE`` or ``command line``.
    """

    preset: str
    mode: str
    level: int | None
    fidelity: str
    block_size: int | None
    workers: int
    worker_limit: int
    reserved_cpus: int
    background: bool
    executor: str
    executor_options: Mapping[str, str]
    scratch: str
    cache: str | None
    cache_size: int
    cipher: str | None
    permissions: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    recipients: tuple[str, ...]
    recipients_files: tuple[str, ...]
    deterministic: bool
    name: str | None
    compressors: Mapping[str, str]
    compile: bool | None
    build: bool
    seal: tuple[str, ...]
    origins: Mapping[str, str] = field(compare=False)

    def is_given(self, name: str) -> bool:
        """Whether somebody chose the value: the project, the environment or the command line, not a preset."""
        return not self.origins[name].startswith(("default", "preset "))

    @contextmanager
    def naming(self, name: str, key: str = "") -> Iterator[None]:
        """Errors in the block come from the value of the setting ``name`` (or of ``key``): say where that stands."""
        try:
            yield
        except Qyn1Error as error:
            if self.origins[name] != DEFAULT:
                error.args = (f"{self.origins[name]}: {key or name}: {error}",)
            raise

    def as_dict(self) -> dict[str, object]:
        """Every setting as JSON types, in the order of the reference."""
        return {name: _plain(getattr(self, name)) for name in FIELDS}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def resolve(
    project: Path | None,
    *,
    command_line: Mapping[str, object] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
    host: Host,
    manifest_file: Path | None = None,
) -> Priors:
    """The settings for ``project`` (None, or a single file: it has no manifest of its own).

    ``command_line`` holds what was given there by field name, as text or already in the
    field's type (a mapping also as a list of ``key=value``); None and an empty list mean
    not given. An empty environment variable counts as
    unset. ``manifest_file`` is read instead of looking for a manifest. Raises
    `ConfigError`, which begins with the origin of the value that cannot be used.
    """
    folder = project if project is not None and project.is_dir() else None
    manifest: Manifest | None = None
    if manifest_file is not None:
        manifest = read_manifest(manifest_file)
    elif folder is not None:
        manifest = find_manifest(folder)

    layers: list[dict[str, tuple[object, str]]] = []  # strongest last
    if manifest is not None:
        layers.append({name: (value, manifest.where(name)) for name, value in manifest.values.items()})
    layers.append(_environment(environ))
    layers.append(_command_line(command_line))

    chosen = {name: entry for layer in layers for name, entry in layer.items()}
    if "preset" not in chosen:
        detection = detect_preset(folder) if folder is not None else None
        if detection is not None and detection.preset in host.presets():
            chosen["preset"] = (detection.preset, f"detected in {detection}")
        else:
            chosen["preset"] = ("default", DEFAULT)
    preset, preset_origin = cast("tuple[str, str]", chosen["preset"])
    try:
        text = host.preset(preset)
    except ConfigError as error:
        raise ConfigError(f"{preset_origin}: preset: {error}") from None
    values = read_preset(preset, text)
    if "mode" in chosen and chosen["mode"][0] != values.get("mode", FIELDS["mode"].default):
        values = {name: value for name, value in values.items() if name not in _OF_THE_MODE}
    for name, value in values.items():
        chosen.setdefault(name, (value, f"preset {preset}"))
    for name, entry in FIELDS.items():
        chosen.setdefault(name, (entry.default, DEFAULT))
    deterministic, origin = chosen["deterministic"]
    if deterministic and chosen["permissions"][0] is None:
        chosen["permissions"] = ("normalized", f"deterministic, {origin}")
    origins = MappingProxyType({name: chosen[name][1] for name in FIELDS})
    return Priors(**{name: chosen[name][0] for name in FIELDS}, origins=origins)  # type: ignore[arg-type]


def read_preset(name: str, text: str) -> dict[str, object]:
    """The settings in the text of the preset ``name``. Raises `ConfigError` with the line of what is wrong."""
    origin = f"preset {name}"
    document = parse_document(text, origin, as_json=False)
    lines = toml_lines(text)
    return read_settings(document, lambda key: f"{origin}:{lines.get((key,), 1)}: {key}", lambda entry: entry.preset)


def _environment(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    layer: dict[str, tuple[object, str]] = {}
    for name, entry in FIELDS.items():
        if entry.environment is None:
            continue
        text = environ.get(entry.environment, "")
        if text.strip():
            origin = f"environment {entry.environment}"
            try:
                layer[name] = (entry.parse(text), origin)
            except ValueError as error:
                raise ConfigError(f"{origin}: {error}") from None
    return layer


def _command_line(given: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    layer: dict[str, tuple[object, str]] = {}
    for name, value in given.items():
        if name not in FIELDS:
            raise ConfigError(f"{COMMAND_LINE}: {unknown_name('setting', name, FIELDS)}")
        if value is None or value in ((), []):
            continue
        entry = FIELDS[name]
        if entry.kind == "mapping" and isinstance(value, list | tuple):
            value = "\n".join(map(str, value))  # noqa: PLW2901
        try:
            converted = entry.parse(value) if isinstance(value, str) else entry.convert(value)
        except ValueError as error:
            raise ConfigError(f"{COMMAND_LINE}: {entry.flag or name}: {error}") from None
        layer[name] = (converted, COMMAND_LINE)
    return layer
