"""A compressor: a run of up to 256 equal bytes becomes its length less one, and the byte."""

from __future__ import annotations

import itertools

from qyn1_plugins.errors import CodecError
from qyn1_plugins.spec import Prior, Source


class RunsCompressor:
    """Run-length encoding: two bytes a run."""

    name = "runs"
    version = 1

    def unavailable(self) -> str | None:
        return None

    def levels(self) -> range:
        return range(1, 2)

    def memory(self, raw_size: int) -> int:
        return raw_size + 4096

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        out = bytearray()
        for byte, run in itertools.groupby(source.data):
            left = sum(1 for _ in run)
            while left:
                size = min(left, 256)
                out += bytes((size - 1, byte))
                left -= size
        return bytes(out)

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        if len(payload) % 2:
            raise CodecError("the block is damaged: half a run at its end")
        sizes = [size + 1 for size in payload[::2]]
        if sum(sizes) != raw_size:  # before anything of that size is made
            raise CodecError("the block is damaged: its runs do not add up to its size")
        return b"".join(payload[2 * i + 1 : 2 * i + 2] * size for i, size in enumerate(sizes))
