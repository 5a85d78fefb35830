r"""The conformance kit for compressors.

A plugin's own test suite calls it with some data of the kind it is made for::

    def test_compressor_conforms():
        check_compressor(MyCompressor(), [b"some source text\n"])

It needs no test framework: the first promise that is broken raises `ConformanceError`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from qyn1_plugins.errors import CodecError, PluginError
from qyn1_plugins.spec import TIMED_STAGES, Compressor, Prior, Source, StageTimer, Trainer
from qyn1_plugins.tokens import TokenKind, TokenStream

__all__ = ["ConformanceError", "check_compressor", "check_trainer"]

_ALWAYS: Final = (
    b"",
    b"\0",
    b"a",
    b"aa",
    b"\n" * 3,
    b"ab" * 700,
    bytes(range(256)) * 2,
    b"\xff\xfe\x80\r\n\t" * 9,
    b"def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x + 2\n",
)
_FLIPS: Final = 40
_CUTS: Final = 24
"""At most so many single-bit changes and truncations of each payload are tried."""


class ConformanceError(PluginError):
    """A provider broke a promise of its protocol; the message says which and on what data."""


def check_compressor(
    compressor: Compressor,
    samples: Iterable[bytes] = (),
    *,
    language: str = "text",
    lex: Callable[[bytes], TokenStream] | None = None,
    prior: Prior | None = None,
    levels: Iterable[int] | None = None,
    seed: int = 0,
) -> None:
    """Raise `ConformanceError` unless ``compressor``, which must be available here, keeps its promises.

    ``samples`` are blocks to try besides those that trouble everyone; ``lex`` gives their tokens
    (by default one token of text); ``levels`` are all accepted ones unless given. The same
    ``seed`` tries the same damage.
    """
    problem = compressor.unavailable()
    _require(compressor, problem is None, f"it cannot be tested here: {problem}")
    accepted = compressor.levels()
    _require(compressor, len(accepted) > 0, "it accepts no level")
    chance = random.Random(seed)  # noqa: S311 (trial data, no secret)
    tried = list(accepted if levels is None else levels)
    for level in tried:
        _require(compressor, level in accepted, f"level {level} is not among {accepted}")
    sources = [Source(data, language, _Lexed(lex or _one_token, data)) for data in (*_ALWAYS, *samples)]
    for source in sources:
        for level in tried:
            _check_round_trip(compressor, source, prior, level)
    for source in sources:
        _check_damage(compressor, source, prior, tried[0], chance)


def check_trainer(trainer: Trainer, packages: list[list[bytes]], language: str, secret: bytes) -> bytes:
    """Raise `ConformanceError` unless training repeats itself and keeps no text of one package only.

    ``secret`` is a string of eight bytes or more that stands in exactly one of ``packages``. Gives the content.
    """
    content = trainer.train(packages, language)
    if content != trainer.train(packages, language):
        raise ConformanceError("training twice on the same packages gives different priors")
    if secret in content:
        raise ConformanceError(f"the prior holds {secret!r}, which stands in one package only")
    return content


def _check_round_trip(compressor: Compressor, source: Source, prior: Prior | None, level: int) -> None:
    data = source.data
    where = f"level {level}, {_shown(data)}"
    payload = compressor.encode(source, prior, level)
    _require(compressor, isinstance(payload, bytes), f"{where}: encode gives {type(payload).__name__}, not bytes")
    _require(compressor, compressor.encode(source, prior, level) == payload, f"{where}: two encodings differ")
    decoded = compressor.decode(payload, len(data), source.language, prior)
    _require(compressor, decoded == data, f"{where}: decode does not give back what was encoded")
    if isinstance(compressor, StageTimer):
        begin = time.perf_counter()
        timed, seconds = compressor.encode_timed(source, prior, level)
        elapsed = time.perf_counter() - begin
        _require(compressor, timed == payload, f"{where}: encode_timed gives other bytes than encode")
        unknown = sorted(set(seconds) - set(TIMED_STAGES))
        _require(compressor, not unknown, f"{where}: encode_timed names stages that are none: {unknown}")
        possible = all(spent >= 0 for spent in seconds.values()) and sum(seconds.values()) <= elapsed
        _require(compressor, possible, f"{where}: encode_timed gives times that are not within the call's")
    need = compressor.memory(len(data))
    _require(compressor, need >= len(data), f"{where}: memory says {need} bytes, less than the block")


def _check_damage(
    compressor: Compressor, source: Source, prior: Prior | None, level: int, chance: random.Random
) -> None:
    size = len(source.data)
    payload = compressor.encode(source, prior, level)

    def attempt(damaged: bytes, raw_size: int, what: str) -> None:
        """Decoding damage either raises `CodecError` or gives ``raw_size`` bytes."""
        try:
            decoded = compressor.decode(damaged, raw_size, source.language, prior)
        except CodecError:
            return
        except Exception as error:
            raise ConformanceError(
                f"{compressor.name}: {_shown(source.data)} with {what}: "
                f"raises {type(error).__name__} ({error}), not CodecError"
            ) from error
        _require(
            compressor,
            len(decoded) == raw_size,
            f"{_shown(source.data)} with {what}: gives {len(decoded)} bytes instead of {raw_size}",
        )

    for bit in sorted(chance.sample(range(8 * len(payload)), min(8 * len(payload), _FLIPS))):
        changed = bytearray(payload)
        changed[bit >> 3] ^= 1 << (bit & 7)
        attempt(bytes(changed), size, f"bit {bit} changed")
    for cut in sorted(chance.sample(range(len(payload)), min(len(payload), _CUTS))):
        attempt(payload[:cut], size, f"only {cut} bytes")
    attempt(payload + b"\0", size, "a byte more")
    for other in {max(size - 1, 0), size + 1, 2 * size + 7} - {size}:
        attempt(payload, other, f"the size {other}")
    attempt(b"", size + 1, "nothing")
    attempt(chance.randbytes(len(payload) + 5), size, "random bytes")


@dataclass(frozen=True)
class _Lexed:
    """``lex(data)``, when it is asked for."""

    lex: Callable[[bytes], TokenStream]
    data: bytes

    def __call__(self) -> TokenStream:
        return self.lex(self.data)


def _one_token(data: bytes) -> TokenStream:
    """``data`` as one token of text."""
    count = 1 if data else 0
    return TokenStream.build(data, np.full(count, int(TokenKind.TEXT), np.uint8), np.zeros(count, np.uint32))


def _shown(data: bytes) -> str:
    return f"{len(data)} bytes beginning {data[:24]!r}"


def _require(compressor: Compressor, holds: bool, otherwise: str) -> None:
    if not holds:
        raise ConformanceError(f"{compressor.name}: {otherwise}")
