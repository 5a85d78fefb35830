"""The lazy parser of `chunked-rans`, level 1.

Every choice is defined in integers, so that this module and the native one make
the same tokens. What a position offers without regard to the past parse (its
best match or phrase) is computed for all positions at once by numpy; a plain
loop then walks from token to token. docs/codecs.md describes the format;
an encoder is free in its choices, this one documents its own here.

- Candidates of a position are the last four distances; the two latest earlier positions in the same row of `LONG`
  bytes, and those in the same row of fewer (`short_width`), if so many bytes agree; and the phrases that
  begin here. Common lengths count up to `LENGTH_LIMIT`. A row is some bits of a hash.
- Gain, in 1/16 bit: `LITERAL_COST` a byte, less the cost of naming it. The highest gain wins; among equals the first
  in the order above, longer phrases before shorter. The shorter strings are left out where one of the longer wins
  over the last distances, and where they would have to agree in `LONG` bytes to win.
- While the best is shorter than `GOOD_LENGTH` and one of the next two positions gains more by a
  margin (less counts as nothing there), the parser moves there.
- A chosen match grows forward without limit and backward over pending literals.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

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

MIN_ROW_BITS: Final = 10
MAX_ROW_BITS: Final = 16
ROW_SHIFT: Final = 40
"""Where the bits of a row begin in a product of 64 bits."""
LONG: Final = 12
NEAR: Final = 1 << 16
"""Blocks below this size have no repetitions that are far away."""
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
MULTIPLIER: Final = 0x9E3779B97F4A7C15
MULTIPLIER_LONG: Final = 0xD6E8FEB86659FD93


class _Offers(NamedTuple):
    """Per position the gain, length and target of the best of one kind.

    A target is a distance, or -1 minus the number of a phrase; the gain is 0 where there is none.
    """

    gains: Integers
    lengths: Integers
    targets: Integers


def short_width(size: int) -> int:
    """Bytes of the shorter strings in a block of ``size`` bytes."""
    return 4 if size < NEAR else 5


def parse_lazily(data: bytes, statistics: Statistics) -> Tokens:
    """``data`` as tokens."""
    words = _octet_words(data)
    size, width = len(data), short_width(len(data))
    short = (words & np.uint64((1 << 8 * width) - 1)) * np.uint64(MULTIPLIER)
    # The word from four bytes on, less its first byte, is what the longer strings have besides.
    long = short[:size] + (words[LONG - 8 : LONG - 8 + size] >> np.uint64(8)) * np.uint64(MULTIPLIER_LONG)
    offers = [_offer_repetitions(words, long, LONG), _offer_repetitions(words, short[:size], width)]
    return _Walk(data, statistics, [*offers, _offer_phrases(words, size, statistics)]).tokens()


def _octet_words(data: bytes) -> Words:
    """The eight bytes from each position on, as little-endian integers; zeros past the end."""
    padded = np.frombuffer(data + bytes(LENGTH_LIMIT + 8), np.uint8)
    words = np.zeros(len(data) + LENGTH_LIMIT, np.uint64)
    for index in range(8):
        words |= padded[index : index + len(words)].astype(np.uint64) << np.uint64(8 * index)
    return words


def _latest_equal(rows: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """For each position the latest earlier one in the same row, or -1."""
    order = np.argsort(rows, kind="stable")
    latest = np.full(len(rows), -1, np.int64)
    same = rows[order[1:]] == rows[order[:-1]]
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


def _none(size: int) -> _Offers:
    return _Offers(*(np.zeros(size, np.int64) for _ in range(3)))


def _offer_repetitions(words: Words, products: Words, width: int) -> _Offers:
    """The better one of the two latest positions in the row that ``products`` give, ``width`` bytes or more."""
    size = len(products)
    offers = _none(size)
    bits = min(max(size.bit_length() - 1, MIN_ROW_BITS), MAX_ROW_BITS)
    rows = (products >> np.uint64(ROW_SHIFT)) & np.uint64((1 << bits) - 1)
    latest = _latest_equal(rows.astype(np.uint16))
    there = latest
    for _ in range(2):
        here = np.flatnonzero(there >= 0)
        distance = here - there[here]
        length = _common_lengths(words, here, there[here], size - here)
        gain = LITERAL_COST * length - DISTANCE_COST - 16 * floor_log2(distance)
        better = (gain > offers.gains[here]) & (length >= width)
        at = here[better]
        offers.gains[at], offers.lengths[at], offers.targets[at] = gain[better], length[better], distance[better]
        there = np.where(there >= 0, latest[there], -1)
    return offers


def _offer_phrases(words: Words, size: int, statistics: Statistics) -> _Offers:
    offers = _none(size)
    if not statistics.phrases:
        return offers
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
        better = gain > offers.gains[here]
        at = here[better]
        offers.gains[at], offers.lengths[at], offers.targets[at] = gain[better], width, -1 - number[better]
    return offers


class _Walk:
    """The loop over tokens: repeated distances, laziness, growing."""

    def __init__(self, data: bytes, statistics: Statistics, offers: Iterable[_Offers]) -> None:
        self._data = data
        self._statistics = statistics
        self._long, self._short, self._phrases = (
            list(zip(*(column.tolist() for column in kind), strict=True)) for kind in offers
        )
        self._recent = list(INITIAL_DISTANCES)
        self._target: list[int] = []
        self._length: list[int] = []
        self._literals = bytearray()

    def tokens(self) -> Tokens:
        size = len(self._data)
        position = done = 0
        while position < size:
            gain, length, target = self._best(position, 0)
            if length == 0:
                position += 1
                continue
            while length < GOOD_LENGTH:
                step, following = 1, self._best(position + 1, gain + NEXT_MARGIN)
                if following[1] == 0:
                    step, following = 2, self._best(position + 2, gain + SECOND_MARGIN)
                if following[1] == 0:
                    break
                position += step
                gain, length, target = following
            if target >= 0:
                position, length = self._grow(position, length, target, done)
            self._emit(done, position, length, target)
            position += length
            done = position
        self._literals_until(done, size)
        return self._result()

    def _best(self, position: int, floor: int) -> tuple[int, int, int]:
        """Gain, length and target of the best offer that gains more than ``floor``; length 0 if there is none."""
        data = self._data
        best = (floor, 0, 0)
        if position + 1 >= len(data):
            return best
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
        if self._long[position][0] > best[0]:
            best = self._long[position]
        elif best[0] + DISTANCE_COST < LITERAL_COST * LONG and self._short[position][0] > best[0]:
            best = self._short[position]
        return self._phrases[position] if self._phrases[position][0] > best[0] else best

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
