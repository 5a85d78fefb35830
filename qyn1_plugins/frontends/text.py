"""Prose, markup, configuration, and code of languages that have no frontend.

Words (with their digits) are IDENTIFIER, runs of digits NUMBER, runs of one mark
OPERATOR, brackets OPEN and CLOSE; control characters are ERROR. Bytes of 0x80 and above
count as letters, which keeps UTF-8 sequences whole.
"""

from __future__ import annotations

import codecs
import re
from typing import ClassVar, Final

from qyn1_plugins.frontends import profiles
from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.token_kinds import TokenKind

__all__ = ["BY_CONTENT", "TextFrontend"]

BY_CONTENT: Final = 10
"""Score of a file without a telling name that reads as text."""

_GROUPS: Final = (
    (TokenKind.IDENTIFIER, rb"[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*"),
    (TokenKind.WHITESPACE, rb"[ \t\v\f]+"),
    (TokenKind.NEWLINE, rb"\r\n?|\n"),
    (TokenKind.NUMBER, rb"[0-9]+"),
    (TokenKind.OPEN, rb"[(\[{]"),
    (TokenKind.CLOSE, rb"[)\]}]"),
    (TokenKind.ERROR, rb"[\x00-\x08\x0e-\x1f\x7f]+"),
    # Last, because the reference counts groups: this is the eighth, its mark the ninth.
    (TokenKind.OPERATOR, rb"([^\x00-\x20\x7f-\xff0-9A-Za-z_()\[\]{}])\9*"),
)
_TOKEN: Final = re.compile(b"|".join(b"(" + pattern + b")" for _, pattern in _GROUPS))
_KIND_OF_GROUP: Final = (0, *(int(kind) for kind, _ in _GROUPS))
_CONTROLS: Final = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"


class TextFrontend(LanguageFrontend):
    """Words, numbers, spaces and marks."""

    name: ClassVar[str] = "text"

    def claims(self, path: str, head: bytes) -> int:
        """By name like any language; failing that, `BY_CONTENT` for what reads as text."""
        score = profiles.claim(self.name, path, head)
        return score or (BY_CONTENT if _reads_as_text(head) else 0)

    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """Adds the tokens of ``data`` to ``tokens``."""
        add_kind, add_start = tokens.kind.append, tokens.start.append
        kind_of_group = _KIND_OF_GROUP
        for found in _TOKEN.finditer(data):
            add_kind(kind_of_group[found.lastindex or 0])
            add_start(found.start())


def _reads_as_text(head: bytes) -> bool:
    """Whether ``head`` is the beginning of UTF-8 without controls, or of another encoding nearly so."""
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if b"\0" in head or controls * 100 > len(head):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # Encodings with one byte for each letter: mostly ASCII with some bytes above.
        return sum(byte >= 0x80 for byte in head) * 3 < len(head)
    return True
