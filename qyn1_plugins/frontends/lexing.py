"""What the built-in frontends share: claims from profiles, the choice of lexer, its result.

A built-in frontend is a pure Python lexer here and its native twin in
``native/crates/codec/src/lexers``; they give identical tokens.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from array import array
from typing import TYPE_CHECKING, ClassVar

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.errors import PluginError
from qyn1_plugins.frontends import profiles

if TYPE_CHECKING:
    from qyn1_plugins.tokens import TokenStream

__all__ = ["LanguageFrontend", "PureTokens"]


class PureTokens:
    """Tokens that a pure Python lexer collects: ``kind`` and ``start`` of each, in order."""

    __slots__ = ("kind", "start")

    def __init__(self) -> None:
        self.kind = bytearray()
        self.start = array("I")

    def add(self, kind: int, start: int) -> None:
        """The token of ``kind`` that begins at offset ``start``."""
        self.kind.append(kind)
        self.start.append(start)


class LanguageFrontend(ABC):
    """A built-in frontend: a name, a version, a pure lexer and, where built, a native one."""

    name: ClassVar[str]
    version: ClassVar[int] = 1

    def unavailable(self) -> str | None:
        """Built-in frontends work everywhere."""
        return None

    def claims(self, path: str, head: bytes) -> int:
        """How surely ``path`` is in this language by its name and interpreter line, 0 to 100."""
        return profiles.claim(self.name, path, head)

    def lex(self, data: bytes) -> TokenStream:
        """Tokens that tile ``data`` (shorter than 4 GiB) exactly."""
        return self.lex_pure(data) if native is None else self.lex_native(data)

    def lex_pure(self, data: bytes) -> TokenStream:
        """`lex` in Python."""
        tokens = PureTokens()
        self.scan(data, tokens)
        if sys.byteorder == "big":
            tokens.start.byteswap()
        return _stream(data, tokens.kind, tokens.start.tobytes())

    def lex_native(self, data: bytes) -> TokenStream:
        """`lex` in Rust; needs the native extension."""
        if native is None:
            raise PluginError(f"the native lexer of {self.name} {WITHOUT_NATIVE}")
        return _stream(data, *native.lex(self.name, data))

    @abstractmethod
    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """Adds the tokens of ``data`` to ``tokens``: the pure Python lexer of the language."""


def _stream(data: bytes, kind: bytes | bytearray, start: bytes) -> TokenStream:
    # The native compressors need no lexing in Python, and importing numpy takes longer than packing a small project.
    from qyn1_plugins.tokens import TokenStream  # noqa: PLC0415

    return TokenStream.of_bytes(data, kind, start)
