"""Plans a package: which files lie in which block, in which order, made by which compressor.

A plan depends on the project's content and the priors alone, never on the worker
count, the machine or the time, so that equal input gives equal blocks.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeVar

from qyn1_core.archive import Entry
from qyn1_core.configuration.priors import Priors
from qyn1_core.errors import ConfigError, NotFound, PermissionDenied, SourceError
from qyn1_core.file_index import FileIndex, Known
from qyn1_core.plan_tables import BlockPlan, BlockPlans, Material, Materials, Piece, PlannedEntries
from qyn1_core.project_entries import ProjectEntry
from qyn1_plugins.host import Host
from qyn1_plugins.spec import Canonicaliser

__all__ = [
    "MODES",
    "BlockPlan",
    "Material",
    "Mode",
    "Piece",
    "Plan",
    "Recipe",
    "canonical_form",
    "make_plan",
    "read_block",
]

_Result = TypeVar("_Result")

_HEAD: Final = 4096
_CHUNK: Final = 1 << 20
_KEPT: Final = 16 << 20  # bytes of files and canonical forms kept from planning; others are read or made again
_BINARY: Final = "binary"  # the frontend that takes what no other claims
_CUT_FROM: Final = (3, 4)  # a block ends where it is at least so full


@dataclass(frozen=True)
class Mode:
    """What a mode stands for.

    ``compressors`` are tried in order: the first that is available here is taken. ``binary``
    are those for bytes of no known language, where a model of tokens only loses time.
    ``block_sizes`` are in bytes: that of the first level, and of each level above it where that is
    another. ``isolated`` blocks hold one file (or a part of one).
    """

    compressors: tuple[str, ...]
    block_sizes: tuple[int, ...]
    binary: tuple[str, ...] = ("chunked-rans",)
    isolated: bool = False
    padded: bool = False

    def block_size(self, level: int | None = None) -> int:
        """Bytes in a block at ``level``; None stands for the first."""
        return self.block_sizes[min(max(level or 1, 1), len(self.block_sizes)) - 1]


MODES: Final = {
    "fast": Mode(("chunked-rans",), (2 << 20, 4 << 20)),
    "balanced": Mode(("morpheme", "chunked-rans"), (2 << 20,)),
    "maximum": Mode(("mixing", "morpheme", "chunked-rans"), (4 << 20,), binary=("mixing", "chunked-rans")),
    # Nothing learned in one file helps the next, so the compressor that starts from most wins here.
    "security": Mode(("mixing", "morpheme", "chunked-rans"), (1 << 20,), isolated=True, padded=True),
}


@dataclass(frozen=True)
class Recipe:
    """How the blocks of one language are made."""

    compressor: str
    level: int


@dataclass(frozen=True)
class Plan:
    """Everything that will stand in the archive, in order."""

    entries: Sequence[Entry]
    materials: Materials
    blocks: BlockPlans
    recipes: dict[str, Recipe]
    block_size: int
    padded: bool
    notes: tuple[str, ...]
    reader: _Reader

    @property
    def raw_size(self) -> int:
        """Bytes of all files, copies counted once."""
        return self.blocks.raw_size

    def digest(self, piece: Piece) -> bytes:
        """The SHA-256 of ``piece``, where the plan was made with an index."""
        return self.materials.digest(self.materials.digests(piece.material)[piece.offset // self.block_size])


def make_plan(
    entries: Sequence[ProjectEntry],
    priors: Priors,
    host: Host,
    *,
    language: str | None = None,
    index: FileIndex | None = None,
) -> Plan:
    """The plan for ``entries`` (what `discover` found) under ``priors``.

    ``language`` is taken for that of every file instead of asking the frontends.
    With an ``index`` every piece gets its digest, and files that the index knows are
    not read; the plan is the same. Raises `SourceError` for a file that cannot be
    processed and `ConfigError` for priors that do not fit the installed plugins.
    """
    if language is not None:
        host.frontend(language)  # that it exists is better said now
    mode = MODES[priors.mode]
    block_size = priors.block_size or mode.block_size(priors.level)
    notes: list[str] = []
    reader = _Reader(priors.fidelity == "canonical", block_size, host, language, index)
    materials = Materials(entries)
    others = array("I")
    for number, entry in enumerate(entries):
        if entry.kind == "file":
            materials.append(number, *reader.material(entry))
        else:
            others.append(number)
    # Like beside like: one language together, and within it neighbours in the tree,
    # which tend to share names.
    materials.sort()
    originals = array("I", range(len(materials))) if mode.isolated else _originals(materials, reader)
    unique = (number for number, original in enumerate(originals) if number == original)
    recipes = {name: _recipe(name, priors, mode, host, notes) for name in materials.languages}
    blocks = BlockPlans(materials)
    for block in _blocks(materials, unique, block_size, isolated=mode.isolated):
        blocks.append(block)
    return Plan(
        PlannedEntries(entries, materials, originals, others),
        materials,
        blocks,
        recipes,
        block_size,
        mode.padded,
        tuple(dict.fromkeys(notes)),
        reader,
    )


def canonical_form(entry: ProjectEntry, host: Host) -> bytes | None:
    """What canonical fidelity packs of ``entry``; None where that is the file as it is."""
    reader = _Reader(True, _CHUNK, host, None, None)
    material, _ = reader.material(entry)
    return None if reader.canonicaliser(material.language) is None else reader.part(material, 0, material.size)


class _Reader:
    """Learns of each file what the plan needs (language, size, digests of its pieces for an index), and reads it."""

    def __init__(
        self, canonical: bool, block_size: int, host: Host, language: str | None, index: FileIndex | None
    ) -> None:
        self._canonical = canonical
        self._block_size = block_size
        self._host = host
        self._language = language
        self._index = index
        self._kept = 0
        self._canonicalisers: dict[str, Canonicaliser | None] = {}

    def material(self, entry: ProjectEntry) -> tuple[Material, tuple[bytes, ...]]:
        """``entry`` as it is packed, and for an index the digests of its pieces."""
        index = self._index
        if index is None:
            return self._read(entry), ()
        status = _translated(lambda: os.stat(entry.source), entry)  # noqa: PTH116 (as above)
        signature = index.signature(entry.path, status)
        known = index.find(signature)
        if known is not None and status.st_size == entry.size:
            return Material(entry, known.language, known.size), known.digests
        begun = index.begin()
        material = self._read(entry)
        digests = tuple(map(_digest, self.parts(material, self._block_size)))
        index.remember(signature, status, begun, Known(material.language, material.size, digests))
        return material, digests

    def canonicaliser(self, language: str) -> Canonicaliser | None:
        if language not in self._canonicalisers:
            frontend: object = self._host.frontend(language) if self._canonical else None
            self._canonicalisers[language] = frontend if isinstance(frontend, Canonicaliser) else None
        return self._canonicalisers[language]

    def _read(self, entry: ProjectEntry) -> Material:
        # Opening a file takes longer than reading a small one. With an index most files are not even opened.
        data = self._whole(entry) if self._index is None and self._kept + entry.size <= _KEPT else None
        language = self._language
        if language is None:
            head = _read(entry, 0, min(entry.size, _HEAD)) if data is None else data[:_HEAD]
            language = self._host.detect_language(entry.path, head)
        canonicaliser = self.canonicaliser(language)
        if canonicaliser is not None:
            data = canonicaliser.canonicalise(self._whole(entry) if data is None else data, entry.path)
        size = entry.size if data is None else len(data)
        if data is not None and self._kept + size <= _KEPT:
            self._kept += size
            return Material(entry, language, size, data)
        return Material(entry, language, size)

    @staticmethod
    def _whole(entry: ProjectEntry) -> bytes:
        return _read(entry, 0, entry.size, last=True)

    def parts(self, material: Material, size: int) -> Iterator[bytes]:
        """What is packed of ``material``, ``size`` bytes at a time."""
        data = self._canonical_form(material)
        for offset in range(0, material.size, size):
            yield _part(material, data, offset, min(size, material.size - offset))

    def part(self, material: Material, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` of what is packed of ``material``."""
        return _part(material, self._canonical_form(material), offset, size)

    def _canonical_form(self, material: Material) -> bytes | None:
        """What is packed of ``material`` where that is not the file as it is."""
        entry = material.entry
        canonicaliser = self.canonicaliser(material.language)
        if canonicaliser is None or material.data is not None:
            return material.data
        data = canonicaliser.canonicalise(self._whole(entry), entry.path)
        if len(data) != material.size:
            raise _changed(entry)
        return data


