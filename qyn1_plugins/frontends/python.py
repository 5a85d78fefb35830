"""Python."""

from __future__ import annotations

from typing import ClassVar

from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.tokens import TokenKind

__all__ = ["PythonFrontend"]


class PythonFrontend(LanguageFrontend):
    """Python source."""

    name: ClassVar[str] = "python"

    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """One token."""
        if data:
            tokens.add(TokenKind.TEXT, 0)
