"""`store`: the bytes as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qyn1_plugins.errors import CodecError

if TYPE_CHECKING:
    from qyn1_plugins.spec import Prior, Source

__all__ = ["Store"]


class Store:
    """The identity, for data that does not shrink."""

    name: Final = "store"
    version: Final = 1

    def unavailable(self) -> str | None:
        """Always None: nothing is needed."""
        return None

    def levels(self) -> range:
        """One level."""
        return range(1, 2)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """``source.data``."""
        return source.data

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """``payload``, when it has ``raw_size`` bytes; else `CodecError`."""
        if len(payload) != raw_size:
            raise CodecError(f"a stored block has {len(payload)} bytes, its header says {raw_size}")
        return payload

    def memory(self, raw_size: int) -> int:
        """The block itself."""
        return raw_size

    def costs(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """Eight bits a byte."""
        from qyn1_plugins.spec import COST_UNIT  # noqa: PLC0415  (who opens a package does without it)

        return (8 * COST_UNIT).to_bytes(4, "little") * len(source.data)
