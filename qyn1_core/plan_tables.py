"""The files and blocks of a plan as columns."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from qyn1_core.archive import Entry, EntryKind
from qyn1_core.project_entries import ProjectEntry
from qyn1_core.table import Table

__all__ = ["BlockPlan", "BlockPlans", "Material", "Materials", "Piece", "PlannedEntries"]

_DIGEST: Final = 32
_ENTRY_KINDS: Final = {"symlink": EntryKind.SYMLINK, "directory": EntryKind.DIRECTORY}


class Material(NamedTuple):
    """One file to pack, of which ``size`` bytes are packed: its own, or those of its canonical form.

    ``data`` is what is packed, if it was kept.
    """

    entry: ProjectEntry
    language: str
    size: int
    data: bytes | None = None


class Materials(Table[Material]):
    """All files to pack. They are added in the order of their paths, and sorted by language in the end."""

    def __init__(self, entries: Sequence[ProjectEntry]) -> None:
        self._entries = entries
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._entry = array("I")
        self._language = array("H")
        self._size = array("Q")
        self._data: dict[int, bytes] = {}
        self._digests = bytearray()
        self._digest_ends = array("I")
        self._order = array("I")

    def append(self, entry: int, material: Material, digests: Sequence[bytes] = ()) -> None:
        """Add ``material``, whose entry is the one with number ``entry``.

        ``digests`` are the SHA-256 of its pieces of a block's size each, where somebody asked for them.
        """
        number = self._numbers.setdefault(material.language, len(self._numbers))
        if number == len(self._names):
            self._names.append(material.language)
        if material.data is not None:
            self._data[len(self._entry)] = material.data
        self._order.append(len(self._entry))
        self._entry.append(entry)
        self._language.append(number)
        self._size.append(material.size)
        for digest in digests:
            self._digests += digest
        self._digest_ends.append(len(self._digests) // _DIGEST)

    def sort(self) -> None:
        """One language after the other; within it everything stays in order."""
        by_language = [array("I") for _ in self._names]
        for place in self._order:
            by_language[self._language[place]].append(place)
        self._order = array("I")
        for _, places in sorted(zip(self._names, by_language, strict=True)):
            self._order.extend(places)

    @property
    def languages(self) -> list[str]:
        """Those that occur, sorted."""
        return sorted(self._names)

    def __len__(self) -> int:
        return len(self._order)

    def _at(self, number: int) -> Material:
        place = self._order[number]
        return Material(
            self._entries[self._entry[place]],
            self._names[self._language[place]],
            self._size[place],
            self._data.get(place),
        )

    def entry(self, number: int) -> ProjectEntry:
        """The entry of material ``number``."""
        return self._entries[self._entry[self._order[number]]]

    def size(self, number: int) -> int:
        """The bytes that are packed of material ``number``."""
        return self._size[self._order[number]]

    def language(self, number: int) -> str:
        """The language of material ``number``."""
        return self._names[self._language[self._order[number]]]

    def digests(self, number: int) -> range:
        """Of material ``number`` the numbers of its digests, one for each piece; empty if there are none."""
        place = self._order[number]
        return range(self._digest_ends[place - 1] if place else 0, self._digest_ends[place])

    def digest(self, number: int) -> bytes:
        """The digest with this number."""
        return bytes(self._digests[number * _DIGEST : (number + 1) * _DIGEST])


class Piece(NamedTuple):
    """``size`` bytes of file ``material`` from ``offset``."""

    material: int
    offset: int
    size: int


class BlockPlan(NamedTuple):
    """One block: pieces of files of one language, end to end."""

    language: str
    pieces: tuple[Piece, ...]
    raw_size: int


class BlockPlans(Table[BlockPlan]):
    """All blocks, to append to. Only the first piece of a block may begin inside a file."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self._material = array("I")
        self._size = array("Q")
        self._end = array("I")
        self._offset = array("Q")
        self.raw_size = 0

    def append(self, block: BlockPlan) -> None:
        """Add ``block`` at the end."""
        for piece in block.pieces:
            self._material.append(piece.material)
            self._size.append(piece.size)
        self._end.append(len(self._material))
        self._offset.append(block.pieces[0].offset)
        self.raw_size += block.raw_size

    def __len__(self) -> int:
        return len(self._end)

    def _at(self, number: int) -> BlockPlan:
        end = self._end[number]
        begin = self._end[number - 1] if number else 0
        pieces = tuple(
            Piece(self._material[at], self._offset[number] if at == begin else 0, self._size[at])
            for at in range(begin, end)
        )
        language = self._materials.language(pieces[0].material)
        return BlockPlan(language, pieces, sum(piece.size for piece in pieces))


class PlannedEntries(Table[Entry]):
    """What will stand in the archive: files in the order of ``materials``, then ``others`` (numbers of entries)."""

    def __init__(
        self, entries: Sequence[ProjectEntry], materials: Materials, originals: array[int], others: array[int]
    ) -> None:
        self._entries = entries
        self._materials = materials
        self._originals = originals
        self._others = others

    def __len__(self) -> int:
        return len(self._materials) + len(self._others)

    def _at(self, number: int) -> Entry:
        if number >= len(self._materials):
            entry = self._entries[self._others[number - len(self._materials)]]
            return Entry(entry.path, _ENTRY_KINDS[entry.kind], entry.mode, target=entry.target)
        entry, size = self._materials.entry(number), self._materials.size(number)
        original = self._originals[number]
        if original == number:
            return Entry(entry.path, EntryKind.FILE, entry.mode, size)
        return Entry(entry.path, EntryKind.COPY, entry.mode, size, original)
