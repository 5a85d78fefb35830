"""The alphabet of `chunked-rans`: how runs, references and lengths become symbols.

A block is a list of *sequences*: a run of literals, then a reference. A reference
repeats one of the four last distances, names a new distance, or names a phrase of
the prior. All but phrases have a length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "CONTEXTS",
    "FIRST_DISTANCE",
    "FIRST_PHRASE_GROUP",
    "INITIAL_DISTANCES",
    "MIN_LENGTH",
    "NO_REFERENCE_CLASS",
    "REFERENCE_CLASSES",
    "Sequences",
    "VALUE_SYMBOLS",
    "base_reference_classes",
    "join_value",
    "length_contexts",
    "literal_classes",
    "run_contexts",
    "split_value",
]

Integers = npt.NDArray[np.int64]

INITIAL_DISTANCES: Final = (1, 2, 4, 8)
MIN_LENGTH: Final = 2
FIRST_DISTANCE: Final = 4
"""Reference symbols below are the four last distances, most recent first."""
FIRST_PHRASE_GROUP: Final = 60
"""Reference symbols from here on are groups of phrases; those before are classes of distances."""
VALUE_SYMBOLS: Final = 64
"""Symbols of a run or a length."""
REFERENCE_CLASSES: Final = 16
NO_REFERENCE_CLASS: Final = 0
LITERAL_CLASSES: Final = 8

CONTEXTS: Final = {"reference": 16, "run": 48, "length": 10, "literal": 24}
"""Tables of each stream."""


@dataclass(frozen=True)
class Sequences:
    """One block, parsed. Shapes, for n sequences:

    - ``run``: int64 (n,), literals before each reference
    - ``reference``: uint8 (n,), reference symbols
    - ``detail``: int64 (n,), what the symbol leaves open: low bits of distance - 1, or of the phrase
    - ``length``: int64 (n,), 0 for a phrase
    - ``literals``: uint8, all literals, those after the last reference included
    """

    run: Integers
    reference: npt.NDArray[np.uint8]
    detail: Integers
    length: Integers
    literals: npt.NDArray[np.uint8]


def split_value(value: Integers, direct_bits: int) -> tuple[Integers, Integers, Integers]:
    """Symbol, low bits and their number: exact below ``2 ** direct_bits``, then two symbols an octave."""
    exponent = np.zeros_like(value)
    for bit in range(1, 28):
        exponent[value >= 1 << bit] = bit
    large = value >= 1 << direct_bits
    width = np.where(large, exponent - 1, 0)
    coarse = (1 << direct_bits) + 2 * (exponent - direct_bits) + (value >> width & 1)
    return np.where(large, coarse, value), np.where(large, value & ((1 << width) - 1), 0), width


def join_value(symbol: Integers, direct_bits: int) -> tuple[Integers, Integers]:
    """The value without its low bits, and how many those are: the inverse of `split_value`."""
    over = symbol - (1 << direct_bits)
    large = over >= 0
    width = np.where(large, (over >> 1) + direct_bits - 1, 0)
    return np.where(large, (2 | over & 1) << width, symbol), width


def base_reference_classes() -> Integers:
    """The class of each reference symbol (int64 (256,)); those of phrase groups come from the prior."""
    classes = np.zeros(256, np.int64)
    classes[0] = 1
    classes[1:4] = 2
    classes[4:60] = np.searchsorted([10, 18, 26], np.arange(56), side="right") + 3
    return classes


def literal_classes() -> Integers:
    """The class of each byte (int64 (256,)) as the one before a literal."""
    classes = np.zeros(256, np.int64)
    classes[33:128] = 6
    classes[[9, 32]] = 1
    classes[48:58] = 2
    classes[97:123] = 4
    classes[[97, 101, 105, 111, 117]] = 3
    classes[65:91] = 5
    classes[128:] = 7
    return classes


def _kinds(reference: npt.NDArray[np.uint8]) -> Integers:
    """0 repeats a distance, 1 has a new one, 2 is a phrase."""
    return (reference >= FIRST_DISTANCE).astype(np.int64) + (reference >= FIRST_PHRASE_GROUP)


def run_contexts(reference: npt.NDArray[np.uint8], classes: Integers) -> Integers:
    """The table of each run: by the class of the reference before it and the kind of the one after."""
    before = np.full(len(reference), NO_REFERENCE_CLASS, np.int64)
    before[1:] = classes[reference[:-1]]
    return 3 * before + _kinds(reference)


def length_contexts(reference: npt.NDArray[np.uint8], run: Integers) -> Integers:
    """The table of the length of each reference that is no phrase (``reference`` and ``run`` of those)."""
    far = 4 + np.searchsorted([10, 16, 22, 28, 34], reference.astype(np.int64) - FIRST_DISTANCE, side="right")
    repeated = 2 * (reference > 0) + (run > 0)
    return np.where(reference < FIRST_DISTANCE, repeated, far)


def literal_contexts(
    reference: npt.NDArray[np.uint8], run: Integers, literals: int, classes: Integers
) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """The table of each literal that begins a run, 0 for others; and which ones are joined to the literal before.

    A literal inside a run has the class of the literal before as its table; one that
    begins a run has 8 plus the class of the reference before it.
    """
    table = np.zeros(literals, np.int64)
    joined = np.ones(literals, np.bool_)
    after = np.concatenate(([NO_REFERENCE_CLASS], classes[reference]))
    runs = np.append(run, literals - int(run.sum()))
    begins = (np.cumsum(runs) - runs)[runs > 0]
    table[begins] = LITERAL_CLASSES + after[runs > 0]
    joined[begins] = False
    return table, joined
