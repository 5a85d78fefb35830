"""Frequency tables: quantised to levels, coded compactly, normalised to 4096.

A table is written as one *level* a symbol: 0 for a symbol that does not occur, else
1 to 49 in steps of a quarter of an octave. Encoder and decoder normalise levels
to frequencies in the same integer arithmetic, so only levels travel: as
differences from a *reference* table where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.compressors.range_coder import RangeDecoder, RangeEncoder, new_contexts
from qyn1_plugins.errors import CodecError

__all__ = [
    "COST",
    "COST_UNIT",
    "MAX_LEVEL",
    "SCALE_BITS",
    "TableCoder",
    "decode_entries",
    "levels_of_counts",
    "normalise",
    "table_cost",
]

SCALE_BITS: Final = 12
SCALE: Final = 1 << SCALE_BITS
MAX_LEVEL: Final = 49
FIRST_LEVEL: Final = 20
"""What the first level of a table without reference is coded relative to."""

WEIGHTS: Final[npt.NDArray[np.int64]] = np.array(
    [0] + [(16, 19, 23, 27)[(level - 1) % 4] << (level - 1) // 4 for level in range(1, MAX_LEVEL + 1)], np.int64
)
_THRESHOLDS: Final = np.array([1117, 1328, 1579, 1878], np.int64)
"""1024 * 2^(1/8 + k/4): where rounding to the next quarter octave begins."""

COST_UNIT: Final = 256
"""Costs are counted in 1/256 bit."""


def _costs() -> npt.NDArray[np.int64]:
    """``COST[f]`` = 256 * log2(4096 / f), rounded down, by repeated squaring; ``COST[0]`` is out of the question."""
    frequency = np.arange(1, SCALE + 1, dtype=np.uint64)
    exponent = np.zeros(SCALE, np.uint64)
    for bit in range(1, SCALE_BITS + 1):
        exponent[(1 << bit) - 1 :] = bit
    mantissa = frequency << (np.uint64(31) - exponent)
    log = exponent * np.uint64(COST_UNIT)
    for bit in range(7, -1, -1):
        mantissa = mantissa * mantissa >> np.uint64(31)
        carry = mantissa >> np.uint64(32)
        log += carry << np.uint64(bit)
        mantissa >>= carry
    costs = SCALE_BITS * COST_UNIT - log.astype(np.int64)
    return np.concatenate(([1 << 24], costs))


COST: Final = _costs()


def levels_of_counts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The level of each count (int64 (A,)); all zeros for no counts at all."""
    total = int(counts.sum())
    if not total:
        return np.zeros_like(counts)
    ratio = (counts << 22) // total
    levels = np.zeros_like(counts)
    octave = np.zeros_like(counts)
    for bit in range(11, 23):
        octave[ratio >= 1 << bit] = bit - 10
    step = np.searchsorted(_THRESHOLDS, ratio >> octave, side="right")
    levels = np.where(ratio < 1024, 1, np.minimum(1 + 4 * octave + step, MAX_LEVEL))
    levels[counts == 0] = 0
    return levels


