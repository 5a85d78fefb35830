"""The directory of an archive: what stands in it and where (docs/format.md, "Directory").

Values are checked once, on the way in; everything behind `Directory.unpack` is sound.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from types import MappingProxyType
from typing import Final, NamedTuple

from qyn1_core.archive.layout import CHECKSUM_SIZE, Cursor, Section, put_varint
from qyn1_core.archive.limits import DEFAULT_LIMITS, Limits
from qyn1_core.archive.paths import UnsafePath, check_tree
from qyn1_core.archive.tables import Block, BlockTable, Entry, EntryKind, EntryTable
from qyn1_core.errors import FormatError

__all__ = ["Block", "Directory", "Entry", "EntryKind", "Extent", "Method", "check_entries"]

PRIOR_DIGEST_SIZE: Final = 8
_OPTIONAL_FROM: Final = 128
_KIND_NAMES: Final = {
    EntryKind.FILE: "file",
    EntryKind.COPY: "file",
    EntryKind.SYMLINK: "link",
    EntryKind.DIRECTORY: "directory",
}


class Method(NamedTuple):
    """How a block was made: everything that decoding it needs beside its bytes."""

    compressor: str
    version: int
    language: str
    prior: bytes  # first 8 bytes of the prior's digest, or empty
    memory: int  # most KiB of working memory that decoding one of its blocks takes


class Extent(NamedTuple):
    """A part of a block: ``size`` plain bytes from ``offset`` in block ``block``."""

    block: int
    offset: int
    size: int


class Directory:
    """Everything but the blocks. Files lie in entry order, end to end, over the blocks' plain bytes."""

    def __init__(
        self,
        methods: tuple[Method, ...],
        blocks: Sequence[Block],
        entries: Sequence[Entry],
        facts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.methods = methods
        self.blocks = blocks
        self.entries = entries
        self.facts = facts

    @cached_property
    def block_ends(self) -> array[int]:
        """Plain bytes up to the end of each block."""
        return array("Q", accumulate(block.raw_size for block in self.blocks))

    @cached_property
    def block_places(self) -> array[int]:
        """Packed bytes before each block, counted from the end of the header."""
        return array("Q", accumulate((block.packed_size for block in self.blocks), initial=0))

    @cached_property
    def _file_starts(self) -> array[int]:
        starts = array("Q")
        position = 0
        for entry in self.entries:
            starts.append(position)
            if entry.kind is EntryKind.FILE:
                position += entry.size
        return starts

    def extents(self, number: int) -> list[Extent]:
        """Where the bytes of entry ``number`` stand (none for links, directories and empty files)."""
        entry = self.entries[number]
        if entry.kind not in (EntryKind.FILE, EntryKind.COPY):
            return []
        begin, end = self._span(entry, number)
        extents = []
        block = bisect_right(self.block_ends, begin)
        while begin < end:
            extents.append(self._extent(block, begin, end))
            begin += extents[-1].size
            block += 1
        return extents

    def extent(self, number: int, block: int) -> Extent:
        """Where the bytes of the file ``number`` that are in ``block`` stand, one of its `extents`."""
        begin, end = self._span(self.entries[number], number)
        return self._extent(block, max(begin, self._block_begin(block)), end)

    def _span(self, entry: Entry, number: int) -> tuple[int, int]:
        """Where the file ``entry`` begins and ends in all plain bytes."""
        begin = self._file_starts[number if entry.kind is EntryKind.FILE else entry.original]
        return begin, begin + entry.size

    def _extent(self, block: int, begin: int, end: int) -> Extent:
        """What ``block`` has from ``begin``, which is in it, to ``end`` at most."""
        return Extent(block, begin - self._block_begin(block), min(end, self.block_ends[block]) - begin)

    def _block_begin(self, block: int) -> int:
        return self.block_ends[block - 1] if block else 0

    # -- bytes --------------------------------------------------------------------

    def pack(self) -> bytes:
        """The directory as bytes, sections in ascending order."""
        out = bytearray()
        for section in Section:
            if section is Section.PROJECT and not self.facts:
                continue
            content = self._packed(section)
            put_varint(out, section)
            put_varint(out, len(content))
            out += content
        return bytes(out)

    def _packed(self, section: Section) -> bytes:
        if section is Section.METHODS:
            return _pack_methods(self.methods)
        if section is Section.BLOCKS:
            return _pack_blocks(self.blocks)
        if section is Section.ENTRIES:
            return _pack_entries(self.entries)
        return _pack_facts(self.facts)

    @classmethod
    def unpack(cls, raw: bytes, *, limits: Limits = DEFAULT_LIMITS, portable_names: bool = True) -> Directory:
        """The directory that ``raw`` states, checked: it contradicts neither itself nor ``limits``."""
        cursor = Cursor(raw, "directory")
        found: dict[int, bytes] = {}
        last = 0
        while cursor.left:
            section = cursor.varint(255)
            if section <= last:
                raise cursor.fail("sections are out of order")
            last = section
            found[section] = cursor.take(cursor.varint())
        for section in found:
            if section < _OPTIONAL_FROM and section not in set(Section):
                raise FormatError(f"the package needs feature {section}, unknown to this qyn1; update qyn1")
        for section in (Section.METHODS, Section.BLOCKS, Section.ENTRIES):
            if section not in found:
                raise cursor.fail(f"the section {section.name.lower()} is missing")
        methods = _unpack_methods(found[Section.METHODS])
        directory = cls(
            methods,
            _unpack_blocks(found[Section.BLOCKS], len(methods), limits),
            _unpack_entries(found[Section.ENTRIES], limits),
            _unpack_facts(found.get(Section.PROJECT, b"\0")),
        )
        directory._check(limits, portable_names=portable_names)
        return directory

    def _check(self, limits: Limits, *, portable_names: bool) -> None:
        in_files = unpacked = 0
        for entry in self.entries:
            unpacked += entry.size
            in_files += entry.size if entry.kind is EntryKind.FILE else 0
        in_blocks = sum(block.raw_size for block in self.blocks)
        if in_files != in_blocks:
            raise FormatError(
                f"the package is damaged or hostile: its files have {in_files} bytes, its blocks {in_blocks}"
            )
        packed = sum(block.packed_size for block in self.blocks)
        limits.check(
            "KiB of memory for one block", max((m.memory for m in self.methods), default=0), limits.memory >> 10
        )
        limits.check("bytes when unpacked", unpacked, limits.total_size)
        limits.check(
            "times its packed size", unpacked // max(packed, 1), limits.ratio, unless=unpacked <= limits.ratio_from
        )
        try:
            check_entries(self.entries, portable=portable_names)
        except UnsafePath as error:
            raise FormatError(f"the package is refused: it holds {error}") from None


def check_entries(entries: Iterable[Entry], *, portable: bool) -> None:
    """Raise `UnsafePath` unless ``entries`` can stand together and none leads out of the folder."""
    links: dict[str, str] = {}

    def paths() -> Iterator[tuple[str, str]]:
        for entry in entries:
            if entry.kind is EntryKind.SYMLINK:
                links[entry.path] = entry.target
            yield entry.path, _KIND_NAMES[entry.kind]

    check_tree(paths(), links, portable=portable)


def _put_text(out: bytearray, text: str) -> None:
    raw = text.encode("utf-8")
    put_varint(out, len(raw))
    out += raw


def _pack_methods(methods: tuple[Method, ...]) -> bytes:
    out = bytearray()
    put_varint(out, len(methods))
    for method in methods:
        _put_text(out, method.compressor)
        put_varint(out, method.version)
        _put_text(out, method.language)
        put_varint(out, len(method.prior))
        out += method.prior
        put_varint(out, method.memory)
    return bytes(out)


def _unpack_methods(raw: bytes) -> tuple[Method, ...]:
    cursor = Cursor(raw, "methods")
    methods = []
    for _ in range(cursor.count(5, 65536)):
        compressor, version, language = cursor.text(64), cursor.varint(), cursor.text(64)
        prior = cursor.take(cursor.varint(PRIOR_DIGEST_SIZE))
        if len(prior) not in (0, PRIOR_DIGEST_SIZE):
            raise cursor.fail("a prior's digest has the wrong size")
        methods.append(Method(compressor, version, language, prior, cursor.varint()))
    cursor.finish()
    return tuple(methods)


def _pack_blocks(blocks: Sequence[Block]) -> bytes:
    """Column by column: like stands beside like, which compresses better."""
    out = bytearray()
    put_varint(out, len(blocks))
    for block in blocks:
        put_varint(out, block.method)
    for block in blocks:
        put_varint(out, block.raw_size)
    for block in blocks:
        put_varint(out, block.packed_size)
    for block in blocks:
        out += block.checksum
    return bytes(out)


def _unpack_blocks(raw: bytes, methods: int, limits: Limits) -> BlockTable:
    cursor = Cursor(raw, "blocks")
    count = cursor.count(3 + CHECKSUM_SIZE, 1 << 31)
    method = array("I", (cursor.varint(methods - 1) for _ in range(count)))
    raw_size = array("Q", (cursor.varint() for _ in range(count)))
    packed_size = array("Q", (cursor.varint() for _ in range(count)))
    limits.check("bytes in one block", max(raw_size, default=0), limits.block_size)
    limits.check("packed bytes in one block", max(packed_size, default=0), 2 * limits.block_size)
    if any(size == 0 for size in raw_size):
        raise cursor.fail("a block is empty")
    blocks = BlockTable()
    for facts in zip(method, raw_size, packed_size, strict=True):
        blocks.append(Block(*facts, cursor.take(CHECKSUM_SIZE)))
    cursor.finish()
    return blocks


def _pack_entries(entries: Sequence[Entry]) -> bytes:
    """Column by column, as `_pack_blocks`."""
    out = bytearray()
    looks = sorted({(int(entry.kind), entry.mode) for entry in entries})
    number = {look: i for i, look in enumerate(looks)}
    looked, sizes, distances, shares, suffixes, targets = (bytearray() for _ in range(6))
    last = b""
    for position, entry in enumerate(entries):
        put_varint(looked, number[int(entry.kind), entry.mode])
        if entry.kind is EntryKind.FILE:
            put_varint(sizes, entry.size)
        elif entry.kind is EntryKind.COPY:
            put_varint(distances, position - entry.original)
        elif entry.kind is EntryKind.SYMLINK:
            targets += entry.target.encode("utf-8") + b"\0"
        path = entry.path.encode("utf-8")
        shared = _shared_prefix(last, path)
        put_varint(shares, shared)
        suffixes += path[shared:] + b"\0"
        last = path
    put_varint(out, len(entries))
    put_varint(out, len(looks))
    for kind, mode in looks:
        put_varint(out, kind)
        put_varint(out, mode)
    for column in (looked, sizes, distances, shares, suffixes, targets):
        out += column
    return bytes(out)


def _shared_prefix(first: bytes, second: bytes) -> int:
    most = min(len(first), len(second), 0xFFFF)
    for i in range(most):
        if first[i] != second[i]:
            return i
    return most


def _unpack_entries(raw: bytes, limits: Limits) -> EntryTable:
    cursor = Cursor(raw, "entries")
    count = cursor.count(3, (1 << 31) - 1)
    limits.check("entries", count, limits.entries)
    looks = [(EntryKind(cursor.varint(3)), cursor.varint(0o777)) for _ in range(cursor.count(2, 4 * 512))]
    look = array("H", (cursor.varint(len(looks) - 1) for _ in range(count)))
    sizes = array("Q", (cursor.varint() if looks[at][0] is EntryKind.FILE else 0 for at in look))
    limits.check("bytes when unpacked", sum(sizes), limits.total_size)
    originals = array("I", bytes(4 * count))
    for position, at in enumerate(look):
        if looks[at][0] is EntryKind.COPY:
            originals[position] = position - cursor.varint(position)
            if looks[look[originals[position]]][0] is not EntryKind.FILE:
                raise cursor.fail("a copy refers to no file")
            sizes[position] = sizes[originals[position]]
    shared = array("H", (cursor.varint(0xFFFF) for _ in range(count)))
    links = sum(looks[at][0] is EntryKind.SYMLINK for at in look)
    if raw.count(0, cursor.position) != count + links or (cursor.left and raw[-1]):
        raise cursor.fail("names and entries differ in number")
    targets = Cursor(raw, "entries")  # they stand behind the names
    targets.position = cursor.position
    for _ in range(count if links else 0):
        targets.until_zero()
    entries = EntryTable()
    names_size = 0
    last = b""
    for position, at in enumerate(look):
        if shared[position] > len(last):
            raise cursor.fail("a name repeats more than the one before has")
        last = last[: shared[position]] + cursor.until_zero()
        names_size += len(last)
        # Front coding lets a few bytes state a long name: count what the names come to.
        limits.check("bytes of names", names_size, limits.names_size)
        kind, mode = looks[at]
        original = originals[position] if kind is EntryKind.COPY else -1
        target = targets.decode(targets.until_zero()) if kind is EntryKind.SYMLINK else ""
        entries.append(cursor.decode(last), kind, mode, sizes[position], original, target)
    return entries


def _pack_facts(facts: Mapping[str, str]) -> bytes:
    out = bytearray()
    put_varint(out, len(facts))
    for key in sorted(facts):
        _put_text(out, key)
        _put_text(out, facts[key])
    return bytes(out)


def _unpack_facts(raw: bytes) -> dict[str, str]:
    cursor = Cursor(raw, "project facts")
    facts = {}
    for _ in range(cursor.count(2, 64)):
        key = cursor.text(64)
        facts[key] = cursor.text(4096)
    cursor.finish()
    return facts
