"""`Table`: many values kept as columns, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

__all__ = ["Table"]

_Value = TypeVar("_Value")


class Table(Sequence[_Value]):
    """A sequence made of columns; equal to every sequence of equal values.

    A subclass gives its length, and `_at`.
    """

    def _at(self, number: int) -> _Value:
        """Value ``number``, which is from 0 on and below the length."""
        raise NotImplementedError

    @overload
    def __getitem__(self, number: int) -> _Value: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[_Value, ...]: ...
    def __getitem__(self, number: int | slice) -> _Value | tuple[_Value, ...]:
        if isinstance(number, slice):
            return tuple(self._at(at) for at in range(*number.indices(len(self))))
        length = len(self)
        if 0 <= number < length:
            return self._at(number)
        if -length <= number < 0:
            return self._at(number + length)
        raise IndexError(f"{number} of {length}")

    def __iter__(self) -> Iterator[_Value]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))