def _part(material: Material, data: bytes | None, offset: int, size: int) -> bytes:
    if data is None:
        return _read(material.entry, offset, size, last=offset + size == material.size)
    return data[offset : offset + size]


def _digest(data: bytes) -> bytes:
    return sha256(data).digest()


def _recipe(language: str, priors: Priors, mode: Mode, host: Host, notes: list[str]) -> Recipe:
    wanted = priors.compressors.get(language)
    if wanted is not None:
        compressor = host.compressor(wanted)
    else:
        names = mode.binary if language == _BINARY else mode.compressors
        name = next((name for name in names if host.has_compressor(name)), names[-1])
        compressor = host.compressor(name)
        if name != names[0]:
            notes.append(f"mode {priors.mode} used {name}, since {names[0]} is not available here")
    levels = compressor.levels()
    # A level is one of the mode's own compressor; what stands in for it keeps its default.
    own = compressor.name in (wanted, mode.compressors[0])
    level = levels[0] if priors.level is None or not own else priors.level
    if level not in levels:
        with priors.naming("level"):
            raise ConfigError(
                f"{level} is not one of {compressor.name}: it has {levels[0]} to {levels[-1]}; change level or mode"
            )
    return Recipe(compressor.name, level)


def _originals(materials: Materials, reader: _Reader) -> array[int]:
    """For each file the first one with the same bytes, which most often is the file itself."""
    by_size: dict[int, array[int]] = {}
    for i in range(len(materials)):
        size = materials.size(i)
        if size:
            by_size.setdefault(size, array("I")).append(i)
    originals = array("I", range(len(materials)))
    for candidates in by_size.values():
        if len(candidates) < 2:
            continue
        first: dict[bytes, int] = {}
        for i in candidates:
            known = map(materials.digest, materials.digests(i))
            digest = sha256()
            for part in known if materials.digests(i) else map(_digest, reader.parts(materials[i], _CHUNK)):
                digest.update(part)
            originals[i] = first.setdefault(digest.digest(), i)
    return originals


