"""`mixing`: bitwise context mixing for source code, the smallest and slowest.

The model and its coder are native (`native/crates/codec/src/mixing`); docs/codecs.md
describes both.
"""

from __future__ import annotations

from typing import Final

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.errors import PluginError
from qyn1_plugins.spec import Prior, Source

__all__ = ["Mixing"]


class Mixing:
    """Predicts each bit from some thirty contexts of source code at once."""

    name: Final = "mixing"
    version: Final = 1

    def unavailable(self) -> str | None:
        """None where the native extension is."""
        return None if native is not None else WITHOUT_NATIVE

    def levels(self) -> range:
        """One level."""
        return range(1, 2)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """The arithmetically coded bits of ``source.data``; releases the interpreter lock."""
        if native is None:
            raise PluginError(f"the compressor 'mixing' {WITHOUT_NATIVE}")
        payload: bytes = native.mixing_encode(source.data, source.language)
        return payload

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The block, when ``payload`` is its one encoding; else `CodecError`."""
        if native is None:
            raise PluginError(f"the compressor 'mixing' {WITHOUT_NATIVE}")
        data: bytes = native.mixing_decode(payload, raw_size, language)
        return data

    def memory(self, raw_size: int) -> int:
        """Tables that grow with the block up to a bound, the block and its payload."""
        if native is None:
            raise PluginError(f"the compressor 'mixing' {WITHOUT_NATIVE}")
        size: int = native.mixing_memory(raw_size)
        return size
