"""The entries and blocks of an archive as columns: a large archive has hundreds of thousands of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from qyn1_core.archive.layout import CHECKSUM_SIZE
from qyn1_core.archive.path_table import PathTable
from qyn1_core.table import Table

__all__ = ["Block", "BlockTable", "Entry", "EntryKind", "EntryTable"]


class EntryKind(IntEnum):
    """What an entry is. A COPY is a file whose bytes are those of an earlier file."""

    FILE = 0
    COPY = 1
    SYMLINK = 2
    DIRECTORY = 3


_KINDS = tuple(EntryKind)


class Block(NamedTuple):
    """One independently decodable block. ``checksum`` is of the plain bytes."""

    method: int
    raw_size: int
    packed_size: int
    checksum: bytes


class Entry(NamedTuple):
    """One file, copy, symbolic link or directory.

    ``mode`` has the nine permission bits; ``size`` is a file's; ``original`` is the
    position, among all entries, of the file that a COPY repeats; ``target`` is a link's.
    """

    path: str
    kind: EntryKind
    mode: int
    size: int = 0
    original: int = -1
    target: str = ""


class EntryTable(Table[Entry]):
    """Entries to append to; about 40 bytes each."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.paths = PathTable()
        self._kinds = bytearray()
        self._modes = array("H")
        self._sizes = array("Q")
        self._originals = array("I")  # plus one; zero for none
        self._targets: dict[int, str] = {}
        for entry in entries:
            self.append(entry.path, entry.kind, entry.mode, entry.size, entry.original, entry.target)

    def append(
        self, path: str, kind: EntryKind, mode: int, size: int = 0, original: int = -1, target: str = ""
    ) -> None:
        """Add an `Entry` of these at the end."""
        number = len(self._kinds)
        self.paths.append(path)
        self._kinds.append(kind)
        self._modes.append(mode)
        self._sizes.append(size)
        self._originals.append(original + 1)
        if target:
            self._targets[number] = target

    def __len__(self) -> int:
        return len(self._kinds)

    def __iter__(self) -> Iterator[Entry]:
        columns = zip(self.paths, self._kinds, self._modes, self._sizes, self._originals, strict=True)
        for number, (path, kind, mode, size, original) in enumerate(columns):
            yield Entry(path, _KINDS[kind], mode, size, original - 1, self._targets.get(number, ""))

    def _at(self, number: int) -> Entry:
        return Entry(
            self.paths[number],
            _KINDS[self._kinds[number]],
            self._modes[number],
            self._sizes[number],
            self._originals[number] - 1,
            self._targets.get(number, ""),
        )


class BlockTable(Table[Block]):
    """Blocks to append to; 28 bytes each."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self._methods = array("I")
        self._raw_sizes = array("Q")
        self._packed_sizes = array("Q")
        self._checksums = bytearray()
        for block in blocks:
            self.append(block)

    def append(self, block: Block) -> None:
        """Add ``block`` at the end."""
        self._methods.append(block.method)
        self._raw_sizes.append(block.raw_size)
        self._packed_sizes.append(block.packed_size)
        self._checksums += block.checksum

    def __len__(self) -> int:
        return len(self._methods)

    def _at(self, number: int) -> Block:
        place = number * CHECKSUM_SIZE
        return Block(
            self._methods[number],
            self._raw_sizes[number],
            self._packed_sizes[number],
            bytes(self._checksums[place : place + CHECKSUM_SIZE]),
        )
