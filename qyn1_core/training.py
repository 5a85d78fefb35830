"""`train`: a prior from other people's code, the same bytes for everyone who repeats it.

A training manifest (``presets/priors/training/LANGUAGE.toml``) pins every package by
registry, name, version, licence and the SHA-256 of its archive. ``tree`` pins what the
package unpacks to; `train` reads nothing that does not have that digest. The order of
the packages is the manifest's, the order of a package's files that of their paths.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from qyn1_core.errors import ConfigError, NotFound, PluginError, SourceError
from qyn1_core.output import whole_file
from qyn1_plugins.host import Host
from qyn1_plugins.spec import Trainer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "LICENCES",
    "MAX_PRIOR",
    "Manifest",
    "Package",
    "files_of",
    "read_manifest",
    "train",
    "training_files",
    "tree_digest",
]

MAX_PRIOR: Final = 2_000_000
"""Most bytes of one prior."""

LICENCES: Final = frozenset({"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "PSF-2.0", "ISC", "Zlib", "BSL-1.0"})
"""SPDX identifiers of the terms under which code may be trained on."""

_HEAD: Final = 4096
_LISTS: Final = ("keep", "drop")


@dataclass(frozen=True)
class Package:
    """One pinned package.

    ``keep`` and ``drop`` are gitignore-style patterns on the paths inside the archive's top
    folder; an empty ``keep`` keeps everything. ``file`` is the archive's name as the registry
    gives it, ``sha256`` its digest, ``tree`` the `tree_digest` of what is kept. ``form`` is
    ``wheel`` where a registry offers that beside the source.
    """

    name: str
    registry: str
    licence: str
    language: str
    version: str = ""
    form: str = ""
    file: str = ""
    sha256: str = ""
    tree: str = ""
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Name of the unpacked folder: the package's, with scopes flattened."""
        return self.name.removeprefix("@").replace("/", "-")


