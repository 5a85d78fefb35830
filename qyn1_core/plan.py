"""Plans a package: which files lie in which block, in which order, made by which compressor.

A plan depends on the project's content and the priors alone, never on the worker
count, the machine or the time, so that equal input gives equal blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from qyn1_core.archive import Entry, EntryKind
from qyn1_core.errors import ConfigError, NotFound, PermissionDenied, SourceError
from qyn1_core.priors import Priors
from qyn1_core.project import ProjectEntry
from qyn1_plugins.host import Host
from qyn1_plugins.spec import Canonicaliser

__all__ = ["MODES", "BlockPlan", "Material", "Mode", "Piece", "Plan", "Recipe", "make_plan", "read_block"]

_HEAD: Final = 4096


@dataclass(frozen=True)
class Mode:
    """What a mode stands for.

    ``compressors`` are tried in order: the first that is available here is taken.
    ``block_size`` is in bytes. ``isolated`` blocks hold one file (or a part of one).
    """

    compressors: tuple[str, ...]
    block_size: int
    isolated: bool = False
    padded: bool = False


MODES: Final = {
    "fast": Mode(("chunked-rans",), 1 << 20),
    "balanced": Mode(("morpheme", "chunked-rans"), 1 << 20),
    "maximum": Mode(("mixing", "morpheme", "chunked-rans"), 4 << 20),
    "security": Mode(("morpheme", "chunked-rans"), 1 << 20, isolated=True, padded=True),
}


@dataclass(frozen=True)
class Recipe:
    """How the blocks of one language are made."""

    compressor: str
    level: int


@dataclass(frozen=True)
class Material:
    """One file to pack. ``data`` holds its bytes when they are not simply the file's (canonical form)."""

    entry: ProjectEntry
    language: str
    size: int
    data: bytes | None = None


@dataclass(frozen=True)
class Piece:
    """``size`` bytes of file ``material`` from ``offset``."""

    material: int
    offset: int
    size: int


@dataclass(frozen=True)
class BlockPlan:
    """One block: pieces of files of one language, end to end."""

    language: str
    pieces: tuple[Piece, ...]
    raw_size: int


@dataclass(frozen=True)
class Plan:
    """Everything that will stand in the archive, in order."""

    entries: tuple[Entry, ...]
    materials: tuple[Material, ...]
    blocks: tuple[BlockPlan, ...]
    recipes: dict[str, Recipe]
    padded: bool
    notes: tuple[str, ...]

    @property
    def raw_size(self) -> int:
        """Bytes of all files, copies counted once."""
        return sum(block.raw_size for block in self.blocks)


def make_plan(entries: Sequence[ProjectEntry], priors: Priors, host: Host, *, language: str | None = None) -> Plan:
    """The plan for ``entries`` (what `discover` found) under ``priors``.

    ``language`` is taken for that of every file instead of asking the frontends.
    Raises `SourceError` for a file that cannot be processed and `ConfigError` for
    priors that do not fit the installed plugins.
    """
    if language is not None:
        host.frontend(language)  # that it exists is better said now
    mode = MODES[priors.mode]
    notes: list[str] = []
    materials = [_material(entry, priors, host, language) for entry in entries if entry.kind == "file"]
    # Like beside like: one language together, and within it neighbours in the tree,
    # which tend to share names.
    materials.sort(key=lambda m: (m.language, m.entry.path.encode("utf-8")))
    originals = {} if mode.isolated else _duplicates(materials)
    unique = [i for i in range(len(materials)) if i not in originals]
    recipes = {
        language: _recipe(language, priors, mode, host, notes) for language in sorted({m.language for m in materials})
    }
    block_size = priors.block_size or mode.block_size
    blocks = tuple(_blocks(materials, unique, block_size, isolated=mode.isolated))
    archive_entries = [
        Entry(m.entry.path, EntryKind.COPY, m.entry.mode, m.size, originals[i])
        if i in originals
        else Entry(m.entry.path, EntryKind.FILE, m.entry.mode, m.size)
        for i, m in enumerate(materials)
    ]
    for entry in entries:
        if entry.kind == "symlink":
            archive_entries.append(Entry(entry.path, EntryKind.SYMLINK, entry.mode, target=entry.target))
        elif entry.kind == "directory":
            archive_entries.append(Entry(entry.path, EntryKind.DIRECTORY, entry.mode))
    return Plan(tuple(archive_entries), tuple(materials), blocks, recipes, mode.padded, tuple(dict.fromkeys(notes)))


