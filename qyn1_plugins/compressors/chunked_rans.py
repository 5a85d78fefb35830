"""`chunked-rans`: LZ77 with phrases and static tables of the language, coded by interleaved rANS.

One format (docs/codecs.md), two encoders: level 1 parses lazily, in numpy or in the
native extension with the same bytes; level 2 parses for the smallest size and needs
the native extension. Decoding works without it at either level.
"""

from __future__ import annotations

# The modules in numpy are imported where they are used: with the native extension nothing needs
# them, and importing numpy takes longer than decoding a package.
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from qyn1_plugins.compressors.chunked_prior import Statistics
    from qyn1_plugins.spec import Prior, Source

__all__ = ["ChunkedRans", "costs", "decode", "encode"]

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

    def encode_timed(self, source: Source, prior: Prior | None, level: int) -> tuple[bytes, Mapping[str, float]]:
        """As `encode`; matches and phrases are found first (the model) and coded then.

        Without the native extension nothing is hidden, and no times are given.
        """
        if native is None:
            return self.encode(source, prior, level), {}
        payload, seconds = _native_prior(prior).encode_timed(source.data, level)
        return payload, seconds

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The block, or `CodecError`."""
        if native is not None:
            return bytes(_native_prior(prior).decode(payload, raw_size))
        return decode(payload, raw_size, _statistics(prior))

    def costs(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """What each byte's token costs, and its share of what the tables do; as slow as `encode`.

        Without the native extension those of level 1, whatever ``level`` is.
        """
        if native is not None:
            return bytes(_native_prior(prior).costs(source.data, level))
        return costs(source.data, _statistics(prior))

    def train(self, packages: Sequence[Sequence[bytes]], language: str) -> bytes:
        """The content of a prior: see `qyn1_plugins.compressors.chunked_training`."""
        from qyn1_plugins.compressors.chunked_training import train  # noqa: PLC0415

        return train(packages, language)

    def memory(self, raw_size: int) -> int:
        """A block's tokens with their symbols, and level 2's tables of positions, in the native extension.

        Measured on text, noise and what makes the most tokens.
        """
        return 10 * raw_size + (28 << 20)

    def memory_here(self, raw_size: int) -> int:
        """As `memory`; without the extension what the numpy encoder takes: arrays of some 220 bytes for each byte."""
        return self.memory(raw_size) if native is not None else 220 * raw_size + (16 << 20)


def encode(data: bytes, statistics: Statistics | None = None) -> bytes:
    """The payload of ``data`` at level 1, in numpy."""
    from qyn1_plugins.compressors.chunked_lazy import parse_lazily  # noqa: PLC0415
    from qyn1_plugins.compressors.chunked_payload import MAX_BLOCK, STORED, encode_payload  # noqa: PLC0415
    from qyn1_plugins.compressors.chunked_prior import NO_PRIOR  # noqa: PLC0415

    if not data:
        return b""
    if len(data) > MAX_BLOCK:
        return bytes([STORED]) + data
    known = NO_PRIOR if statistics is None else statistics
    return encode_payload(data, parse_lazily(data, known), known)


def decode(payload: bytes, raw_size: int, statistics: Statistics | None = None) -> bytes:
    """The block of ``raw_size`` bytes in ``payload``, in numpy; `CodecError` if it is damaged."""
    from qyn1_plugins.compressors.chunked_payload import decode_payload  # noqa: PLC0415
    from qyn1_plugins.compressors.chunked_prior import NO_PRIOR  # noqa: PLC0415

    return decode_payload(payload, raw_size, NO_PRIOR if statistics is None else statistics)


def costs(data: bytes, statistics: Statistics | None = None) -> bytes:
    """What each byte of ``data`` costs at level 1, as `qyn1_plugins.spec.Explainer` counts; in numpy."""
    from qyn1_plugins.compressors.chunked_lazy import parse_lazily  # noqa: PLC0415
    from qyn1_plugins.compressors.chunked_payload import MAX_BLOCK, payload_costs  # noqa: PLC0415
    from qyn1_plugins.compressors.chunked_prior import NO_PRIOR  # noqa: PLC0415
    from qyn1_plugins.spec import COST_UNIT  # noqa: PLC0415

    if not data or len(data) > MAX_BLOCK:
        return (8 * COST_UNIT).to_bytes(4, "little") * len(data)
    known = NO_PRIOR if statistics is None else statistics
    return payload_costs(data, parse_lazily(data, known), known).astype("<u4").tobytes()


def _statistics(prior: Prior | None) -> Statistics | None:
    return None if prior is None else _parsed(prior)


@lru_cache(maxsize=16)
def _parsed(prior: Prior) -> Statistics:
    from qyn1_plugins.compressors.chunked_prior import Statistics  # noqa: PLC0415

    return Statistics.parse(prior.load())


@lru_cache(maxsize=16)
def _native_prior(prior: Prior | None) -> Any:
    if native is None:
        raise PluginError(f"this {WITHOUT_NATIVE}")
    return native.ChunkedPrior(None if prior is None else prior.load())
