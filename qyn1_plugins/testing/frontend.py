r"""The conformance kit for frontends.

A plugin's own test suite calls it with some source files of the language::

    def test_frontend_conforms():
        check_frontend(NimFrontend(), [b"proc f() = discard\n"])

It needs no test framework: the first promise that is broken raises `PluginError`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Final

from qyn1_plugins.errors import PluginError, SourceError
from qyn1_plugins.spec import Canonicaliser, Frontend
from qyn1_plugins.tokens import TokenStream

__all__ = ["check_canonicaliser", "check_frontend"]

_HARD: Final = (
    b"",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\xef\xbb\xbf",
    b"\xff\xfe\x80",
    b"no line break at the end",
    b"'",
    b'"""',
    b"`${`",
    b"/*",
    b"((((]]]]}}}}",
    b"\\",
    b"\\\r\n\\",
    bytes(range(256)),
)
"""Data that lexers stumble over in any language."""
_PIECES: Final = b"'\"`\\\n\r\t /*#<>{}[]()$@!:=+-.,;_0179aeflrux\x00\x80\xff"
_CUTS: Final = 64
"""At most so many truncations of each sample are tried, evenly spread."""
_PATHS: Final = ("", "a", "folder/file.txt", "folder/.hidden", "x" * 4096, "é/ñ.py", "a.b.c.d")


def check_frontend(frontend: Frontend, samples: Iterable[bytes] = (), *, seed: int = 0) -> None:
    """Raise `PluginError` unless ``frontend``, which must be available here, keeps its promises.

    ``samples`` are files of the language; they are lexed whole, cut short and spliced.
    The same ``seed`` tries the same data.
    """
    problem = frontend.unavailable()
    _require(frontend, problem is None, f"it cannot be tested here: {problem}")
    for data in _trials(list(samples), random.Random(seed)):  # noqa: S311 (trial data, no secret)
        _check_tokens(frontend, data)
        _check_claims(frontend, data[:4096])


def check_canonicaliser(frontend: Canonicaliser, programs: Iterable[bytes], broken: bytes) -> None:
    """Raise `PluginError` unless ``frontend`` canonicalises ``programs``, and refuses what is ``broken``."""
    for program in programs:
        once = frontend.canonicalise(program, "program")
        if frontend.canonicalise(once, "program") != once:
            raise PluginError(f"{frontend!r} breaks its contract: canonical form of {_quoted(program)} is not stable")
    try:
        frontend.canonicalise(broken, "broken")
    except SourceError:
        return
    raise PluginError(f"{frontend!r} breaks its contract: it takes {_quoted(broken)} for a program")


def _trials(samples: list[bytes], chance: random.Random) -> Iterator[bytes]:
    yield from _HARD
    for _ in range(100):
        yield chance.randbytes(chance.randrange(1, 200))
        yield bytes(chance.choices(_PIECES, k=chance.randrange(1, 80)))
    for sample in samples:
        yield sample
        for cut in range(1, _CUTS):
            yield sample[: len(sample) * cut // _CUTS]
        for _ in range(_CUTS // 4):
            begin, end = sorted(chance.choices(range(len(sample) + 1), k=2))
            yield sample[begin:end] + bytes(chance.choices(_PIECES, k=3)) + sample[:begin]


def _check_tokens(frontend: Frontend, data: bytes) -> None:
    try:
        stream = frontend.lex(data)
        again = frontend.lex(data)
    except Exception as error:
        raise PluginError(
            f"the frontend {frontend.name!r} breaks its contract: lex never raises, but on {_quoted(data)}: {error!r}"
        ) from error
    _require(frontend, isinstance(stream, TokenStream), f"lex gives a TokenStream, not {type(stream).__name__}")
    fault = stream.fault()
    _require(frontend, fault is None, f"the tokens of {_quoted(data)} do not tile it: {fault}")
    _require(frontend, stream.data == data, f"the tokens of {_quoted(data)} are of other data")
    _require(frontend, stream.same_as(again), f"the tokens of {_quoted(data)} differ from call to call")
    derived = TokenStream.build(data, stream.kind, stream.start)
    _require(
        frontend, stream.same_as(derived), f"depth or lines of {_quoted(data)} are not what TokenStream.build gives"
    )


def _check_claims(frontend: Frontend, head: bytes) -> None:
    for path in _PATHS:
        score = frontend.claims(path, head)
        kept = type(score) is int and 0 <= score <= 100
        _require(frontend, kept, f"claims({path[:40]!r}) gives 0 to 100, not {score!r}")
        _require(frontend, score == frontend.claims(path, head), f"claims({path[:40]!r}) differs from call to call")


def _require(frontend: Frontend, kept: bool, promise: str) -> None:
    if not kept:
        raise PluginError(f"the frontend {frontend.name!r} breaks its contract: {promise}")


def _quoted(data: bytes) -> str:
    return repr(data) if len(data) <= 80 else f"{data[:80]!r} and {len(data) - 80} bytes more"
