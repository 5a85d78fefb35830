"""The directory of an archive: what stands in it and where (docs/format.md, "Directory").

Values are checked once, on the way in; everything behind `Directory.unpack` is sound.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from itertools import accumulate
from typing import Final

from qyn1_core.archive.layout import CHECKSUM_SIZE, Cursor, Section, put_varint
from qyn1_core.archive.limits import DEFAULT_LIMITS, Limits
from qyn1_core.archive.paths import UnsafePath, check_tree
from qyn1_core.errors import FormatError

__all__ = ["Block", "Directory", "Entry", "EntryKind", "Extent", "Method", "check_entries"]

PRIOR_DIGEST_SIZE: Final = 8
_OPTIONAL_FROM: Final = 128


class EntryKind(IntEnum):
    """What an entry is. A COPY is a file whose bytes are those of an earlier file."""

    FILE = 0
    COPY = 1
    SYMLINK = 2
    DIRECTORY = 3


@dataclass(frozen=True)
class Method:
    """How a block was made: everything that decoding it needs beside its bytes."""

    compressor: str
    version: int
    language: str
    prior: bytes  # first 8 bytes of the prior's digest, or empty
    memory: int  # most KiB of working memory that decoding one of its blocks takes


@dataclass(frozen=True)
class Block:
    """One independently decodable block. ``checksum`` is of the plain bytes."""

    method: int
    raw_size: int
    packed_size: int
    checksum: bytes


@dataclass(frozen=True, slots=True)
class Entry:
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


@dataclass(frozen=True, slots=True)
class Extent:
    """A part of a block: ``size`` plain bytes from ``offset`` in block ``block``."""

    block: int
    offset: int
    size: int


@dataclass(frozen=True)
class Directory:
    """Everything but the blocks. Files lie in entry order, end to end, over the blocks' plain bytes."""

    methods: tuple[Method, ...]
    blocks: tuple[Block, ...]
    entries: tuple[Entry, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def block_ends(self) -> list[int]:
        """Plain bytes up to the end of each block."""
        return list(accumulate(block.raw_size for block in self.blocks))

    @cached_property
    def block_places(self) -> list[int]:
        """Packed bytes before each block, counted from the end of the header."""
        return list(accumulate((block.packed_size for block in self.blocks), initial=0))

    @cached_property
    def _file_starts(self) -> list[int]:
        starts = []
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
        begin = self._file_starts[number if entry.kind is EntryKind.FILE else entry.original]
        end = begin + entry.size
        extents = []
        block = bisect_right(self.block_ends, begin)
        while begin < end:
            block_begin = self.block_ends[block] - self.blocks[block].raw_size
            size = min(end, self.block_ends[block]) - begin
            extents.append(Extent(block, begin - block_begin, size))
            begin += size
            block += 1
        return extents

    # -- bytes --------------------------------------------------------------------

    def pack(self) -> bytes:
        """The directory as bytes, sections in ascending order."""
        out = bytearray()
        for section, content in (
            (Section.METHODS, _pack_methods(self.methods)),
            (Section.BLOCKS, _pack_blocks(self.blocks)),
            (Section.ENTRIES, _pack_entries(self.entries)),
            (Section.PROJECT, _pack_facts(self.facts)),
        ):
            if section is Section.PROJECT and not self.facts:
                continue
            put_varint(out, section)
            put_varint(out, len(content))
            out += content
        return bytes(out)

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
        in_files = sum(entry.size for entry in self.entries if entry.kind is EntryKind.FILE)
        in_blocks = sum(block.raw_size for block in self.blocks)
        if in_files != in_blocks:
            raise FormatError(
                f"the package is damaged or hostile: its files have {in_files} bytes, its blocks {in_blocks}"
            )
        unpacked = sum(entry.size for entry in self.entries)
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
    entries = tuple(entries)
    check_tree(
        [entry.path for entry in entries if entry.kind in (EntryKind.FILE, EntryKind.COPY)],
        [entry.path for entry in entries if entry.kind is EntryKind.DIRECTORY],
        {entry.path: entry.target for entry in entries if entry.kind is EntryKind.SYMLINK},
        portable=portable,
    )


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


def _pack_blocks(blocks: tuple[Block, ...]) -> bytes:
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


def _unpack_blocks(raw: bytes, methods: int, limits: Limits) -> tuple[Block, ...]:
    cursor = Cursor(raw, "blocks")
    count = cursor.count(3 + CHECKSUM_SIZE, 1 << 31)
    method = [cursor.varint(methods - 1) for _ in range(count)]
    raw_size = [cursor.varint() for _ in range(count)]
    packed_size = [cursor.varint() for _ in range(count)]
    sums = [cursor.take(CHECKSUM_SIZE) for _ in range(count)]
    cursor.finish()
    limits.check("bytes in one block", max(raw_size, default=0), limits.block_size)
    limits.check("packed bytes in one block", max(packed_size, default=0), 2 * limits.block_size)
    if any(size == 0 for size in raw_size):
        raise cursor.fail("a block is empty")
    return tuple(map(Block, method, raw_size, packed_size, sums))


def _pack_entries(entries: tuple[Entry, ...]) -> bytes:
    out = bytearray()
    put_varint(out, len(entries))
    looks = sorted({(int(entry.kind), entry.mode) for entry in entries})
    put_varint(out, len(looks))
    for kind, mode in looks:
        put_varint(out, kind)
        put_varint(out, mode)
    number = {look: i for i, look in enumerate(looks)}
    for entry in entries:
        put_varint(out, number[(int(entry.kind), entry.mode)])
    for entry in entries:
        if entry.kind is EntryKind.FILE:
            put_varint(out, entry.size)
    for position, entry in enumerate(entries):
        if entry.kind is EntryKind.COPY:
            put_varint(out, position - entry.original)
    last = b""
    suffixes = bytearray()
    for entry in entries:
        path = entry.path.encode("utf-8")
        shared = _shared_prefix(last, path)
        put_varint(out, shared)
        suffixes += path[shared:] + b"\0"
        last = path
    for entry in entries:
        if entry.kind is EntryKind.SYMLINK:
            suffixes += entry.target.encode("utf-8") + b"\0"
    return bytes(out + suffixes)


def _shared_prefix(first: bytes, second: bytes) -> int:
    most = min(len(first), len(second), 0xFFFF)
    for i in range(most):
        if first[i] != second[i]:
            return i
    return most


def _unpack_entries(raw: bytes, limits: Limits) -> tuple[Entry, ...]:
    cursor = Cursor(raw, "entries")
    count = cursor.count(3, (1 << 31) - 1)
    limits.check("entries", count, limits.entries)
    looks = [(EntryKind(cursor.varint(3)), cursor.varint(0o777)) for _ in range(cursor.count(2, 4 * 512))]
    look = [looks[cursor.varint(len(looks) - 1)] for _ in range(count)]
    sizes = [cursor.varint() if kind is EntryKind.FILE else 0 for kind, _ in look]
    limits.check("bytes when unpacked", sum(sizes), limits.total_size)
    originals = [-1] * count
    for position, (kind, _) in enumerate(look):
        if kind is EntryKind.COPY:
            originals[position] = position - cursor.varint(position)
            if look[originals[position]][0] is not EntryKind.FILE:
                raise cursor.fail("a copy refers to no file")
            sizes[position] = sizes[originals[position]]
    shared = [cursor.varint(0xFFFF) for _ in range(count)]
    links = [position for position, (kind, _) in enumerate(look) if kind is EntryKind.SYMLINK]
    texts = cursor.take(cursor.left).split(b"\0")
    if len(texts) != count + len(links) + 1 or texts[-1]:
        raise cursor.fail("names and entries differ in number")
    paths = []
    names_size = 0
    last = b""
    for prefix, suffix in zip(shared, texts, strict=False):
        if prefix > len(last):
            raise cursor.fail("a name repeats more than the one before has")
        last = last[:prefix] + suffix
        names_size += len(last)
        # Front coding lets a few bytes state a long name: count what the names come to.
        limits.check("bytes of names", names_size, limits.names_size)
        paths.append(cursor.decode(last))
    targets = dict(zip(links, (cursor.decode(text) for text in texts[count:-1]), strict=True))
    return tuple(
        Entry(paths[i], kind, mode, sizes[i], originals[i], targets.get(i, "")) for i, (kind, mode) in enumerate(look)
    )


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
