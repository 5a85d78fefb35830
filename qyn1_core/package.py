"""`open_package`: a sealed package as a place to look things up in, and everything done with one."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from qyn1_core import envelope
from qyn1_core.archive import DEFAULT_LIMITS, MAGIC, VERSION, ArchiveReader, Entry, EntryKind, Limits
from qyn1_core.errors import AuthenticationError, FormatError, KeyUnavailable, NotFound, PermissionDenied
from qyn1_core.extraction import extract, select
from qyn1_core.limits import choose_workers, machine
from qyn1_core.pipeline import in_threads
from qyn1_core.report import Stopwatch, UnpackReport, peak_rss
from qyn1_plugins.host import Host, default_host

__all__ = ["Difference", "Package", "PublicView", "diff", "inspect_package", "open_package", "unpack"]

_MAX_HOPS: Final = 40


@dataclass(frozen=True)
class PublicView:
    """What anyone can see of a package without a key. ``size`` is in bytes."""

    size: int
    encrypted: bool
    armored: bool
    recipients: tuple[str, ...]
    format_version: int | None
    plugins: tuple[str, ...]
    name: str | None


class Package:
    """An open package. Close it, or use it in a ``with`` statement.

    Everything read through it has been authenticated (unless the package is a bare
    archive) and checked against its checksum.
    """

    def __init__(self, source: BinaryIO, reader: ArchiveReader, *, encrypted: bool) -> None:
        self._source = source
        self._reader = reader
        self.encrypted = encrypted

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the source."""
        self._source.close()

    @property
    def reader(self) -> ArchiveReader:
        """The archive inside."""
        return self._reader

    @property
    def size(self) -> int:
        """Bytes of the whole package, envelope included."""
        place = self._source.tell()
        size = self._source.seek(0, 2)
        self._source.seek(place)
        return size

    @property
    def entries(self) -> list[Entry]:
        """All entries, by path."""
        return sorted(self._reader.directory.entries, key=lambda entry: entry.path.encode("utf-8"))

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and path in self._numbers

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Entries by path; made when somebody looks one up, since there may be very many."""
        return {entry.path: number for number, entry in enumerate(self._reader.directory.entries)}

    def read(self, path: str) -> bytes:
        """The bytes of the file ``path`` (a link within the package is followed)."""
        return b"".join(self.parts(path))

    def parts(self, path: str) -> Iterator[bytes]:
        """The bytes of the file ``path``, block by block."""
        for _ in range(_MAX_HOPS):
            number = self._numbers.get(path)
            if number is None:
                raise NotFound(f"the package has no {path!r}; `qyn1 list` shows what it has")
            entry = self._reader.directory.entries[number]
            if entry.kind is EntryKind.DIRECTORY:
                raise NotFound(f"{path!r} is a folder")
            if entry.kind is not EntryKind.SYMLINK:
                return self._reader.file(number)
            path = _join(path, entry.target)
        raise NotFound(f"{path!r} is a link that leads in a circle")

    def verify(self, *, workers: int = 0) -> int:
        """Decode and check every block; the number of bytes checked. Raises what is wrong."""
        blocks = range(len(self._reader.directory.blocks))
        checked = 0
        for _, data in in_threads(iter(blocks), self._reader.block, self._workers(workers)):
            checked += len(data)
        return checked

    def extract(
        self, target: Path, paths: Collection[str] = (), *, force: bool = False, workers: int = 0
    ) -> UnpackReport:
        """Write the entries that ``paths`` name (all for none) below the folder ``target``."""
        watch = Stopwatch()
        numbers = select(self._reader.directory, paths)
        report = UnpackReport(output=str(target), packed_size=self._reader.size)
        for number in numbers:
            entry = self._reader.directory.entries[number]
            report.files += entry.kind in (EntryKind.FILE, EntryKind.COPY)
            report.links += entry.kind is EntryKind.SYMLINK
            report.directories += entry.kind is EntryKind.DIRECTORY
            report.raw_size += entry.size
        used = self._workers(workers)
        with watch.stage("extract"):
            extract(self._reader, target, numbers, workers=used, force=force)
        report.blocks = len(self._reader.directory.blocks)
        report.workers = used
        report.seconds = {**watch.seconds, "total": watch.total()}
        report.peak_rss = peak_rss()
        if not self.encrypted:
            report.notes.append("the package is not encrypted: nothing tells whether somebody changed it")
        return report

    def _workers(self, requested: int) -> int:
        directory = self._reader.directory
        memory = max((method.memory * 1024 for method in directory.methods), default=0)
        raw = max((block.raw_size for block in directory.blocks), default=0)
        return max(1, min(choose_workers(requested, machine(), memory + 3 * raw), len(directory.blocks)))


def _join(path: str, target: str) -> str:
    """Where a link at ``path`` leads; the archive's checks have shown that it stays inside."""
    parts = path.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            parts = parts[:-1]
        elif step not in ("", "."):
            parts.append(step)
    return "/".join(parts)


