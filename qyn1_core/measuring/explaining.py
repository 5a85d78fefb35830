"""Where the bytes of a package go: by file, by kind of token, and by line.

A compressor that is an `Explainer` says what every byte of a block costs; what
another one made is spread evenly over the block. Blocks are looked at one by one, so
a package of any size is explained in the memory of one block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_core.archive import EntryKind
from qyn1_core.errors import PluginError
from qyn1_core.extraction import select
from qyn1_core.package import Package
from qyn1_plugins.host import Host
from qyn1_plugins.spec import COST_UNIT, Explainer, Source
from qyn1_plugins.tokens import TokenKind, TokenStream, line_starts

__all__ = ["Explanation", "FileCost", "Line", "Piece", "Share", "explain", "lines", "pieces"]

Costs = npt.NDArray[np.uint32]

_BYTE: Final = 8 * COST_UNIT


@dataclass
class Share:
    """``raw`` plain bytes that cost ``bits``."""

    raw: int = 0
    bits: float = 0.0

    def add(self, raw: int, bits: float) -> None:
        """Take ``raw`` bytes more that cost ``bits``."""
        self.raw += raw
        self.bits += bits

    @property
    def bits_per_byte(self) -> float:
        """The mean cost of a byte; 0 of nothing."""
        return self.bits / self.raw if self.raw else 0.0


@dataclass
class FileCost(Share):
    """What one file costs. ``copy_of`` names the file whose bytes it shares: those cost nothing again."""

    path: str = ""
    language: str = ""
    compressor: str = ""
    copy_of: str | None = None


@dataclass(frozen=True)
class Explanation:
    """What the files of a package cost, and what stands beside them.

    ``blocks``, ``directory``, ``padding`` and ``envelope`` are in bytes and are the
    whole package's; ``files``, ``kinds`` and ``languages`` are of the files asked for.
    ``spread`` are the compressors that do not say what a byte costs.
    """

    files: list[FileCost]
    kinds: dict[str, Share]
    languages: dict[str, Share]
    spread: list[str]
    blocks: int
    directory: int
    padding: int
    envelope: int

    @property
    def total(self) -> Share:
        """All files that were asked for."""
        total = Share()
        for file in self.files:
            total.add(0 if file.copy_of else file.raw, file.bits)
        return total


@dataclass(frozen=True)
class Piece:
    """A part of a file within one block: its bytes, what each costs, and its tokens."""

    path: str
    data: bytes
    costs: Costs  # uint32 (len(data),), in units of 1 / COST_UNIT bit
    tokens: TokenStream

    @property
    def token_bits(self) -> npt.NDArray[np.float64]:
        """The cost of each token in bits: float64 (len(tokens),)."""
        return np.add.reduceat(self.costs.astype(np.float64), self.tokens.start) / COST_UNIT


@dataclass(frozen=True)
class Line:
    """One line of a file, without its line break, and what it costs in bits, with it."""

    number: int
    text: bytes
    raw: int
    bits: float


def explain(package: Package, host: Host, paths: Collection[str] = ()) -> Explanation:
    """What the files that ``paths`` name (all for none) cost.

    Raises `NotFound` for a path that names nothing, and what decoding raises.
    """
    reader = package.reader
    directory = reader.directory
    files: dict[str, FileCost] = {}
    for number in select(directory, paths):
        entry = directory.entries[number]
        if entry.kind is EntryKind.COPY:
            files[entry.path] = FileCost(entry.size, path=entry.path, copy_of=directory.entries[entry.original].path)
        elif entry.kind is EntryKind.FILE:
            files[entry.path] = FileCost(path=entry.path)
    kinds: defaultdict[str, Share] = defaultdict(Share)
    languages: defaultdict[str, Share] = defaultdict(Share)
    for piece, language, compressor in _explained(package, host, {p for p, file in files.items() if not file.copy_of}):
        bits = float(piece.costs.sum(dtype=np.uint64)) / COST_UNIT
        file = files[piece.path]
        file.language, file.compressor = language, compressor
        file.add(len(piece.data), bits)
        languages[language].add(len(piece.data), bits)
        _add_kinds(kinds, piece)
    blocks = sum(block.packed_size for block in directory.blocks)
    used = {file.compressor for file in files.values() if file.raw and not file.copy_of}
    return Explanation(
        files=sorted(files.values(), key=lambda file: (-file.bits, file.path)),
        kinds=_costliest_first(kinds),
        languages=_costliest_first(languages),
        spread=sorted(name for name in used if not isinstance(host.compressor(name), Explainer)),
        blocks=blocks,
        directory=reader.size - blocks - reader.padding,
        padding=reader.padding,
        envelope=package.size - reader.size,
    )


def pieces(package: Package, host: Host, paths: Collection[str]) -> dict[str, list[Piece]]:
    """The parts, in order, of each file that ``paths`` name; of a copy, those of the file that it repeats.

    Every block is looked at once. Raises what `explain` raises.
    """
    directory = package.reader.directory
    bytes_of: dict[str, str] = {}
    for entry in (directory.entries[number] for number in select(directory, paths)):
        if entry.kind in (EntryKind.FILE, EntryKind.COPY):
            bytes_of[entry.path] = (
                directory.entries[entry.original].path if entry.kind is EntryKind.COPY else entry.path
            )
    found: dict[str, list[Piece]] = {path: [] for path in bytes_of.values()}
    for piece, _, _ in _explained(package, host, found):
        found[piece.path].append(piece)
    return {path: found[original] for path, original in bytes_of.items()}


def lines(parts: list[Piece]) -> Iterator[Line]:
    """The lines of one file."""
    data = b"".join(part.data for part in parts)
    if not data:
        return
    costs = np.concatenate([part.costs for part in parts]).astype(np.float64)
    begins = line_starts(data)
    bits = np.add.reduceat(costs, begins) / COST_UNIT
    ends = [*begins[1:].tolist(), len(data)]
    for number, (begin, end, cost) in enumerate(zip(begins.tolist(), ends, bits.tolist(), strict=True), 1):
        yield Line(number, data[begin:end].rstrip(b"\r\n"), end - begin, cost)


def _costliest_first(shares: dict[str, Share]) -> dict[str, Share]:
    return dict(sorted(shares.items(), key=lambda item: (-item[1].bits, item[0])))


def _add_kinds(kinds: dict[str, Share], piece: Piece) -> None:
    size = len(TokenKind)
    raw = np.bincount(piece.tokens.kind, weights=piece.tokens.end - piece.tokens.start, minlength=size)
    bits = np.bincount(piece.tokens.kind, weights=piece.token_bits, minlength=size)
    for kind in TokenKind:
        if raw[kind]:
            kinds[kind.name.lower()].add(int(raw[kind]), float(bits[kind]))


def _explained(package: Package, host: Host, paths: Collection[str]) -> Iterator[tuple[Piece, str, str]]:
    """Each part of each of the files ``paths``, in package order, with its language and compressor."""
    directory = package.reader.directory
    by_block: dict[int, list[tuple[str, int, int]]] = {}
    for number, entry in enumerate(directory.entries):
        if entry.path in paths:
            for extent in directory.extents(number):
                by_block.setdefault(extent.block, []).append((entry.path, extent.offset, extent.size))
    for block, extents in sorted(by_block.items()):
        method = directory.methods[directory.blocks[block].method]
        data = package.reader.block(block)
        costs = _costs(package, host, block, data)
        frontend = host.frontend(method.language)
        for path, offset, size in extents:
            part = data[offset : offset + size]
            yield (
                Piece(path, part, costs[offset : offset + size], frontend.lex(part)),
                method.language,
                method.compressor,
            )


def _costs(package: Package, host: Host, number: int, data: bytes) -> Costs:
    """What each byte of block ``number`` costs: uint32 (len(data),)."""
    directory = package.reader.directory
    block = directory.blocks[number]
    method = directory.methods[block.method]
    compressor = host.compressor(method.compressor)
    if not isinstance(compressor, Explainer):
        return np.full(len(data), _BYTE * block.packed_size // len(data), np.uint32)
    prior = host.prior_by_digest(method.prior) if method.prior else None
    source = Source(data, method.language, lambda: host.frontend(method.language).lex(data))
    # A package does not say at which level it was made: the one that comes closest is it.
    tried = [compressor.costs(source, prior, level) for level in compressor.levels()]
    if any(len(costs) != 4 * len(data) for costs in tried):
        raise PluginError(f"the compressor {method.compressor} broke its contract: it gave no cost for some bytes")
    costs = [np.frombuffer(content, "<u4") for content in tried]
    return min(costs, key=lambda each: abs(int(each.sum(dtype=np.uint64)) - _BYTE * block.packed_size))
