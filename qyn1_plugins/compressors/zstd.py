"""`zstd`: Zstandard frames (RFC 8878) by the standard library or its backport.

The library promises the same bytes only for one version of itself; packages that
must be reproducible anywhere use the compressors of this project.
"""

from __future__ import annotations

import sys
from typing import Final

from qyn1_plugins.errors import CodecError
from qyn1_plugins.spec import Prior, Source

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Zstd"]

DEFAULT_LEVEL: Final = 19

WINDOW_LOG_LIMIT: Final = 27
"""128 MiB, the largest window that the zstd command reads unasked."""


class Zstd:
    """One frame without checksum; a prior, where given, is the content of a dictionary."""

    name: Final = "zstd"
    version: Final = 1

    def unavailable(self) -> str | None:
        """Always None: the library is a dependency."""
        return None

    def levels(self) -> range:
        """1 to 22 are the library's own; 0, the default, stands for 19."""
        return range(23)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """One frame that does not state its size: the block header does."""
        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: level or DEFAULT_LEVEL,
            zstd.CompressionParameter.content_size_flag: 0,
            zstd.CompressionParameter.dict_id_flag: 0,
        }
        return bytes(zstd.compress(source.data, options=options, zstd_dict=_dictionary(prior)))

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The content of exactly one frame; never asks the library for more than ``raw_size`` + 1 bytes."""
        decoder = zstd.ZstdDecompressor(
            zstd_dict=_dictionary(prior),
            options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG_LIMIT},
        )
        try:
            data = bytes(decoder.decompress(payload, max_length=raw_size + 1))
            while not decoder.eof and len(data) <= raw_size and not decoder.needs_input:
                more = decoder.decompress(b"", max_length=raw_size + 1 - len(data))
                if not more and not decoder.eof:
                    break
                data += more
        except zstd.ZstdError as error:
            raise CodecError(f"the zstd block is damaged: {error}") from error
        if not decoder.eof:
            raise CodecError(f"the zstd block does not end after {raw_size} bytes as its header says")
        if len(data) != raw_size:
            raise CodecError(f"the zstd block holds {len(data)} bytes, its header says {raw_size}")
        if decoder.unused_data:
            raise CodecError("data is left over after the zstd block")
        return data

    def memory(self, raw_size: int) -> int:
        """The block, its window (at most as large) and the library's tables at the highest level."""
        return 2 * raw_size + (96 << 20)


def _dictionary(prior: Prior | None) -> zstd.ZstdDict | None:
    if prior is None:
        return None
    try:
        dictionary: zstd.ZstdDict = zstd.ZstdDict(prior.load(), is_raw=False)
    except ValueError as error:
        raise CodecError(f"the prior of zstd for {prior.language} is no zstd dictionary: {error}") from error
    return dictionary
