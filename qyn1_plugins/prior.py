"""`Prior`: trained statistics, named and not yet loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Prior"]


class Prior:
    """Trained statistics of one language for one compressor.

    ``digest`` (SHA-256 of the content, 32 bytes) identifies it in packages; ``load``
    returns the content, and need not cache it: compressors keep what they build.
    Equal are those that agree in all but ``load``.
    """

    __slots__ = ("compressor", "digest", "language", "load")

    def __init__(self, compressor: str, language: str, digest: bytes, load: Callable[[], bytes]) -> None:
        self.compressor = compressor
        self.language = language
        self.digest = digest
        self.load = load

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prior) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"Prior({self.compressor!r}, {self.language!r}, {self.digest!r})"

    def _identity(self) -> tuple[str, str, bytes]:
        return self.compressor, self.language, self.digest
