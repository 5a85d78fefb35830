"""`morpheme`: a model of tokens, for packages of every day. Needs the native extension."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from qyn1_plugins.spec import Prior, Source

__all__ = ["Morpheme"]

_loading: Final = Lock()


class Morpheme:
    """The compressor of mode ``balanced``; the format is described in docs/codecs.md."""

    name: Final = "morpheme"
    version: Final = 1

    def unavailable(self) -> str | None:
        """What to install where there is no native extension."""
        return None if native is not None else WITHOUT_NATIVE

    def levels(self) -> range:
        """There is one level."""
        return range(1, 2)

    def encode(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """A payload of at most ``len(source.data) + 1`` bytes."""
        return bytes(_extension().morpheme_encode(source.data, _expanded(prior)))

    def encode_timed(self, source: Source, prior: Prior | None, level: int) -> tuple[bytes, Mapping[str, float]]:
        """As `encode`; all three stages are told apart."""
        payload, seconds = _extension().morpheme_encode_timed(source.data, _expanded(prior))
        return payload, seconds

    def decode(self, payload: bytes, raw_size: int, language: str, prior: Prior | None) -> bytes:
        """The block, or `CodecError`."""
        return bytes(_extension().morpheme_decode(payload, raw_size, _expanded(prior)))

    def costs(self, source: Source, prior: Prior | None, level: int) -> bytes:
        """What the coder's probabilities say that each token costs, spread over its bytes; as slow as `encode`."""
        return bytes(_extension().morpheme_costs(source.data, _expanded(prior)))

    def memory(self, raw_size: int) -> int:
        """Tables sized for the block (at most 20 MiB), its text and its tokens."""
        return int(_extension().morpheme_memory(raw_size))

    def train(self, packages: Sequence[Sequence[bytes]], language: str) -> bytes:
        """The content of a prior; it has the same form for every language."""
        return bytes(_extension().morpheme_train(packages))


def _extension() -> ModuleType:
    if native is None:
        raise PluginError(f"morpheme {WITHOUT_NATIVE}")
    return native


def _expanded(prior: Prior | None) -> Any:
    """The prior's tables, built once in a process; threads wait for the one that builds."""
    if prior is None:
        return None
    with _loading:
        return _build(prior)


@lru_cache(maxsize=16)
def _build(prior: Prior) -> Any:
    return _extension().MorphemePrior(prior.load())