@dataclass(frozen=True)
class Manifest:
    """A list of packages, and the candidates that were left out (name to reason).

    ``purpose`` is the folder below the corpora's root that they unpack to.
    """

    path: Path
    purpose: str
    packages: tuple[Package, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def permitted(licence: str) -> bool:
    """Whether permitted licences alone can satisfy an SPDX expression (without nesting)."""
    return any(all(term.strip("() ") in LICENCES for term in way.split(" AND ")) for way in licence.split(" OR "))


def read_manifest(path: Path) -> Manifest:
    """The manifest at ``path``; `ConfigError` when it is not one, `NotFound` when there is none."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound(f"no training manifest {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    rows, purpose = table.get("package"), table.get("purpose")
    if not isinstance(rows, list) or not isinstance(purpose, str):
        raise ConfigError(f"{path}: a manifest has a purpose and a list of [[package]] tables")
    packages = tuple(_package(path, table, row) for row in rows)
    places = [(package.language, package.folder) for package in packages]
    for place in places:
        if places.count(place) > 1:
            raise ConfigError(f"{path}: {place[1]} is listed twice")
    left_out = {row["name"]: row["reason"] for row in table.get("left_out", ())}
    return Manifest(path, purpose, packages, left_out)


def _package(path: Path, table: Mapping[str, Any], row: Mapping[str, Any]) -> Package:
    values = {key: table[key] for key in ("language", "keep", "drop") if key in table} | dict(row)
    name = values.get("name", "a package")
    if unknown := values.keys() - {known.name for known in fields(Package)}:
        raise ConfigError(f"{path}: {name}: unknown key {min(unknown)!r}")
    for key, value in values.items():
        items = value if key in _LISTS and isinstance(value, list) else [value]
        if (key in _LISTS) != isinstance(value, list) or not all(isinstance(item, str) for item in items):
            raise ConfigError(f"{path}: {name}: {key} = {value!r} is of the wrong type")
    if lacking := {"name", "registry", "licence", "language"} - values.keys():
        raise ConfigError(f"{path}: {name}: {min(lacking)} is missing")
    checked: dict[str, Any] = {key: tuple(value) if key in _LISTS else value for key, value in values.items()}
    package = Package(**checked)
    if not permitted(package.licence):
        raise ConfigError(f"{path}: {name}: the licence {package.licence} is none of {', '.join(sorted(LICENCES))}")
    if {"/", "\\"} & set(package.folder) or package.folder in ("", ".", ".."):
        raise ConfigError(f"{path}: {name!r} is no name of a package")
    return package


def files_of(folder: Path) -> list[tuple[str, Path]]:
    """Every regular file below ``folder`` with its relative path, sorted by path as UTF-8 bytes."""
    found = [
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    return sorted(found, key=lambda item: item[0].encode("utf-8", "surrogateescape"))


def tree_digest(folder: Path) -> str:
    """SHA-256, hexadecimal, over ``path NUL size NUL content`` of every file, sorted by path."""
    return _digest([(name, path.read_bytes()) for name, path in files_of(folder)])


def _digest(files: list[tuple[str, bytes]]) -> str:
    digest = sha256()
    for name, content in files:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0%d\0" % len(content) + content)
    return digest.hexdigest()


def training_files(host: Host, corpus_root: Path, language: str, manifest: Manifest) -> list[list[bytes]]:
    """The files of each package of ``manifest`` that are in ``language``, as `train` reads them.

    Each package stands in ``corpus_root/PURPOSE/LANGUAGE/PACKAGE``. Raises `NotFound` when one does
    not, and `SourceError` when one is not what the manifest pins.
    """
    packages: list[list[bytes]] = []
    for package in manifest.packages:
        if package.language != language:
            raise ConfigError(f"{manifest.path} trains {package.language}, not {language}")
        folder = corpus_root / manifest.purpose / package.language / package.folder
        if not folder.is_dir():
            raise NotFound(f"the training package {package.name} is not in {folder}: fetch the corpora first")
        if not package.tree:
            raise ConfigError(f"{manifest.path}: {package.name} has no tree digest: pin it first")
        files = [(name, path.read_bytes()) for name, path in files_of(folder)]
        digest = _digest(files)
        if digest != package.tree:
            raise SourceError(
                f"has the tree digest {digest}, the manifest {package.tree}: fetch the package again", str(folder)
            )
        packages.append([data for name, data in files if host.detect_language(name, data[:_HEAD]) == language])
    return packages


def train(
    host: Host,
    corpus_root: Path,
    language: str,
    compressor_name: str,
    manifest: Path,
    *,
    folder: Path | None = None,
) -> Path:
    """Train ``compressor_name`` on what ``manifest`` lists and write the prior; its path.

    ``corpus_root`` holds the unpacked packages (`training_files`). The prior goes to ``folder``, by
    default the one above the manifest's, as ``COMPRESSOR.LANGUAGE.VERSION.SHA256.qprior``: with
    the version after the highest that is there, unless the very same prior is there already.
    The same manifest gives the same bytes. Raises `PluginError` when the compressor
    does not train, `ConfigError` when the prior is larger than `MAX_PRIOR`.
    """
    compressor = host.compressor(compressor_name)
    if not isinstance(compressor, Trainer):
        raise PluginError(f"the compressor {compressor_name!r} trains no priors")
    host.frontend(language)
    packages = training_files(host, corpus_root, language, read_manifest(manifest))
    if not any(packages):
        raise ConfigError(f"{manifest} lists no file in {language}")
    content = compressor.train(packages, language)
    if len(content) > MAX_PRIOR:
        raise ConfigError(
            f"the prior of {compressor_name} for {language} has {len(content):,} bytes; the limit is {MAX_PRIOR:,}"
        )
    folder = manifest.resolve().parent.parent if folder is None else folder
    digest = sha256(content).hexdigest()
    version = 0
    for path in folder.glob(f"{compressor_name}.{language}.*.*.qprior"):
        _, _, number, known, _ = path.name.split(".")
        if known == digest:
            return path
        version = max(version, int(number))
    path = folder / f"{compressor_name}.{language}.{version + 1}.{digest}.qprior"
    with whole_file(path) as file:
        file.write(content)
    return path
