"""Bytes of no known structure: what no other frontend claims."""

from __future__ import annotations

from typing import ClassVar, Final

from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.token_kinds import TokenKind

__all__ = ["RUN", "BinaryFrontend"]

RUN: Final = 4096
"""Bytes in one token."""


class BinaryFrontend(LanguageFrontend):
    """Claims anything, with the least confidence."""

    name: ClassVar[str] = "binary"

    def claims(self, path: str, head: bytes) -> int:
        """1: any file, if nobody else wants it."""
        return 1

    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """One token of kind TEXT for each `RUN` bytes."""
        starts = range(0, len(data), RUN)
        tokens.start.extend(starts)
        tokens.kind.extend(bytes((TokenKind.TEXT,)) * len(starts))
