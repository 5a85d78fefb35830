"""What is to be packed, as a table: a project may have hundreds of thousands of files."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Literal, NamedTuple

from qyn1_core.archive.path_table import PathTable
from qyn1_core.table import Table

__all__ = ["EntryKindName", "ProjectEntries", "ProjectEntry", "by_path"]

EntryKindName = Literal["file", "symlink", "directory"]
_KINDS: tuple[EntryKindName, ...] = ("file", "symlink", "directory")


class ProjectEntry(NamedTuple):
    """One file, symbolic link or empty folder to pack.

    ``path`` is relative to the project with forward slashes, spelled as the file
    system gives it. ``mode`` holds permission bits only, ``size`` bytes (0 unless a
    file), ``target`` the text of a link. ``source`` is where it is.
    """

    path: str
    kind: EntryKindName
    mode: int
    size: int
    target: str
    source: str


def by_path(entry: ProjectEntry) -> bytes:
    """The key that brings entries into the order in which they are packed."""
    return entry.path.encode("utf-8", "surrogateescape")


class ProjectEntries(Table[ProjectEntry]):
    """Entries of one folder, to append to; each is made when it is asked for.

    ``source`` of an entry is ``location``, which ends with a separator, and its path; or ``location``
    itself, when that is a ``single`` file.
    """

    def __init__(self, location: str, *, single: bool = False) -> None:
        self._location = location
        self._single = single
        self._paths = PathTable()
        self._kinds = bytearray()
        self._modes = array("H")
        self._sizes = array("Q")
        self._targets: dict[int, str] = {}

    def append(self, path: str, kind: EntryKindName, mode: int, size: int = 0, target: str = "") -> None:
        """Add an entry at the end."""
        if target:
            self._targets[len(self._kinds)] = target
        self._paths.append(path)
        self._kinds.append(_KINDS.index(kind))
        self._modes.append(mode)
        self._sizes.append(size)

    def __len__(self) -> int:
        return len(self._kinds)

    def _at(self, number: int) -> ProjectEntry:
        return self._entry(number, self._paths[number])

    def __iter__(self) -> Iterator[ProjectEntry]:
        return map(self._entry, range(len(self)), self._paths)

    def _entry(self, number: int, path: str) -> ProjectEntry:
        return ProjectEntry(
            path,
            _KINDS[self._kinds[number]],
            self._modes[number],
            self._sizes[number],
            self._targets.get(number, ""),
            self._location if self._single else self._location + path,
        )