def _open_source(source: Path | BinaryIO) -> BinaryIO:
    if not isinstance(source, Path):
        return source
    try:
        return source.open("rb")
    except FileNotFoundError:
        raise NotFound(f"{source} does not exist") from None
    except IsADirectoryError:
        raise FormatError(f"{source} is a folder, not a package") from None
    except PermissionError:
        raise PermissionDenied(f"no permission to read {source}") from None


@contextlib.contextmanager
def _naming(source: Path | BinaryIO) -> Iterator[None]:
    """Who opens several packages learns which of them cannot be read."""
    try:
        yield
    except (AuthenticationError, FormatError) as error:
        if isinstance(source, Path):
            error.args = (f"{source}: {error}",)
        raise


def _is_sealed(source: BinaryIO) -> bool:
    source.seek(0)
    head = source.read(envelope.HEAD_SIZE)
    source.seek(0)
    return envelope.is_age(head)


def open_package(
    source: Path | BinaryIO,
    identities: Sequence[envelope.Identity] = (),
    *,
    host: Host | None = None,
    limits: Limits = DEFAULT_LIMITS,
    portable_names: bool = True,
    cipher: str | None = None,
) -> Package:
    """Open a package with whichever of ``identities`` fits.

    ``source`` is a path or a seekable binary stream, which the package then owns.
    ``portable_names=False`` admits names that only some systems can hold. Raises
    `KeyUnavailable`, `AuthenticationError` or `FormatError`.
    """
    host = default_host() if host is None else host
    stream = _open_source(source)
    with _naming(source), contextlib.ExitStack() as stack:
        stack.callback(stream.close)
        sealed = _is_sealed(stream)
        if sealed:
            if not identities:
                raise KeyUnavailable("the package is encrypted: name an identity file with -i")
            opened = envelope.open(stream, identities, cipher=host.cipher(cipher))
            reader = ArchiveReader(opened.payload, host, limits=limits, portable_names=portable_names)
        else:
            reader = ArchiveReader(stream, host, limits=limits, portable_names=portable_names)
        stack.pop_all()
    return Package(stream, reader, encrypted=sealed)


def unpack(
    source: Path | BinaryIO,
    target: Path,
    identities: Sequence[envelope.Identity] = (),
    paths: Collection[str] = (),
    *,
    force: bool = False,
    workers: int = 0,
    host: Host | None = None,
    limits: Limits = DEFAULT_LIMITS,
    portable_names: bool = True,
) -> UnpackReport:
    """Write a package's files below ``target``: all, or those that ``paths`` name.

    Nothing is written unless everything asked for is whole and authentic.
    """
    with open_package(source, identities, host=host, limits=limits, portable_names=portable_names) as package:
        return package.extract(target, paths, force=force, workers=workers)


def inspect_package(source: Path | BinaryIO) -> PublicView:
    """What ``source`` shows without a key."""
    with contextlib.closing(_open_source(source)) as stream:
        size = stream.seek(0, 2)
        if not _is_sealed(stream):
            if stream.read(len(MAGIC)) != MAGIC:
                raise FormatError(
                    "this is not a qyn1 package: it begins neither with an age header nor with the QYN1 magic"
                )
            return PublicView(size, False, False, (), VERSION, (), None)
        info = envelope.inspect(stream)
        facts = info.facts
        return PublicView(
            size,
            True,
            info.armored,
            tuple(info.recipients),
            facts.format_version if facts else None,
            facts.plugins if facts else (),
            facts.name if facts else None,
        )


@dataclass(frozen=True)
class Difference:
    """One path that two packages do not share: ``change`` is added, removed, changed or mode."""

    path: str
    change: str


def diff(first: Package, second: Package) -> list[Difference]:
    """What changed from ``first`` to ``second``, by path."""
    old = {entry.path: entry for entry in first.entries}
    new = {entry.path: entry for entry in second.entries}
    found = []
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            found.append(Difference(path, "removed"))
        elif path not in old:
            found.append(Difference(path, "added"))
        elif _differs(first, old[path], second, new[path]):
            found.append(Difference(path, "changed"))
        elif old[path].mode != new[path].mode:
            found.append(Difference(path, "mode"))
    return found


def _differs(first: Package, old: Entry, second: Package, new: Entry) -> bool:
    files = (EntryKind.FILE, EntryKind.COPY)
    if (old.kind in files) != (new.kind in files):
        return True
    if old.kind in files:
        return old.size != new.size or first.read(old.path) != second.read(new.path)
    return old.kind != new.kind or old.target != new.target
