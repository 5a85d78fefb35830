"""What everything that holds a key has in common."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["HoldsSecret"]


class HoldsSecret:
    """Cannot be pickled or copied: a key never travels to a worker or into a cache by accident."""

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds a key and cannot be pickled or copied")