def _blocks(materials: Materials, unique: Iterable[int], block_size: int, *, isolated: bool) -> Iterator[BlockPlan]:
    """Whole files, as many as fit; only a file larger than a block is cut, and it begins a block of its own.

    Where a block ends depends on the paths near its end and not on what stands before
    it, so that blocks before and after a change keep their content (docs/incremental.md).
    """
    pieces: list[Piece] = []
    used = 0
    for i in unique:
        size = materials.size(i)
        if not size:
            continue
        if pieces and (isolated or size > block_size or materials.language(i) != _language(materials, pieces)):
            yield _block(materials, pieces)
            pieces, used = [], 0
        while used + size > block_size and pieces:
            end = _cut(materials, pieces, i, block_size)
            yield _block(materials, pieces[:end])
            pieces = pieces[end:]
            used = sum(piece.size for piece in pieces)
        offset = 0
        while size - offset > block_size:
            yield _block(materials, [Piece(i, offset, block_size)])
            offset += block_size
        pieces.append(Piece(i, offset, size - offset))
        used += size - offset
    if pieces:
        yield _block(materials, pieces)


def _language(materials: Materials, pieces: Sequence[Piece]) -> str:
    return materials.language(pieces[0].material)


def _block(materials: Materials, pieces: Sequence[Piece]) -> BlockPlan:
    return BlockPlan(_language(materials, pieces), tuple(pieces), sum(piece.size for piece in pieces))


def _cut(materials: Materials, pieces: Sequence[Piece], following: int, block_size: int) -> int:
    """How many of ``pieces`` make a full block: it ends before the file whose path has the smallest hash.

    Of the files that could begin the next block (``following`` is the first that no longer
    fits) one is chosen by its path alone: after an insertion somewhere before, the
    same one is chosen again, and all blocks from there on are the same.
    """
    best: tuple[bytes, int] | None = None
    filled = 0
    for count, piece in enumerate(pieces, start=1):
        filled += piece.size
        if filled * _CUT_FROM[1] >= block_size * _CUT_FROM[0]:
            following_file = pieces[count].material if count < len(pieces) else following
            rank = sha256(materials.entry(following_file).path.encode("utf-8")).digest()
            if best is None or rank < best[0]:
                best = rank, count
    return len(pieces) if best is None else best[1]


def read_block(plan: Plan, block: BlockPlan) -> bytes:
    """The plain bytes of ``block``. Raises `SourceError` when a file changed since it was planned."""
    parts = []
    for piece in block.pieces:
        material = plan.materials[piece.material]
        part = plan.reader.part(material, piece.offset, piece.size)
        if plan.materials.digests(piece.material) and _digest(part) != plan.digest(piece):
            raise _changed(material.entry)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read(entry: ProjectEntry, offset: int, size: int, *, last: bool = False) -> bytes:
    """Exactly ``size`` bytes; when ``last``, the file must end there."""

    def read() -> bytes:
        with open(entry.source, "rb", opener=_without_waiting) as file:
            if offset:
                file.seek(offset)
            return file.read(size + 1 if last else size) or b""

    data = _translated(read, entry)
    if len(data) != size:
        raise _changed(entry)
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Open ``path``, and should it have become a pipe, do not wait for what somebody may write to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _changed(entry: ProjectEntry) -> SourceError:
    return SourceError("the file changed while it was being packed; try again when nothing writes to it", entry.path)


def _translated(read: Callable[[], _Result], entry: ProjectEntry) -> _Result:
    try:
        return read()
    except FileNotFoundError:
        raise NotFound(f"{entry.path}: the file vanished while it was being packed") from None
    except PermissionError:
        raise PermissionDenied(f"{entry.path}: no permission to read it; exclude it or change its mode") from None
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", entry.path) from None
