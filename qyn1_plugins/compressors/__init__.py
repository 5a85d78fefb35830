"""The built-in block compressors."""

from __future__ import annotations

from collections.abc import Iterable

from qyn1_plugins.compressors.chunked_rans import ChunkedRans
from qyn1_plugins.compressors.mixing import Mixing
from qyn1_plugins.compressors.morpheme import Morpheme
from qyn1_plugins.compressors.rans import Rans
from qyn1_plugins.compressors.store import Store
from qyn1_plugins.compressors.zstd import Zstd
from qyn1_plugins.spec import Compressor, hookimpl

__all__ = ["qyn1_compressors"]


@hookimpl
def qyn1_compressors() -> Iterable[Compressor]:
    """All of them, the simplest first."""
    return [Store(), Zstd(), Rans(), ChunkedRans(), Morpheme(), Mixing()]
