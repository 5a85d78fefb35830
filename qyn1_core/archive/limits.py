"""What a reader accepts: bounds that are checked before anything is allocated."""

from __future__ import annotations

from typing import NamedTuple

from qyn1_core.errors import FormatError

__all__ = ["DEFAULT_LIMITS", "Limits"]


class Limits(NamedTuple):
    """Most of each thing that a package may declare.

    Sizes are in bytes. ``ratio`` bounds unpacked to packed size, for packages that
    unpack to more than ``ratio_from``.
    """

    entries: int = 4_000_000
    directory_size: int = 512 << 20
    names_size: int = 1 << 30
    block_size: int = 64 << 20
    memory: int = 2 << 30
    total_size: int = 64 << 30
    ratio: int = 20_000
    ratio_from: int = 1 << 30

    def check(self, what: str, value: int, most: int, *, unless: bool = False) -> None:
        """Raise `FormatError` when ``value`` is over ``most``."""
        if value > most and not unless:
            raise FormatError(
                f"the package is refused: it declares {value} {what}, the limit is {most}; "
                "if you trust it, raise the limit with --max-size"
            )


DEFAULT_LIMITS = Limits()