def _material(entry: ProjectEntry, priors: Priors, host: Host, language: str | None) -> Material:
    if language is None:
        language = host.detect_language(entry.path, _read(entry, 0, min(entry.size, _HEAD)))
    if priors.fidelity == "canonical":
        frontend = host.frontend(language)
        if isinstance(frontend, Canonicaliser):
            data = frontend.canonicalise(_read(entry, 0, entry.size), entry.path)
            return Material(entry, language, len(data), data)
    return Material(entry, language, entry.size)


def _recipe(language: str, priors: Priors, mode: Mode, host: Host, notes: list[str]) -> Recipe:
    wanted = priors.compressors.get(language)
    if wanted is not None:
        compressor = host.compressor(wanted)
    else:
        name = next((name for name in mode.compressors if host.has_compressor(name)), mode.compressors[-1])
        compressor = host.compressor(name)
        if name != mode.compressors[0]:
            notes.append(f"mode {priors.mode} used {name}, since {mode.compressors[0]} is not available here")
    levels = compressor.levels()
    level = levels[0] if priors.level is None else priors.level
    if level not in levels:
        raise ConfigError(
            f"level {level} is not one of {compressor.name}: it has {levels[0]} to {levels[-1]}; change level or mode"
        )
    return Recipe(compressor.name, level)


def _duplicates(materials: Sequence[Material]) -> dict[int, int]:
    """Position of each file that repeats an earlier one, and that one's position."""
    by_size: dict[int, list[int]] = {}
    for i, material in enumerate(materials):
        if material.size:
            by_size.setdefault(material.size, []).append(i)
    originals: dict[int, int] = {}
    for candidates in by_size.values():
        if len(candidates) < 2:
            continue
        first: dict[bytes, int] = {}
        for i in candidates:
            digest = sha256()
            for part in _parts(materials[i]):
                digest.update(part)
            original = first.setdefault(digest.digest(), i)
            if original != i:
                originals[i] = original
    return originals


def _parts(material: Material, size: int = 1 << 20) -> Iterator[bytes]:
    if material.data is not None:
        yield material.data
        return
    for offset in range(0, material.size, size):
        yield _read(material.entry, offset, min(size, material.size - offset))


def _blocks(
    materials: Sequence[Material], unique: Sequence[int], block_size: int, *, isolated: bool
) -> Iterator[BlockPlan]:
    pieces: list[Piece] = []
    used = 0
    language = ""
    for i in unique:
        material = materials[i]
        if pieces and (isolated or material.language != language):
            yield BlockPlan(language, tuple(pieces), used)
            pieces, used = [], 0
        language = material.language
        offset = 0
        while offset < material.size:
            size = min(block_size - used, material.size - offset)
            pieces.append(Piece(i, offset, size))
            used += size
            offset += size
            if used == block_size:
                yield BlockPlan(language, tuple(pieces), used)
                pieces, used = [], 0
    if pieces:
        yield BlockPlan(language, tuple(pieces), used)


def read_block(plan: Plan, block: BlockPlan) -> bytes:
    """The plain bytes of ``block``. Raises `SourceError` when a file changed since it was planned."""
    parts = []
    for piece in block.pieces:
        material = plan.materials[piece.material]
        if material.data is not None:
            parts.append(material.data[piece.offset : piece.offset + piece.size])
        else:
            last = piece.offset + piece.size == material.size
            parts.append(_read(material.entry, piece.offset, piece.size, last=last))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read(entry: ProjectEntry, offset: int, size: int, *, last: bool = False) -> bytes:
    """Exactly ``size`` bytes; when ``last``, the file must end there."""

    def read() -> bytes:
        with Path(entry.source).open("rb") as file:
            file.seek(offset)
            return file.read(size + 1 if last else size)

    data = _translated(read, entry)
    if len(data) != size:
        raise SourceError("the file changed while it was being packed; try again when nothing writes to it", entry.path)
    return data


def _translated(read: Callable[[], bytes], entry: ProjectEntry) -> bytes:
    try:
        return read()
    except FileNotFoundError:
        raise NotFound(f"{entry.path}: the file vanished while it was being packed") from None
    except PermissionError:
        raise PermissionDenied(f"{entry.path}: no permission to read it; exclude it or change its mode") from None
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", entry.path) from None
