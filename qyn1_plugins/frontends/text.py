"""Prose, markup, configuration and every other thing that people read."""

from __future__ import annotations

from typing import ClassVar

from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.tokens import TokenKind

__all__ = ["TextFrontend"]


class TextFrontend(LanguageFrontend):
    """Words, numbers, spaces and marks."""

    name: ClassVar[str] = "text"

    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """One token."""
        if data:
            tokens.add(TokenKind.TEXT, 0)
