"""`chunked-rans`: LZ77 with phrases and static tables of the language, coded by interleaved rANS.

One format (docs/codecs.md), two encoders: level 1 parses lazily, in numpy or in the
native extension with the same bytes; level 2 parses for the smallest size and needs
the native extension. Decoding works without it at either level.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.compressors.chunked_lazy import parse_lazily
from qyn1_plugins.compressors.chunked_payload import MAX_BLOCK, STORED, decode_payload, encode_payload
from qyn1_plugins.compressors.chunked_prior import NO_PRIOR, Statistics
from qyn1_plugins.compressors.chunked_training import train
from qyn1_plugins.errors import PluginError
from qyn1_plugins.spec import Prior, Source

__all__ = ["ChunkedRans", "decode", "encode"]

LAZY: Final = 1
OPTIMAL: Final = 2


class ChunkedRans:
    """The compressor of mode ``fast``."""

    name: Final = "chunked-rans"
    version: Final = 1

    def unavailable(self) -> str | None:
        """Always None: numpy is enough for level 1 and for decoding."""
        return None

    def levels(self) -> range:
        """1 parses lazily, 2 optimally (native only)."""
        return range(LAZY, OPTIMAL + 1)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """A payload of at most ``len(source.data) + 1`` bytes.

        Raises `PluginError` for level 2 without the native extension.
        """
        if native is not None:
            return bytes(_native_prior(prior).encode(source.data, level))
        if level != LAZY:
            raise PluginError(
                f"level {level} of chunked-rans {WITHOUT_NATIVE}; level {LAZY} works without it, and so does "
                "unpacking at any level"
            )
        return encode(source.data, _statistics(prior))

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The block, or `CodecError`."""
        if native is not None:
            return bytes(_native_prior(prior).decode(payload, raw_size))
        return decode_payload(payload, raw_size, _statistics(prior))

    def train(self, packages: Sequence[Sequence[bytes]], language: str) -> bytes:
        """The content of a prior: see `qyn1_plugins.compressors.chunked_training`."""
        return train(packages, language)

    def memory(self, raw_size: int) -> int:
        """What the numpy encoder takes, the hungriest: arrays of some 220 bytes for each of the block, and tables."""
        return 220 * raw_size + (16 << 20)


def encode(data: bytes, statistics: Statistics = NO_PRIOR) -> bytes:
    """The payload of ``data`` at level 1, in numpy."""
    if not data:
        return b""
    if len(data) > MAX_BLOCK:
        return bytes([STORED]) + data
    return encode_payload(data, parse_lazily(data, statistics), statistics)


decode = decode_payload


def _statistics(prior: Prior | None) -> Statistics:
    return NO_PRIOR if prior is None else _parsed(prior)


@lru_cache(maxsize=16)
def _parsed(prior: Prior) -> Statistics:
    return Statistics.parse(prior.load())


@lru_cache(maxsize=16)
def _native_prior(prior: Prior | None) -> Any:
    if native is None:
        raise PluginError(f"this {WITHOUT_NATIVE}")
    return native.ChunkedPrior(None if prior is None else prior.load())
