"""The lazy parser of `chunked-rans`, level 1.

Every choice is defined in integers, so that this module and the native one make
the same tokens. What a position offers without regard to the past parse (its
best match or phrase) is computed for all positions at once by numpy; a plain
loop then walks from token to token. docs/codecs.md describes the format;
an encoder is free in its choices, this one documents its own here.

- Candidates of a position: the `CHAIN_DEPTH` latest earlier positions with the same
  `HASH_BITS`-bit hash of four bytes, then the `LONG_DEPTH` latest with the same hash of
  eight bytes; of each the common length, up to `LENGTH_LIMIT`. And the phrases that
  begin here.
- Gain, in 1/16 bit: `LITERAL_COST` a byte, less the cost of naming it. The highest gain wins;
  among equals the first in the order above, a phrase last, longer before shorter.
- While the best is shorter than `GOOD_LENGTH` and one of the next two positions gains more by a
  margin, the parser moves there.
- A chosen match grows forward without limit and backward over pending literals.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.compressors.chunked_alphabet import (
    DISTANCE_DIRECT_BITS,
    FIRST_DISTANCE,
    FIRST_PHRASE_GROUP,
    FIRST_RUN,
    INITIAL_DISTANCES,
    MAX_RUN,
    RUN_DIRECT_BITS,
    Tokens,
    floor_log2,
    split_value,
)
from qyn1_plugins.compressors.chunked_prior import KEY_MULTIPLIER, MAX_PHRASE, MIN_PHRASE, Statistics

__all__ = ["parse_lazily"]

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

HASH_BITS: Final = 16
CHAIN_DEPTH: Final = 6
LONG_DEPTH: Final = 2
LENGTH_LIMIT: Final = 64
GOOD_LENGTH: Final = 40
LITERAL_COST: Final = 88
DISTANCE_COST: Final = 128
"""Of a new distance, besides 16 for each bit of it below the highest."""
REPEAT_COST: Final = (72, 88, 96, 104)
NEXT_MARGIN: Final = 24
SECOND_MARGIN: Final = 56
RUN_TARGET: Final = -(1 << 20)
"""Targets below stand for runs of literals, in this module only."""
MULTIPLIER_4: Final = 2654435761
MULTIPLIER_8: Final = 0x9E3779B97F4A7C15


def parse_lazily(data: bytes, statistics: Statistics) -> Tokens:
    """``data`` as tokens."""
    gains, lengths, targets = _offers(data, statistics)
    return _Walk(data, statistics, gains, lengths, targets).tokens()


def _octet_words(data: bytes) -> Words:
    """The eight bytes from each position on, as little-endian integers; zeros past the end."""
    padded = np.frombuffer(data + bytes(LENGTH_LIMIT + 8), np.uint8)
    words = np.zeros(len(data) + LENGTH_LIMIT, np.uint64)
    for index in range(8):
        words |= padded[index : index + len(words)].astype(np.uint64) << np.uint64(8 * index)
    return words


def _latest_equal(hashes: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """For each position the latest earlier one with the same hash, or -1."""
    order = np.argsort(hashes, kind="stable")
    latest = np.full(len(hashes), -1, np.int64)
    same = hashes[order[1:]] == hashes[order[:-1]]
    latest[order[1:][same]] = order[:-1][same]
    return latest


def _common_lengths(words: Words, here: Integers, there: Integers, limit: Integers) -> Integers:
    """How many bytes agree from ``here`` and ``there`` on, at most ``limit`` and `LENGTH_LIMIT`."""
    length = np.zeros(len(here), np.int64)
    active = np.arange(len(here))
    for offset in range(0, LENGTH_LIMIT, 8):
        difference = words[here[active] + offset] ^ words[there[active] + offset]
        # The lowest bit that differs tells the first octet that does.
        lowest = (difference & (~difference + np.uint64(1))).astype(np.float64)
        equal = np.where(difference == 0, 8, ((lowest.view(np.int64) >> 52) - 1023) >> 3)
        length[active] += equal
        active = active[(equal == 8) & (length[active] < limit[active])]
        if not len(active):
            break
    return np.minimum(length, np.minimum(limit, LENGTH_LIMIT))


def _offers(data: bytes, statistics: Statistics) -> tuple[Integers, Integers, Integers]:
    """Per position the gain, length and target of the best match or phrase.

    A target is a distance, or -1 minus the number of a phrase; the gain is 0 where there is none.
    """
    size = len(data)
    gains, lengths, targets = (np.zeros(size + 2, np.int64) for _ in range(3))
    if size == 0:
        return gains, lengths, targets
    words = _octet_words(data)
    octets = np.frombuffer(data, np.uint8)
    for width, depth, multiplier in ((4, CHAIN_DEPTH, MULTIPLIER_4), (8, LONG_DEPTH, MULTIPLIER_8)):
        count = size - width + 1
        if count < 2:
            continue
        if width == 4:
            hashes = (words[:count] & np.uint64(0xFFFFFFFF)) * np.uint64(multiplier) & np.uint64(0xFFFFFFFF)
            hashes >>= np.uint64(32 - HASH_BITS)
        else:
            hashes = words[:count] * np.uint64(multiplier) >> np.uint64(64 - HASH_BITS)
        latest = _latest_equal(hashes.astype(np.uint16))
        here = np.arange(count)
        there = latest
        longest = np.full(count, 3, np.int64)
        for _ in range(depth):
            # Distances grow along a chain, so only a longer length can gain more.
            valid = (there >= 0) & (longest[here] < np.minimum(size - here, LENGTH_LIMIT))
            here, there = here[valid], there[valid]
            if not len(here):
                break
            reach = longest[here]
            able = octets[here + reach] == octets[there + reach]
            following = latest[there]
            chain, here, there = here, here[able], there[able]
            length = _common_lengths(words, here, there, size - here)
            longest[here] = np.maximum(longest[here], length)
            distance = here - there
            gain = LITERAL_COST * length - DISTANCE_COST - 16 * floor_log2(distance)
            better = (gain > gains[here]) & (length >= 4)
            at = here[better]
            gains[at], lengths[at], targets[at] = gain[better], length[better], distance[better]
            here, there = chain, following
    _offer_phrases(words, size, statistics, gains, lengths, targets)
    return gains, lengths, targets


def _offer_phrases(
    words: Words, size: int, statistics: Statistics, gains: Integers, lengths: Integers, targets: Integers
) -> None:
    if not statistics.phrases:
        return
    starts = statistics.phrase_starts[words[:size] & np.uint64(0xFFFF)]
    costs = statistics.phrase_costs
    for width in range(MAX_PHRASE, MIN_PHRASE - 1, -1):
        index = statistics.phrase_index.get(width)
        if index is None:
            continue
        keys, low, high, numbers = index
        here = np.flatnonzero(starts[: max(size - width + 1, 0)] >> width & 1)
        if not len(here):
            continue
        first = words[here] & np.uint64((1 << 8 * min(width, 8)) - 1)
        second = np.zeros(len(here), np.uint64)
        if width > 8:
            second = words[here + 8] & np.uint64((1 << 8 * (width - 8)) - 1)
        key = first + second * np.uint64(KEY_MULTIPLIER)
        found = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        match = (low[found] == first) & (high[found] == second)
        here, number = here[match], numbers[found[match]]
        gain = LITERAL_COST * width - costs[number]
        better = gain > gains[here]
        at = here[better]
        gains[at], lengths[at], targets[at] = gain[better], width, -1 - number[better]


class _Walk:
    """The loop over tokens: repeated distances, laziness, growing."""

    def __init__(
        self, data: bytes, statistics: Statistics, gains: Integers, lengths: Integers, targets: Integers
    ) -> None:
        self._data = data
        self._statistics = statistics
        self._gains, self._lengths, self._targets = gains.tolist(), lengths.tolist(), targets.tolist()
        self._recent = list(INITIAL_DISTANCES)
        self._target: list[int] = []
        self._length: list[int] = []
        self._literals = bytearray()

    def tokens(self) -> Tokens:
        size = len(self._data)
        position = done = 0
        while position < size:
            gain, length, target = self._best(position)
            if gain <= 0:
                position += 1
                continue
            while length < GOOD_LENGTH:
                following = self._best(position + 1)
                if following[0] > gain + NEXT_MARGIN:
                    position += 1
                else:
                    following = self._best(position + 2)
                    if following[0] <= gain + SECOND_MARGIN:
                        break
                    position += 2
                gain, length, target = following
            if target >= 0:
                position, length = self._grow(position, length, target, done)
            self._emit(done, position, length, target)
            position += length
            done = position
        self._literals_until(done, size)
        return self._result()

    def _best(self, position: int) -> tuple[int, int, int]:
        """Gain, length and target of the best offer, repeated distances included."""
        data = self._data
        if position + 1 >= len(data):
            return 0, 0, 0
        best = (self._gains[position], self._lengths[position], self._targets[position])
        pair = data[position : position + 2]
        limit = min(len(data) - position, LENGTH_LIMIT)
        for distance, cost in zip(self._recent, REPEAT_COST, strict=True):
            start = position - distance
            if start < 0 or data[start : start + 2] != pair:
                continue
            length = self._common(position, start, 2, limit)
            gain = LITERAL_COST * length - cost
            if gain > best[0]:
                best = (gain, length, distance)
        return best

    def _common(self, here: int, there: int, length: int, limit: int) -> int:
        data = self._data
        while (
            length + 16 <= limit
            and data[here + length : here + length + 16] == data[there + length : there + length + 16]
        ):
            length += 16
        while length < limit and data[here + length] == data[there + length]:
            length += 1
        return length

    def _grow(self, position: int, length: int, distance: int, done: int) -> tuple[int, int]:
        data = self._data
        if length == LENGTH_LIMIT:
            length = self._common(position, position - distance, length, len(data) - position)
        while position > done and position > distance and data[position - 1] == data[position - 1 - distance]:
            position -= 1
            length += 1
        return position, length

    def _emit(self, done: int, position: int, length: int, target: int) -> None:
        self._literals_until(done, position)
        if target < 0:
            self._target.append(target)
            self._length.append(0)
            return
        self._length.append(length)
        recent = self._recent
        if target in recent:
            which = recent.index(target)
            self._target.append(which)
            recent.insert(0, recent.pop(which))
        else:
            self._target.append(FIRST_DISTANCE + target)
            recent.pop()
            recent.insert(0, target)

    def _literals_until(self, done: int, position: int) -> None:
        self._literals += self._data[done:position]
        while done < position:
            run = min(position - done, MAX_RUN)
            self._target.append(RUN_TARGET - run)
            self._length.append(0)
            done += run

    def _result(self) -> Tokens:
        target = np.array(self._target, np.int64)
        symbol, detail = np.zeros_like(target), np.zeros_like(target)
        repeated = (target >= 0) & (target < FIRST_DISTANCE)
        symbol[repeated] = target[repeated]
        fresh = target >= FIRST_DISTANCE
        symbols, details, _ = split_value(target[fresh] - FIRST_DISTANCE - 1, DISTANCE_DIRECT_BITS)
        symbol[fresh], detail[fresh] = FIRST_DISTANCE + symbols, details
        runs = target < RUN_TARGET
        symbols, details, _ = split_value(RUN_TARGET - target[runs] - 1, RUN_DIRECT_BITS)
        symbol[runs], detail[runs] = FIRST_RUN + symbols, details
        phrase = (target < 0) & ~runs
        number = -1 - target[phrase]
        group = np.searchsorted(self._statistics.group_base, number, side="right") - 1
        symbol[phrase] = FIRST_PHRASE_GROUP + group
        if len(number):
            detail[phrase] = number - self._statistics.group_base[group]
        return Tokens(
            symbol.astype(np.uint8),
            detail,
            np.array(self._length, np.int64),
            np.frombuffer(bytes(self._literals), np.uint8),
        )
