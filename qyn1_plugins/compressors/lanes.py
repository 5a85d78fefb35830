"""Interleaved rANS (J. Duda, arXiv 1311.2540; F. Giesen, arXiv 1402.3392) over lanes.

A block has N lanes, each a 32-bit state, 2^16 or more; they share one sequence of
16-bit words. A stream of n symbols is cut into contiguous segments of
``ceil(n / N)`` symbols, lane j codes segment j. Decoding goes row by row (the
first symbol of every segment, then the second, ...), lanes ascending; a lane that
falls under 2^16 takes the next word. Streams follow each other on the same
states, so that a block pays for its states once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from qyn1_plugins.compressors.tables import SCALE_BITS
from qyn1_plugins.errors import CodecError

__all__ = ["LaneDecoder", "encode_lanes", "lane_count", "previous_in_lane"]

LOWER_BOUND: Final = 1 << 16
SYMBOLS_PER_LANE: Final = 2048
MAX_LANES: Final = 1024
VECTOR_LANES: Final = 16
"""From this many lanes on, numpy over lanes beats a plain loop. Both give the same bytes."""


def lane_count(symbols: int) -> int:
    """Lanes for ``symbols`` symbols in all streams: the power of two at or below ``symbols / 2048``, 1 to 1024."""
    lanes = 1
    while lanes < MAX_LANES and symbols >= 2 * lanes * SYMBOLS_PER_LANE:
        lanes *= 2
    return lanes


def previous_in_lane(symbols: npt.NDArray[np.uint8], lanes: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Each symbol's predecessor in its lane, and whether it has one."""
    previous = np.zeros_like(symbols)
    previous[1:] = symbols[:-1]
    segment = _segment(len(symbols), lanes)
    return previous, np.arange(len(symbols)) % max(segment, 1) != 0


