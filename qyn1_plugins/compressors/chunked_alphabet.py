"""The alphabet of `chunked-rans`: how literals, references and lengths become symbols.

A block is a list of *tokens*. A token is a run of literals; or it repeats one of the
four last distances, or names a new distance, with a length; or it names a phrase of
the prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "CONTEXTS",
    "DISTANCE_DIRECT_BITS",
    "FIRST_DISTANCE",
    "FIRST_PHRASE_GROUP",
    "FIRST_RUN",
    "INITIAL_DISTANCES",
    "LENGTH_DIRECT_BITS",
    "LENGTH_SYMBOLS",
    "MAX_RUN",
    "MIN_LENGTH",
    "RUN_DIRECT_BITS",
    "TOKEN_CLASSES",
    "Tokens",
    "base_classes",
    "floor_log2",
    "is_run",
    "join_value",
    "length_contexts",
    "literal_classes",
    "literal_contexts",
    "run_lengths",
    "split_value",
]

Integers = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]

INITIAL_DISTANCES: Final = (1, 2, 4, 8)
MIN_LENGTH: Final = 2
FIRST_DISTANCE: Final = 4
"""Token symbols below are the four last distances, most recent first."""
FIRST_RUN: Final = 60
"""Token symbols from here on are runs of literals; those before are classes of distances."""
FIRST_PHRASE_GROUP: Final = 76
"""Token symbols from here on are groups of phrases."""
MAX_RUN: Final = 128
"""Literals in one token; a longer run takes several."""
RUN_DIRECT_BITS: Final = 3
LENGTH_DIRECT_BITS: Final = 4
DISTANCE_DIRECT_BITS: Final = 2
"""Below 2 to these powers each run - 1, length - 2 and distance - 1 has a symbol of its own."""
LENGTH_SYMBOLS: Final = 64
TOKEN_CLASSES: Final = 24
LITERAL_CLASSES: Final = 8

CONTEXTS: Final = {"token": TOKEN_CLASSES, "length": 10, "literal": LITERAL_CLASSES + TOKEN_CLASSES}
"""Tables of each stream, in coding order."""


@dataclass(frozen=True)
class Tokens:
    """One block, parsed.

    Shapes, for n tokens:

    - ``symbol``: uint8 (n,)
    - ``detail``: int64 (n,), what the symbol leaves open: low bits of distance - 1, of run - 1, or of the phrase
    - ``length``: int64 (n,), of repetitions; 0 for runs and phrases
    - ``literals``: uint8, the literals of all runs
    """

    symbol: Octets
    detail: Integers
    length: Integers
    literals: Octets


def floor_log2(value: Integers) -> Integers:
    """The binary logarithm of each value of 1 to 2^53, rounded down: the exponent of an exactly converted double."""
    return (value.astype(np.float64).view(np.int64) >> 52) - 1023


def split_value(value: Integers, direct_bits: int) -> tuple[Integers, Integers, Integers]:
    """Symbol, low bits and their number: exact below ``2 ** direct_bits``, then two symbols an octave."""
    exponent = floor_log2(np.maximum(value, 1))
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


def base_classes() -> Integers:
    """The class of each token symbol (int64 (256,)); those of phrase groups come from the prior."""
    classes = np.zeros(256, np.int64)
    classes[0] = 1
    classes[1:4] = 2
    classes[4:60] = np.searchsorted([10, 18, 26], np.arange(56), side="right") + 3
    classes[60:76] = np.minimum(np.searchsorted([1, 2, 4], np.arange(16), side="right") + 7, 10)
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


def is_run(symbol: Octets) -> npt.NDArray[np.bool_]:
    """Which tokens are runs of literals."""
    return (symbol >= FIRST_RUN) & (symbol < FIRST_PHRASE_GROUP)


def length_contexts(symbol: Octets) -> Integers:
    """The table of the length of each token that has one, by the token and whether literals come before it."""
    after_run = np.zeros(len(symbol), np.int64)
    after_run[1:] = is_run(symbol[:-1])
    far = 4 + np.searchsorted([10, 16, 22, 28, 34], symbol.astype(np.int64) - FIRST_DISTANCE, side="right")
    table = np.where(symbol < FIRST_DISTANCE, 2 * (symbol > 0) + after_run, far)
    return table[symbol < FIRST_RUN]


def run_lengths(symbol: Octets, detail: Integers) -> Integers:
    """The literals of each token that is a run."""
    runs = is_run(symbol)
    return join_value(symbol[runs].astype(np.int64) - FIRST_RUN, RUN_DIRECT_BITS)[0] + detail[runs] + 1


def literal_contexts(symbol: Octets, runs: Integers, classes: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """The table of each literal that begins a run, 0 for others; and which ones are joined to the literal before.

    A literal inside a run has the class of the literal before as its table; one that
    begins a run has 8 plus the class of the token before it.
    """
    before = np.zeros(len(symbol), np.int64)
    before[1:] = classes[symbol[:-1]]
    total = int(runs.sum())
    table = np.zeros(total, np.int64)
    joined = np.ones(total, np.bool_)
    begins = np.cumsum(runs) - runs
    table[begins] = LITERAL_CLASSES + before[is_run(symbol)]
    joined[begins] = False
    return table, joined