def normalise(levels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Frequencies (int64 (A,)) that sum to 4096, none above 4095, none 0 where the level is not.

    A table without any symbol becomes the flat one; one symbol alone leaves 1 to its successor.
    """
    present = levels > 0
    count = int(present.sum())
    if count == 0:
        return normalise(np.ones_like(levels))
    if count == 1:
        symbol = int(np.argmax(present))
        frequencies = np.zeros_like(levels)
        frequencies[symbol] = SCALE - 1
        frequencies[(symbol + 1) % len(levels)] = 1
        return frequencies
    weights = WEIGHTS[levels]
    total = int(weights.sum())
    frequencies = (weights * SCALE + total // 2) // total
    frequencies[present & (frequencies == 0)] = 1
    order = np.argsort(-frequencies, kind="stable")[:count]
    lack = SCALE - int(frequencies.sum())
    if lack > 0:
        every, rest = divmod(lack, count)
        frequencies[order] += every
        frequencies[order[:rest]] += 1
    while lack < 0:
        taken = min(-lack, int((frequencies > 1).sum()))
        frequencies[order[:taken]] -= 1
        lack += taken
    return frequencies


def decode_entries(frequencies: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """Per slot of 4096: ``symbol << 24 | frequency << 12 | slot - start``."""
    starts = np.cumsum(frequencies) - frequencies
    symbols = np.arange(len(frequencies))
    per_symbol = symbols << 24 | frequencies << 12
    entries = np.repeat(per_symbol - starts, frequencies) + np.arange(SCALE)
    return entries.astype(np.uint32)


def table_cost(counts: npt.NDArray[np.int64], frequencies: npt.NDArray[np.int64]) -> int:
    """What coding ``counts`` by ``frequencies`` takes, in 1/256 bit."""
    return int((counts * COST[frequencies]).sum())


def _levels_cost(levels: npt.NDArray[np.int64], reference: npt.NDArray[np.int64]) -> int:
    """About what writing ``levels`` takes, in 1/256 bit; only the encoder's choices rest on it."""
    absent = levels == 0
    agree = absent == (reference == 0)
    distance = np.abs(levels - np.where(reference == 0, FIRST_LEVEL, reference))
    magnitude = np.where(distance == 0, 256, 512 + 256 * np.minimum(distance, 10))
    return int(np.where(agree, 64, 1024).sum() + magnitude[~absent].sum())


@dataclass
class TableCoder:
    """The adaptive contexts of the tables of one block: one per block and direction."""

    absent: list[int] = field(default_factory=lambda: new_contexts(12))
    same: list[int] = field(default_factory=lambda: new_contexts(2))
    sign: list[int] = field(default_factory=lambda: new_contexts(2))
    magnitude: list[int] = field(default_factory=lambda: new_contexts(2 * 16))
    own: list[int] = field(default_factory=lambda: new_contexts(2))

    def choose(
        self,
        encoder: RangeEncoder,
        counts: npt.NDArray[np.int64],
        reference: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Write whether the table is ``reference`` or refined, whichever is smaller, and return its levels."""
        levels = levels_of_counts(counts)
        kept = table_cost(counts, normalise(reference))
        refined = table_cost(counts, normalise(levels)) + _levels_cost(levels, reference)
        use_own = counts.any() and refined < kept
        encoder.bit(self.own, 0, int(use_own))
        if not use_own:
            return reference
        self.write(encoder, levels, reference)
        return levels

    def chosen(self, decoder: RangeDecoder, reference: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The levels that `choose` returned."""
        return self.read(decoder, reference) if decoder.bit(self.own, 0) else reference

    def write(
        self,
        encoder: RangeEncoder,
        levels: npt.NDArray[np.int64],
        reference: npt.NDArray[np.int64] | None,
    ) -> None:
        """Levels, relative to ``reference`` if there is one."""
        previous, history = FIRST_LEVEL, 0
        expected = [0] * len(levels) if reference is None else reference.tolist()
        for level, guess in zip(levels.tolist(), expected, strict=True):
            encoder.bit(self.absent, _absent_context(guess, history, reference is not None), int(level == 0))
            history = (history << 1 | int(level == 0)) & 3
            if not level:
                continue
            kind = int(guess > 0)
            difference = level - (guess or previous)
            previous = level
            encoder.bit(self.same, kind, int(difference != 0))
            if difference:
                encoder.bit(self.sign, kind, int(difference < 0))
                for index in range(abs(difference) - 1):
                    encoder.bit(self.magnitude, kind * 16 + min(index, 15), 1)
                encoder.bit(self.magnitude, kind * 16 + min(abs(difference) - 1, 15), 0)

    def read(
        self, decoder: RangeDecoder, reference: npt.NDArray[np.int64] | None, size: int | None = None
    ) -> npt.NDArray[np.int64]:
        """What `write` wrote; ``size`` symbols where there is no reference."""
        previous, history = FIRST_LEVEL, 0
        expected = [0] * (size or 0) if reference is None else reference.tolist()
        levels: list[int] = []
        for guess in expected:
            absent = decoder.bit(self.absent, _absent_context(guess, history, reference is not None))
            history = (history << 1 | absent) & 3
            if absent:
                levels.append(0)
                continue
            kind = int(guess > 0)
            level = guess or previous
            if decoder.bit(self.same, kind):
                negative = decoder.bit(self.sign, kind)
                distance = 1
                while decoder.bit(self.magnitude, kind * 16 + min(distance - 1, 15)):
                    distance += 1
                    if distance > MAX_LEVEL:
                        raise CodecError("the block is damaged: a table's level is out of range")
                level += -distance if negative else distance
            if not 1 <= level <= MAX_LEVEL:
                raise CodecError("the block is damaged: a table's level is out of range")
            previous = level
            levels.append(level)
        return np.array(levels, np.int64)


def _absent_context(guess: int, history: int, has_reference: bool) -> int:
    if not has_reference:
        return history
    return 4 + history if guess else 8 + history