def _segment(count: int, lanes: int) -> int:
    return -(-count // lanes)


def encode_lanes(
    streams: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]], lanes: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint16]]:
    """Code ``streams``, each the frequencies and starts of its symbols in order.

    Gives the states that the decoder begins with, and the words it then reads.
    """
    if lanes < VECTOR_LANES:
        return _encode_plain(streams, lanes)
    state = np.full(lanes, LOWER_BOUND, np.uint32)
    chunks: list[npt.NDArray[np.uint32]] = []
    shift = np.uint32(32 - SCALE_BITS)
    for frequencies, starts in reversed(streams):
        count = len(frequencies)
        segment = _segment(count, lanes)
        padded = np.ones((2, lanes * segment), np.uint32)
        padded[0, :count] = frequencies
        padded[1, :count] = starts
        rows = padded.reshape(2, lanes, segment).transpose(2, 0, 1).copy()
        for row in range(segment - 1, -1, -1):
            active = -(-(count - row) // segment)
            frequency = rows[row, 0, :active]
            x = state[:active]
            full = x >= frequency << shift
            chunks.append(x[full] & np.uint32(0xFFFF))
            x = np.where(full, x >> np.uint32(16), x)
            quotient = x // frequency
            state[:active] = (quotient << np.uint32(SCALE_BITS)) + (x - quotient * frequency) + rows[row, 1, :active]
    words = np.concatenate(chunks[::-1]) if chunks else np.zeros(0, np.uint32)
    return state, words.astype(np.uint16)


def _encode_plain(
    streams: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]], lanes: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint16]]:
    state = [LOWER_BOUND] * lanes
    words: list[int] = []
    for frequency_array, start_array in reversed(streams):
        frequencies, starts = frequency_array.tolist(), start_array.tolist()
        count = len(frequencies)
        segment = _segment(count, lanes)
        for row in range(segment - 1, -1, -1):
            for lane in range(-(-(count - row) // segment) - 1, -1, -1):
                index = lane * segment + row
                x, frequency = state[lane], frequencies[index]
                if x >= frequency << (32 - SCALE_BITS):
                    words.append(x & 0xFFFF)
                    x >>= 16
                state[lane] = (x // frequency << SCALE_BITS) + x % frequency + starts[index]
    return np.array(state, np.uint32), np.array(words[::-1], np.uint16)


class LaneDecoder:
    """Decodes stream after stream. ``states`` has one entry a lane."""

    def __init__(self, states: npt.NDArray[np.uint32], words: npt.NDArray[np.uint16]) -> None:
        if len(states) and int(states.min()) < LOWER_BOUND:
            raise CodecError("the block is damaged: a state is below its bound")
        self._states = states.copy()
        self._words = words.astype(np.uint32)
        self._position = 0

    def stream(
        self,
        count: int,
        entries: npt.NDArray[np.uint32],
        table: npt.NDArray[np.int64] | None = None,
        classes: npt.NDArray[np.int64] | None = None,
        joined: npt.NDArray[np.bool_] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """The next ``count`` symbols.

        ``entries`` is the concatenation of the decoding tables (`tables.decode_entries`).
        Symbol i uses table ``table[i] + classes[p]``, where p is the symbol before it in its
        lane; the first of a lane, and one that is not ``joined``, uses ``table[i]``. ``table``
        and ``classes`` count as 0, ``joined`` as true, where they are not given.
        """
        if count == 0:
            return np.zeros(0, np.uint8)
        if len(self._states) < VECTOR_LANES:
            return self._plain(count, entries, table, classes, joined)
        lanes = len(self._states)
        segment = _segment(count, lanes)
        bases = np.zeros(lanes * segment, np.int64)
        if table is not None:
            bases[:count] = table << SCALE_BITS
        rows = bases.reshape(lanes, segment).T.copy()
        result: npt.NDArray[np.uint8] = np.empty((segment, lanes), np.uint8)
        steps = None if classes is None else classes << SCALE_BITS
        joins = None
        if joined is not None:
            joins = np.zeros(lanes * segment, np.int64)
            joins[:count] = joined
            joins = joins.reshape(lanes, segment).T.copy()
        context = np.zeros(lanes, np.int64)
        words, position, limit = self._words, self._position, len(self._words)
        low_bits = np.uint32((1 << SCALE_BITS) - 1)
        for row in range(segment):
            active = -(-(count - row) // segment)
            x = self._states[:active]
            index = rows[row, :active] + (x & low_bits)
            if steps is not None:
                index += context[:active] if joins is None else context[:active] * joins[row, :active]
            entry = entries[index]
            symbols = entry >> np.uint32(24)
            result[row, :active] = symbols
            if steps is not None:
                context[:active] = steps[symbols]
            x = (entry >> np.uint32(12) & low_bits) * (x >> np.uint32(SCALE_BITS)) + (entry & low_bits)
            low = np.flatnonzero(x < LOWER_BOUND)
            if len(low):
                end = position + len(low)
                if end > limit:
                    raise CodecError("the block ends too early")
                x[low] = x[low] << np.uint32(16) | words[position:end]
                position = end
            self._states[:active] = x
        self._position = position
        return np.ravel(result.T)[:count]

    def _plain(
        self,
        count: int,
        entries: npt.NDArray[np.uint32],
        table: npt.NDArray[np.int64] | None,
        classes: npt.NDArray[np.int64] | None,
        joined: npt.NDArray[np.bool_] | None,
    ) -> npt.NDArray[np.uint8]:
        states: list[int] = self._states.tolist()
        words, position, limit = self._words, self._position, len(self._words)
        lanes = len(states)
        segment = _segment(count, lanes)
        bases = None if table is None else (table << SCALE_BITS).tolist()
        steps = None if classes is None else (classes << SCALE_BITS).tolist()
        joins = None if joined is None else joined.tolist()
        context = [0] * lanes
        result = bytearray(count)
        low_bits = (1 << SCALE_BITS) - 1
        look_up = entries.item
        for row in range(segment):
            for lane in range(-(-(count - row) // segment)):
                index = lane * segment + row
                x = states[lane]
                slot = x & low_bits
                if bases is not None:
                    slot += bases[index]
                if joins is None or joins[index]:
                    slot += context[lane]
                entry = look_up(slot)
                symbol = entry >> 24
                result[index] = symbol
                if steps is not None:
                    context[lane] = steps[symbol]
                x = (entry >> 12 & low_bits) * (x >> SCALE_BITS) + (entry & low_bits)
                if x < LOWER_BOUND:
                    if position >= limit:
                        raise CodecError("the block ends too early")
                    x = x << 16 | int(words[position])
                    position += 1
                states[lane] = x
        self._states[:] = states
        self._position = position
        return np.frombuffer(result, np.uint8)

    def finish(self) -> int:
        """The number of words read; `CodecError` unless every state is where the encoder began."""
        if not bool(np.all(self._states == LOWER_BOUND)):
            raise CodecError("the block is damaged: a state does not end at its bound")
        return self._position
