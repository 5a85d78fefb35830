"""Adaptive binary range coder for the small header of a block.

The carry-propagating coder of LZMA (I. Pavlov, LZMA specification), with 12-bit
probabilities that move by a sixteenth, and without its constant first byte and
its trailing zero bytes: past the end the decoder reads zeros.
"""

from __future__ import annotations

from typing import Final

from qyn1_plugins.errors import CodecError

__all__ = ["RangeDecoder", "RangeEncoder", "new_contexts"]

PROBABILITY_BITS: Final = 12
ADAPTATION_SHIFT: Final = 4
TOP: Final = 1 << 24
MASK: Final = 0xFFFFFFFF


def new_contexts(count: int) -> list[int]:
    """``count`` probabilities of a zero bit, each one half."""
    return [1 << (PROBABILITY_BITS - 1)] * count


def _roundest(low: int, width: int) -> int:
    """The roundest value inside [low, low + width): all bytes after its last set bit are zeros."""
    values = ((low + (1 << shift) - 1) >> shift << shift for shift in range(32, -1, -1))
    return next(value for value in values if value < low + width)


class RangeEncoder:
    """Codes bits into `finish`'s bytes."""

    def __init__(self) -> None:
        self._low = 0
        self._range = MASK
        self._cache = 0
        self._pending = 0
        self._started = False
        self._out = bytearray()

    def bit(self, contexts: list[int], index: int, bit: int) -> None:
        """One bit by the adaptive probability ``contexts[index]``."""
        probability = contexts[index]
        bound = (self._range >> PROBABILITY_BITS) * probability
        if bit:
            self._low += bound
            self._range -= bound
            contexts[index] = probability - (probability >> ADAPTATION_SHIFT)
        else:
            self._range = bound
            contexts[index] = probability + (((1 << PROBABILITY_BITS) - probability) >> ADAPTATION_SHIFT)
        while self._range < TOP:
            self._range <<= 8
            self._shift_low()

    def direct(self, value: int, count: int) -> None:
        """The low ``count`` bits of ``value``, most significant first, each of probability one half."""
        for shift in range(count - 1, -1, -1):
            self._range >>= 1
            if value >> shift & 1:
                self._low += self._range
            while self._range < TOP:
                self._range <<= 8
                self._shift_low()

    def number(self, contexts: list[int], value: int) -> None:
        """A number of 0 to 2^32 - 2 in Exp-Golomb form; ``contexts`` has 32."""
        width = (value + 1).bit_length()
        for index in range(width - 1):
            self.bit(contexts, index, 1)
        if width < 32:
            self.bit(contexts, width - 1, 0)
        self.direct(value + 1, width - 1)

    def _shift_low(self) -> None:
        if self._low < 0xFF000000 or self._low > MASK:
            carry = self._low >> 32
            if self._started:
                self._out.append((self._cache + carry) & 0xFF)
            self._started = True
            self._out += bytes([(0xFF + carry) & 0xFF]) * self._pending
            self._pending = 0
            self._cache = self._low >> 24 & 0xFF
        else:
            self._pending += 1
        self._low = (self._low << 8) & MASK

    def finish(self) -> bytes:
        """Everything coded, as few bytes as decode to it."""
        self._low = _roundest(self._low, self._range)
        for _ in range(5):
            self._shift_low()
        return bytes(self._out).rstrip(b"\0")


class RangeDecoder:
    """Reads what `RangeEncoder` coded."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = MASK

    def bit(self, contexts: list[int], index: int) -> int:
        """The next bit by ``contexts[index]``."""
        probability = contexts[index]
        bound = (self._range >> PROBABILITY_BITS) * probability
        if self._code < bound:
            self._range = bound
            contexts[index] = probability + (((1 << PROBABILITY_BITS) - probability) >> ADAPTATION_SHIFT)
            bit = 0
        else:
            self._code -= bound
            self._range -= bound
            contexts[index] = probability - (probability >> ADAPTATION_SHIFT)
            bit = 1
        while self._range < TOP:
            self._fill()
        return bit

    def direct(self, count: int) -> int:
        """``count`` bits of probability one half."""
        value = 0
        for _ in range(count):
            self._range >>= 1
            value <<= 1
            if self._code >= self._range:
                self._code -= self._range
                value |= 1
            while self._range < TOP:
                self._fill()
        return value

    def number(self, contexts: list[int]) -> int:
        """The next number."""
        width = 1
        while width < 32 and self.bit(contexts, width - 1):
            width += 1
        return (1 << (width - 1) | self.direct(width - 1)) - 1

    def finish(self) -> None:
        """`CodecError` unless the bytes are those that the encoder ends with."""
        window = int.from_bytes(self._data[self._position - 4 : self._position].ljust(4, b"\0"), "big")
        ends = len(self._data) <= self._position and not self._data.endswith(b"\0")
        if not ends or _roundest((window - self._code) & MASK, self._range) & MASK != window:
            raise CodecError("the block is damaged: its header does not end as it should")

    def _fill(self) -> None:
        self._range <<= 8
        byte = self._data[self._position] if self._position < len(self._data) else 0
        self._position += 1
        self._code = (self._code << 8 | byte) & MASK
