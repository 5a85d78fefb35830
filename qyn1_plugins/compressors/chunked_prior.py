"""What a prior of `chunked-rans` holds: phrases and static tables.

Content, all integers little-endian (docs/codecs.md is normative): ``QCR1``; one byte, the
number of phrase groups; per group three bytes, the binary logarithm of its size, its
token class and its usual cost in 1/8 bit (for parsers only); the phrases in the
order of their numbers, front coded; the levels of all static tables, a byte each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.compressors.chunked_alphabet import (
    CONTEXTS,
    FIRST_PHRASE_GROUP,
    LENGTH_SYMBOLS,
    TOKEN_CLASSES,
    base_classes,
)
from qyn1_plugins.compressors.tables import MAX_LEVEL
from qyn1_plugins.errors import CodecError

__all__ = ["MAX_PHRASE", "NO_PRIOR", "STREAMS", "Statistics", "alphabet_size"]

MAGIC: Final = b"QCR1"
MIN_PHRASE: Final = 2
MAX_PHRASE: Final = 16
MAX_GROUPS: Final = 256 - FIRST_PHRASE_GROUP
MAX_GROUP_BITS: Final = 14
KEY_MULTIPLIER: Final = 0x9E3779B97F4A7C15
STREAMS: Final = tuple(CONTEXTS)

PhraseIndex = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.int64]]
"""Sorted keys (first eight bytes + `KEY_MULTIPLIER` * the next eight, mod 2^64), both halves, numbers."""


def alphabet_size(stream: str, groups: int) -> int:
    """Symbols of ``stream`` when the prior has ``groups`` groups of phrases."""
    return {"token": FIRST_PHRASE_GROUP + groups, "length": LENGTH_SYMBOLS, "literal": 256}[stream]


@dataclass(frozen=True)
class Statistics:
    """A prior's content, checked.

    ``group_bits[g]`` and ``group_base[g]`` are the size (binary logarithm) and the first phrase
    of group g, ``group_cost[g]`` what naming a phrase of it takes in 1/8 bit; ``classes``
    int64 (256,) the class of each token symbol;
    ``levels`` per stream int64 (contexts, symbols), or empty where there is no prior.
    """

    phrases: list[bytes]
    group_bits: npt.NDArray[np.int64]
    group_base: npt.NDArray[np.int64]
    group_cost: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]
    levels: dict[str, npt.NDArray[np.int64]]

    @classmethod
    def parse(cls, content: bytes) -> Statistics:
        """Read a prior's content; `CodecError` if it is not what `serialise` writes."""
        if content[:4] != MAGIC or len(content) < 5:
            raise CodecError("the prior is not usable: it does not begin as one of chunked-rans")
        groups = content[4]
        position = 5 + 3 * groups
        if groups > MAX_GROUPS or len(content) < position:
            raise CodecError("the prior is not usable: its phrase groups are damaged")
        group_bits, group_classes, group_cost = (
            np.frombuffer(content, np.uint8, 3 * groups, 5).reshape(-1, 3).T.astype(np.int64)
        )
        if groups and (int(group_bits.max()) > MAX_GROUP_BITS or int(group_classes.max()) >= TOKEN_CLASSES):
            raise CodecError("the prior is not usable: its phrase groups are damaged")
        sizes = 1 << group_bits
        if int(sizes.sum()) > 1 << 16:
            raise CodecError("the prior is not usable: it has too many phrases")
        phrases, position = _read_phrases(content, position, int(sizes.sum()))
        levels = {}
        for stream in STREAMS:
            shape = (CONTEXTS[stream], alphabet_size(stream, groups))
            count = shape[0] * shape[1]
            if len(content) < position + count:
                raise CodecError("the prior is not usable: its tables are cut off")
            table = np.frombuffer(content, np.uint8, count, position).astype(np.int64).reshape(shape)
            if int(table.max()) > MAX_LEVEL:
                raise CodecError("the prior is not usable: a table's level is out of range")
            levels[stream] = table
            position += count
        if position != len(content):
            raise CodecError("the prior is not usable: data is left over after its end")
        classes = base_classes()
        classes[FIRST_PHRASE_GROUP : FIRST_PHRASE_GROUP + groups] = group_classes
        return cls(phrases, group_bits, np.cumsum(sizes) - sizes, group_cost, classes, levels)

    @cached_property
    def phrase_lengths(self) -> npt.NDArray[np.int64]:
        """The length of each phrase."""
        return np.array([len(phrase) for phrase in self.phrases], np.int64)

    @cached_property
    def phrase_costs(self) -> npt.NDArray[np.int64]:
        """What naming each phrase takes, in 1/16 bit."""
        return np.repeat(2 * self.group_cost, 1 << self.group_bits)

    @cached_property
    def phrase_starts(self) -> npt.NDArray[np.uint32]:
        """Per pair of first bytes (first byte low) a bit for each length of the phrases that begin so."""
        starts = np.zeros(1 << 16, np.uint32)
        for phrase in self.phrases:
            starts[phrase[0] | phrase[1] << 8] |= np.uint32(1 << len(phrase))
        return starts

    @cached_property
    def phrase_index(self) -> dict[int, PhraseIndex]:
        """By length the phrases, ready to be searched for: see `PhraseIndex`."""
        by_length: dict[int, list[int]] = {}
        for number, phrase in enumerate(self.phrases):
            by_length.setdefault(len(phrase), []).append(number)
        index = {}
        for length, numbers in by_length.items():
            octets = np.frombuffer(b"".join(self.phrases[n].ljust(16, b"\0") for n in numbers), "<u8").reshape(-1, 2)
            low, high = octets[:, 0], octets[:, 1]
            keys = low + high * np.uint64(KEY_MULTIPLIER)
            order = np.argsort(keys, kind="stable")
            index[length] = (keys[order], low[order], high[order], np.array(numbers, np.int64)[order])
        return index

    def serialise(self) -> bytes:
        """The content that `parse` reads."""
        groups = len(self.group_bits)
        out = bytearray(MAGIC)
        out.append(groups)
        for group in range(groups):
            out += bytes([int(self.group_bits[group]), int(self.classes[FIRST_PHRASE_GROUP + group])])
            out.append(int(self.group_cost[group]))
        previous = b""
        for phrase in self.phrases:
            shared = 0
            while shared < min(len(previous), len(phrase) - 1, 15) and previous[shared] == phrase[shared]:
                shared += 1
            out.append(shared << 4 | (len(phrase) - shared - 1))
            out += phrase[shared:]
            previous = phrase
        for stream in STREAMS:
            out += self.levels[stream].astype(np.uint8).tobytes()
        return bytes(out)


_NONE: Final = np.zeros(0, np.int64)
NO_PRIOR: Final = Statistics([], _NONE, _NONE, _NONE, base_classes(), {})


def _read_phrases(content: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    phrases: list[bytes] = []
    previous = b""
    for _ in range(count):
        if position >= len(content):
            raise CodecError("the prior is not usable: its phrases are cut off")
        head = content[position]
        shared, size = head >> 4, (head & 15) + 1
        phrase = previous[:shared] + content[position + 1 : position + 1 + size]
        position += 1 + size
        if len(previous) < shared or position > len(content) or not MIN_PHRASE <= len(phrase) <= MAX_PHRASE:
            raise CodecError("the prior is not usable: its phrases are damaged")
        phrases.append(phrase)
        previous = phrase
    return phrases, position
