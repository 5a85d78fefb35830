"""Objects and their linking: what build systems keep for each library, and one package made of them.

An object (``.qyn1o``) is a bare archive: deterministic, not encrypted. `link_objects`
copies the blocks of objects into one archive and merges their directories; nothing
is compressed again, so that a changed file costs the compression of its library only.
"""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from qyn1_core.archive import (
    ArchiveReader,
    ArchiveWriter,
    Block,
    Directory,
    Entry,
    EntryKind,
    Method,
    UnsafePath,
    check_entries,
    check_path,
)
from qyn1_core.archive.layout import HEADER_SIZE
from qyn1_core.configuration.priors import Priors
from qyn1_core.errors import ConfigError, FormatError, NotFound, PermissionDenied, SourceError
from qyn1_core.output import whole_file
from qyn1_core.packing import pack_entries
from qyn1_core.project import ProjectEntry
from qyn1_core.report import LinkReport, PackReport, Stopwatch, peak_rss
from qyn1_core.sealing import Sealing, seal_archive
from qyn1_plugins.host import Host
from qyn1_plugins.spec import BlockEvent

__all__ = ["ObjectFile", "SourceFile", "compile_object", "link_objects", "project_entries"]

_OTHER_REPOSITORY: Final = re.compile(r"^\.\./(?!\.\.?/)[^/]+/")
_EXECUTABLE: Final = 0o755
_PLAIN: Final = 0o644


@dataclass(frozen=True)
class SourceFile:
    """One file of an object: its path in the package, where its bytes are, whether it may be executed."""

    path: str
    file: str
    executable: bool = False

    @classmethod
    def parse(cls, line: str) -> SourceFile:
        """``PATH<TAB>FILE<TAB>MODE<TAB>STRIP_PREFIX<TAB>PREFIX``; from FILE on, everything may be left out.

        PATH loses STRIP_PREFIX, which it must begin with, and is put below PREFIX. A
        PATH that begins with ``../`` is that of another Bazel repository, whose name
        it loses. MODE is 644 or 755. Raises `ConfigError`.
        """
        fields = line.split("\t")
        if len(fields) > 5:
            raise ConfigError(f"{line!r} has {len(fields)} fields; a source has at most five, separated by tabs")
        path, file, mode, strip_prefix, prefix = fields + [""] * (5 - len(fields))
        if mode not in ("", "644", "755"):
            raise ConfigError(f"{path}: the mode {mode!r} is neither 644 nor 755")
        place = _OTHER_REPOSITORY.sub("", path)
        strip_prefix, prefix = strip_prefix.strip("/"), prefix.strip("/")
        if strip_prefix:
            if not place.startswith(strip_prefix + "/"):
                raise ConfigError(f"strip_prefix: {place} does not lie below {strip_prefix!r}")
            place = place[len(strip_prefix) + 1 :]
        if prefix:
            place = f"{prefix}/{place}"
        try:
            check_path(place, portable=False)
        except UnsafePath as error:
            raise ConfigError(f"{place!r} cannot be a path in a package: it has {error}") from None
        return cls(place, file or path, mode == "755")


def project_entries(sources: Sequence[SourceFile], base: Path) -> list[ProjectEntry]:
    """What `pack_entries` takes for ``sources``, whose files are relative to ``base``.

    Modes are 0o644 or 0o755, as the source says, never what the file system says.
    Raises `SourceError`, `NotFound` or `PermissionDenied`, naming the file.
    """
    chosen: dict[str, SourceFile] = {}
    for source in sources:
        other = chosen.setdefault(source.path, source)
        if other.file != source.file:
            raise SourceError(
                f"both {other.file} and {source.file} come to this path; leave one out, in Bazel of srcs", source.path
            )
        if source.executable:
            chosen[source.path] = source
    entries: list[ProjectEntry] = []
    for source in chosen.values():
        place = base / source.file
        mode = _EXECUTABLE if source.executable else _PLAIN
        entries.append(ProjectEntry(source.path, "file", mode, _size(place, source.file), "", str(place)))
    return entries


def _size(place: Path, name: str) -> int:
    """The size of the regular file ``place``."""
    try:
        status = place.stat()
    except FileNotFoundError:
        raise NotFound(f"{name}: no such file") from None
    except PermissionError:
        raise PermissionDenied(f"{name}: no permission to read it") from None
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", name) from None
    if stat.S_ISDIR(status.st_mode):
        raise SourceError("is a folder; name its files, in Bazel with glob()", name)
    if not stat.S_ISREG(status.st_mode):
        raise SourceError("is not a regular file", name)
    return status.st_size


def compile_object(
    sources: Sequence[SourceFile],
    output: Path,
    *,
    priors: Priors,
    host: Host,
    base: Path = Path(),
    language: str | None = None,
    force: bool = False,
    progress: Callable[[BlockEvent], None] | None = None,
) -> PackReport:
    """Write the object of ``sources`` to ``output``: equal sources and priors give equal bytes.

    It appears whole or not at all, and is not forced to the disk: a build that a failure of the
    machine has interrupted makes it again.
    """
    entries = project_entries(sources, base)
    with whole_file(output, force=force, durable=False) as out:
        report = pack_entries(
            entries, out, Sealing.open(), priors=priors, language=language, host=host, progress=progress
        )
    report.output = str(output)
    return report


@dataclass(frozen=True)
class ObjectFile:
    """An object to link, and the name (in Bazel, the label) by which messages call it."""

    file: Path
    name: str


