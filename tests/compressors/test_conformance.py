"""Every built-in compressor keeps the promises of its protocol, and the kit notices when one does not."""

from __future__ import annotations

from pathlib import Path

import pytest

import qyn1_plugins
from qyn1_plugins.compressors.chunked_rans import ChunkedRans
from qyn1_plugins.compressors.rans import Rans
from qyn1_plugins.compressors.store import Store
from qyn1_plugins.compressors.zstd import Zstd
from qyn1_plugins.spec import Compressor, Prior, Source
from qyn1_plugins.testing.compressor import ConformanceError, check_compressor

SAMPLE = (Path(qyn1_plugins.__file__).parent / "host.py").read_bytes()


@pytest.mark.parametrize(
    ("compressor", "levels"), [(Store(), (1,)), (Zstd(), (0, 1, 22)), (Rans(), (1,)), (ChunkedRans(), (1,))]
)
def test_built_in_compressors_conform(compressor: Compressor, levels: tuple[int, ...]) -> None:
    check_compressor(compressor, [SAMPLE[:4000]], language="python", levels=levels)


@pytest.mark.native
def test_the_optimal_level_conforms() -> None:
    check_compressor(ChunkedRans(), [SAMPLE], language="python", levels=(2,))


class Forgetful(Store):
    """Loses the last byte."""

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        return source.data[:-1]

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        return payload


class Careless(Store):
    """Raises what is no `CodecError` on damage."""

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        if len(payload) != raw_size:
            raise IndexError("out of range")
        return payload


class Unsteady(Store):
    """Encodes differently each time."""

    calls = 0

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        self.calls += 1
        return source.data + bytes(self.calls)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Forgetful(), "does not give back"),
        (Careless(), "IndexError"),
        (Unsteady(), "two encodings differ"),
    ],
)
def test_the_kit_notices_broken_promises(broken: Compressor, complaint: str) -> None:
    with pytest.raises(ConformanceError, match=complaint):
        check_compressor(broken)
