"""What the built-in frontends share: claims from profiles, the choice of lexer, its result.

A built-in frontend is a pure Python lexer here and its native twin in
``native/crates/codec/src/lexers``; they give identical tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from typing import ClassVar

import numpy as np

from qyn1_plugins._native import WITHOUT_NATIVE, native
from qyn1_plugins.errors import PluginError
from qyn1_plugins.frontends import profiles
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
        return TokenStream.build(data, np.frombuffer(tokens.kind, np.uint8), np.array(tokens.start, np.uint32))

    def lex_native(self, data: bytes) -> TokenStream:
        """`lex` in Rust; needs the native extension."""
        if native is None:
            raise PluginError(f"the native lexer of {self.name} {WITHOUT_NATIVE}")
        kind, start = native.lex(self.name, data)
        return TokenStream.build(
            data, np.frombuffer(kind, np.uint8), np.frombuffer(start, np.dtype("<u4")).astype(np.uint32, copy=False)
        )

    @abstractmethod
    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """Adds the tokens of ``data`` to ``tokens``: the pure Python lexer of the language."""