@dataclass(frozen=True)
class _Object:
    """An object whose directory has been read; its file is closed again, for there may be thousands."""

    name: str
    file: Path
    directory: Directory
    padded: bool

    def payloads(self) -> Iterator[tuple[Block, bytes]]:
        """The blocks as they stand in the file."""
        with self.file.open("rb") as file:
            file.seek(HEADER_SIZE)
            for block in self.directory.blocks:
                payload = file.read(block.packed_size)
                if len(payload) != block.packed_size:
                    raise FormatError(f"{self.name} changed while it was being linked; try again")
                yield block, payload


def link_objects(
    objects: Sequence[ObjectFile],
    output: Path | BinaryIO,
    sealing: Sealing,
    *,
    priors: Priors,
    host: Host,
    force: bool = False,
    progress: Callable[[BlockEvent], None] | None = None,
) -> LinkReport:
    """Copy the blocks of ``objects``, in order, into one package and close it as ``sealing`` says.

    Of ``priors`` only cipher, name and scratch count: the rest was decided when the
    objects were made. Raises `ConfigError` for two objects that have a file of one
    path, naming both, and `FormatError` for what is no object.
    """
    watch = Stopwatch()
    with watch.stage("open"):
        opened = [_open(item, host) for item in objects]
        entries = _merged_entries(opened)
        facts = _merged_facts(opened)
        methods = _merged_methods(opened)
    total = sum(len(item.directory.blocks) for item in opened)
    padded = priors.mode == "security" or any(item.padded for item in opened)

    def write(archive_file: BinaryIO) -> None:
        archive = ArchiveWriter(archive_file, host, padded=padded)
        number = 0
        for item in opened:
            for block, payload in item.payloads():
                method = methods[_key(item.directory.methods[block.method])]
                archive.add_block(method, block.raw_size, block.checksum, payload)
                number += 1
                if progress is not None:
                    progress(
                        BlockEvent(
                            number, total, method.language, method.compressor, block.raw_size, block.packed_size, 0.0
                        )
                    )
        archive.finish(entries, facts)

    with contextlib.ExitStack() as stack:
        out = stack.enter_context(whole_file(output, force=force)) if isinstance(output, Path) else output
        size = seal_archive(
            out,
            write,
            sealing,
            cipher=host.cipher(priors.cipher),
            plugins=sorted({f"{method.compressor}/{method.version}" for method in methods.values()}),
            name=priors.name,
            scratch=priors.scratch,
            at_most=sum(item.file.stat().st_size for item in opened),
            watch=watch,
        )
    return LinkReport(
        output=str(output) if isinstance(output, Path) else "-",
        objects=len(objects),
        files=sum(entry.kind in (EntryKind.FILE, EntryKind.COPY) for entry in entries),
        links=sum(entry.kind is EntryKind.SYMLINK for entry in entries),
        directories=sum(entry.kind is EntryKind.DIRECTORY for entry in entries),
        raw_size=sum(entry.size for entry in entries),
        packed_size=size,
        blocks=total,
        encryption=sealing.encryption,
        deterministic=sealing.is_deterministic,
        seconds={**watch.seconds, "total": watch.total()},
        peak_rss=peak_rss(),
    )


def _open(item: ObjectFile, host: Host) -> _Object:
    try:
        with item.file.open("rb") as file:
            reader = ArchiveReader(file, host, portable_names=False)
            return _Object(item.name, item.file, reader.directory, reader.padded)
    except FileNotFoundError:
        raise NotFound(f"the object {item.name} does not exist") from None
    except IsADirectoryError:
        raise FormatError(f"{item.name} is a folder, not an object") from None
    except FormatError as error:
        raise FormatError(f"{item.name} is no object of qyn1: {error}") from None


def _merged_entries(opened: Sequence[_Object]) -> tuple[Entry, ...]:
    """The entries of all objects, in order. An empty folder that several have is kept once."""
    merged: list[Entry] = []
    owners: dict[str, tuple[str, Entry]] = {}
    for item in opened:
        places: dict[int, int] = {}
        for number, entry in enumerate(item.directory.entries):
            owner, known = owners.get(entry.path, ("", entry))
            if owner:
                if known.kind is entry.kind is EntryKind.DIRECTORY and known.mode == entry.mode:
                    continue
                raise ConfigError(
                    f"both {owner} and {item.name} have {entry.path}; a package has one file of a path: "
                    "leave it out of the srcs of one of them, or give one a prefix"
                )
            owners[entry.path] = (item.name, entry)
            places[number] = len(merged)
            merged.append(entry._replace(original=places[entry.original]) if entry.kind is EntryKind.COPY else entry)
    try:
        check_entries(merged, portable=False)
    except UnsafePath as error:
        raise ConfigError(f"these objects cannot stand in one package: {error}") from None
    return tuple(merged)


def _merged_facts(opened: Sequence[_Object]) -> Mapping[str, str]:
    facts: dict[str, str] = {}
    for item in opened:
        for key, value in item.directory.facts.items():
            if facts.setdefault(key, value) != value:
                raise ConfigError(f"{item.name} has {key} {value}, another object {facts[key]}; make them alike")
    return facts


def _key(method: Method) -> Method:
    return method._replace(memory=0)


def _merged_methods(opened: Sequence[_Object]) -> Mapping[Method, Method]:
    """One method for all that differ in memory only: the one that needs most."""
    merged: dict[Method, Method] = {}
    for item in opened:
        for method in item.directory.methods:
            known = merged.get(_key(method), method)
            merged[_key(method)] = max(known, method, key=lambda each: each.memory)
    return merged
