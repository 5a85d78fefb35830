"""Very many paths in little memory: each folder once, the names end to end.

A list of path strings takes about 120 bytes for each of them, this table what the
name has and sixteen more.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from qyn1_core.table import Table

__all__ = ["PathTable", "split"]


def split(path: str) -> tuple[str, str]:
    """The folder of ``path``, with the slash at its end (empty for the top), and its name there."""
    name = path.rpartition("/")[2]
    return path[: len(path) - len(name)], name


class PathTable(Table[str]):
    """A sequence of paths to append to. Any text is a path; folders are what stands before a slash."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.folders: list[str] = []
        """The distinct folders, each with the slash at its end (empty for the top), as they first occurred."""
        self._numbers: dict[str, int] = {}
        self._folder = array("I")  # of each path
        self._ends = array("Q")  # of each name in _names
        self._names = bytearray()
        for path in paths:
            self.append(path)

    def append(self, path: str) -> None:
        """Add ``path`` at the end."""
        folder, name = split(path)
        number = self._numbers.get(folder)
        if number is None:
            number = self._numbers[folder] = len(self.folders)
            self.folders.append(folder)
        self._folder.append(number)
        self._names += name.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._names))

    def __len__(self) -> int:
        return len(self._ends)

    def _at(self, number: int) -> str:
        return self.folders[self._folder[number]] + self.name(number)

    def __iter__(self) -> Iterator[str]:
        folders, names, begin = self.folders, self._names, 0
        for folder, end in zip(self._folder, self._ends, strict=True):
            yield folders[folder] + names[begin:end].decode("utf-8", "surrogatepass")
            begin = end

    def name(self, number: int) -> str:
        """The last component of path ``number``."""
        begin = self._ends[number - 1] if number else 0
        return self._names[begin : self._ends[number]].decode("utf-8", "surrogatepass")

    def by_folder(self) -> Iterator[tuple[str, array[int]]]:
        """Each of `folders`, in order, with the numbers of the paths directly in it, ascending."""
        ends = array("I", bytes(4 * len(self.folders)))
        for folder in self._folder:
            ends[folder] += 1
        total = 0
        for folder, count in enumerate(ends):
            ends[folder] = total
            total += count
        order = array("I", bytes(4 * total))
        for number, folder in enumerate(self._folder):
            order[ends[folder]] = number
            ends[folder] += 1
        begin = 0
        for folder, end in enumerate(ends):
            yield self.folders[folder], order[begin:end]
            begin = end
