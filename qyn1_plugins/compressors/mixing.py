"""`mixing`: bitwise context mixing for source code, the smallest and slowest.

The model and its coder are native (`native/crates/codec/src/mixing`); docs/codecs.md
describes both.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from qyn1_plugins import _native
from qyn1_plugins._native import WITHOUT_NATIVE
from qyn1_plugins.errors import CodecError, PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from qyn1_plugins.spec import Prior, Source

__all__ = ["Mixing"]


class Mixing:
    """Predicts each bit from some twenty contexts of source code at once.

    A prior is read once per process and shared by all threads.
    """

    name: Final = "mixing"
    version: Final = 1

    def __init__(self) -> None:
        self._priors: dict[bytes, Any] = {}
        self._lock = threading.Lock()

    def unavailable(self) -> str | None:
        """None where the native extension is."""
        return None if _native.native is not None else WITHOUT_NATIVE

    def levels(self) -> range:
        """One level."""
        return range(1, 2)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """The arithmetically coded bits of ``source.data``; releases the interpreter lock."""
        payload: bytes = _extension().mixing_encode(source.data, source.language, self._prior(prior))
        return payload

    def encode_timed(self, source: Source, prior: Prior | None, level: int) -> tuple[bytes, Mapping[str, float]]:
        """As `encode`; the model follows the text by itself, so that there is no time of a lexer."""
        payload, seconds = _extension().mixing_encode_timed(source.data, source.language, self._prior(prior))
        return payload, seconds

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The block, when ``payload`` is its one encoding; else `CodecError`."""
        data: bytes = _extension().mixing_decode(payload, raw_size, language, self._prior(prior))
        return data

    def costs(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """What the coder's probabilities say that each byte costs; as slow as `encode`."""
        costs: bytes = _extension().mixing_costs(source.data, source.language, self._prior(prior))
        return costs

    def memory(self, raw_size: int) -> int:
        """Tables that grow with the block up to 208 MiB, the block and its payload."""
        size: int = _extension().mixing_memory(raw_size)
        return size

    def train(self, packages: Sequence[Sequence[bytes]], language: str) -> bytes:
        """A prior: contexts as hashes with what follows them in several packages, and mixer state.

        Takes about 1.5 GB of memory and some minutes for the packages of one language.
        """
        content: bytes = _extension().mixing_train([list(files) for files in packages], language)
        return content

    def _prior(self, prior: Prior | None) -> Any:
        """The native form of ``prior``. Raises `CodecError` when its content is none of ours."""
        if prior is None:
            return None
        with self._lock:
            read = self._priors.get(prior.digest)
            if read is None:
                try:
                    read = _extension().MixingPrior(prior.load())
                except CodecError as error:
                    raise CodecError(f"{error} (mixing, {prior.language})") from error
                self._priors[prior.digest] = read
            return read


def _extension() -> ModuleType:
    if _native.native is None:
        raise PluginError(f"the compressor 'mixing' {WITHOUT_NATIVE}")
    return _native.native
