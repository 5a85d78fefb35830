"""`rans`: an entropy coder alone, of order 0 or order 1, over bytes.

docs/codecs.md specifies the payload. The native extension and numpy give the same bytes.
"""

from __future__ import annotations

# What is in numpy is imported where it is used: with the native extension nothing needs it.
from typing import TYPE_CHECKING, Final

from qyn1_plugins._native import native

if TYPE_CHECKING:
    from qyn1_plugins.spec import Prior, Source

__all__ = ["Rans"]


class Rans:
    """Static tables per block; the order that gives fewer bytes is chosen per block."""

    name: Final = "rans"
    version: Final = 1

    def unavailable(self) -> str | None:
        """Always None: numpy is enough."""
        return None

    def levels(self) -> range:
        """One level."""
        return range(1, 2)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """A payload of at most ``len(source.data) + 1`` bytes; ``prior`` is not used."""
        if native is not None:
            return bytes(native.rans_encode(source.data))
        from qyn1_plugins.compressors import rans_payload  # noqa: PLC0415

        return rans_payload.encode(source.data)

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The block, or `CodecError`."""
        if native is not None:
            return bytes(native.rans_decode(payload, raw_size))
        from qyn1_plugins.compressors import rans_payload  # noqa: PLC0415

        return rans_payload.decode(payload, raw_size)

    def memory(self, raw_size: int) -> int:
        """Block, payload, index and symbol arrays of numpy, and 257 tables."""
        return 48 * raw_size + (8 << 20)
