"""Writes the files of an archive: staged, checked whole, then put in place.

Nothing of a package reaches the target before all of what was asked for has been
decoded and checked. The staging folder is new, private to this process's user, and
on the target's own file system, so that putting in place is renaming.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedWriter
from itertools import groupby
from pathlib import Path

from qyn1_core.archive import ArchiveReader, Directory, Entry, EntryKind
from qyn1_core.errors import NotFound, PermissionDenied
from qyn1_core.output import TEMPORARY_PREFIX, current_umask, naming, sync_directory
from qyn1_core.pipeline import in_threads

__all__ = ["extract", "select"]


def extract(reader: ArchiveReader, target: Path, numbers: Sequence[int], *, workers: int, force: bool) -> None:
    """Write the entries ``numbers`` below the folder ``target``, which is created if need be.

    Raises `PermissionDenied` when something stands where an entry goes and not
    ``force``, or when a link in ``target`` would lead an entry elsewhere.
    """
    directory = reader.directory
    if os.path.lexists(target) and not target.is_dir():
        raise PermissionDenied(f"{target} is not a folder: choose another one with -C")
    _check_conflicts(target, (directory.entries[n] for n in numbers), force=force)
    with naming(target), _staging(target) as stage:
        _write_files(reader, stage, numbers, workers)
        _write_links_and_directories(directory, stage, numbers)
        _put_in_place(stage, target)


def _check_conflicts(target: Path, entries: Iterable[Entry], *, force: bool) -> None:
    if not target.is_dir():
        return
    sound: set[str] = {""}
    for entry in entries:
        _check_parents(target, entry.path, sound)
        place = target / entry.path
        if not os.path.lexists(place):
            continue
        if place.is_dir() and not place.is_symlink():
            if entry.kind is EntryKind.DIRECTORY:
                continue
            raise PermissionDenied(f"{place} is a folder, and the package has a file or link of that name")
        if not force:
            raise PermissionDenied(f"{place} exists: unpack elsewhere with -C, or --force to replace it")


def _check_parents(target: Path, path: str, sound: set[str]) -> None:
    """Every folder on the way to ``path`` that exists must be a real one, not a link to elsewhere."""
    parent = path.rpartition("/")[0]
    waiting = []
    while parent not in sound:
        waiting.append(parent)
        parent = parent.rpartition("/")[0]
    for folder in reversed(waiting):
        place = target / folder
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            raise PermissionDenied(f"{place} is not a folder (or is a link), and the package has files below it")
        sound.add(folder)


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A new private folder on the file system of ``target``; it and what is in it go when the block ends."""
    place = target
    while not place.is_dir():
        place = place.parent
    try:
        stage = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=place))
    except PermissionError:
        raise PermissionDenied(f"no permission to write in the folder {place}") from None
    try:
        yield stage
    finally:
        if stage.exists():
            shutil.rmtree(stage)


def _write_files(reader: ArchiveReader, stage: Path, numbers: Sequence[int], workers: int) -> None:
    directory = reader.directory
    wanted = bytearray(len(directory.entries))
    for number in numbers:
        wanted[number] = 1
    folders: set[str] = set()
    places = array("Q")  # block and entry in one number: they are many
    parted: list[Entry] = []  # what is not written at once: empty files, and those in several blocks
    copies: list[Entry] = []
    for number in numbers:
        entry = directory.entries[number]
        # A copy whose original was not asked for is decoded like a file of its own.
        if entry.kind is EntryKind.COPY and wanted[entry.original]:
            copies.append(entry)
        elif entry.kind in (EntryKind.FILE, EntryKind.COPY):
            extents = directory.extents(number)
            places.extend(extent.block << 32 | number for extent in extents)
            if len(extents) != 1:
                parted.append(entry)
                _create(stage, entry.path, folders).close()
    places = array("Q", sorted(places))
    blocks = (block for block, _ in groupby(place >> 32 for place in places))
    begin = 0
    for block, data in in_threads(blocks, reader.block, workers):
        end = bisect_left(places, block + 1 << 32, begin)
        content = memoryview(data)
        for place in places[begin:end]:
            number = place & 0xFFFFFFFF
            entry, extent = directory.entries[number], directory.extent(number, block)
            whole = extent.size == entry.size
            with _create(stage, entry.path, folders) if whole else open(_place(stage, entry.path), "ab") as file:  # noqa: PTH123
                file.write(content[extent.offset : extent.offset + extent.size])
            if whole:
                os.chmod(file.name, entry.mode)  # noqa: PTH101
        begin = end
    for entry in copies:
        with _create(stage, entry.path, folders) as file:
            shutil.copyfile(_place(stage, directory.entries[entry.original].path), file.name)
    for entry in (*parted, *copies):
        os.chmod(_place(stage, entry.path), entry.mode)  # noqa: PTH101


def _place(stage: Path, path: str) -> str:
    """Where ``path`` goes; a string, since making a `Path` for each of very many files takes its time."""
    return os.path.join(stage, path)  # noqa: PTH118


def _create(stage: Path, path: str, folders: set[str]) -> BufferedWriter:
    """A new file, to be written and closed; ``folders`` are those that have been made."""
    folder = path.rpartition("/")[0]
    if folder not in folders:
        (stage / folder).mkdir(parents=True, exist_ok=True)
        folders.add(folder)
    return open(_place(stage, path), "xb")  # noqa: PTH123


def _write_links_and_directories(directory: Directory, stage: Path, numbers: Sequence[int]) -> None:
    """Links come last: nothing is ever written through one."""
    for number in numbers:
        entry = directory.entries[number]
        if entry.kind is EntryKind.DIRECTORY:
            (stage / entry.path).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        entry = directory.entries[number]
        if entry.kind is EntryKind.SYMLINK:
            place = stage / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(entry.target)
    for number in numbers:
        entry = directory.entries[number]
        if entry.kind is EntryKind.DIRECTORY:
            (stage / entry.path).chmod(entry.mode)


def _put_in_place(stage: Path, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp made the folder private; what takes its place is an ordinary one.
        stage.chmod(0o777 & ~current_umask())
        stage.rename(target)
    else:
        _merge(stage, target)
    sync_directory(target)


def _merge(source: Path, target: Path) -> None:
    for entry in sorted(os.scandir(source), key=lambda item: item.name):
        place = target / entry.name
        if entry.is_dir(follow_symlinks=False) and _is_real_directory(place):
            _merge(Path(entry.path), place)
        else:
            Path(entry.path).replace(place)


def _is_real_directory(place: Path) -> bool:
    try:
        return stat.S_ISDIR(place.lstat().st_mode)
    except FileNotFoundError:
        return False


def select(directory: Directory, paths: Collection[str]) -> Sequence[int]:
    """The entries that ``paths`` name, a folder standing for all below it; all entries for no path.

    Raises `NotFound` for a path that names nothing.
    """
    if not paths:
        return range(len(directory.entries))
    wanted = {path.strip("/").removeprefix("./") for path in paths}
    found: set[str] = set()
    numbers = array("I")
    for number, entry in enumerate(directory.entries):
        place = entry.path
        while True:
            if place in wanted:
                found.add(place)
                numbers.append(number)
                break
            place, slash, _ = place.rpartition("/")
            if not slash:
                break
    missing = sorted(wanted - found)
    if missing:
        raise NotFound(f"the package has no {missing[0]!r}; `qyn1 list` shows what it has")
    return numbers
