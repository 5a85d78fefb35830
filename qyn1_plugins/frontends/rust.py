"""Rust.

Follows the lexical structure of the Rust Reference. What is decided here:

- ``#`` and ``#!`` are an ANNOTATION before ``[``; any other ``#`` is an OPERATOR.
- ``'a`` is a lifetime (ANNOTATION) unless a closing quote makes it a character.
- A literal or block comment that nothing closes goes to the end of the data.
"""

from __future__ import annotations

import re
from array import array
from typing import ClassVar, Final

from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.frontends.literals import BYTE_ORDER_MARK, Quoted, finish, kind_table, words
from qyn1_plugins.token_kinds import TokenKind

__all__ = ["RustFrontend"]

_KEYWORDS: Final = words(
    "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move "
    "mut pub ref return self Self static struct super trait true type union unsafe use where while yield abstract "
    "become box do final macro override priv try typeof unsized virtual"
)

_OPERATORS: Final = rb"<<=|>>=|\.\.=|\.\.\.|->|=>|::|==|!=|<=|>=|&&|\|\||\.\.|<<|>>|[-+*/%^&|]=|[-+*/%^&|!=<>@.,;:#$?~]"

_NUMBERS: Final = (
    rb"0[xXoObB][0-9A-Za-z_\x80-\xff]*"
    rb"|[0-9][0-9_]*(?:\.(?![._A-Za-z\x80-\xff])[0-9_]*)?(?:[eE][+-]?_*[0-9][0-9_]*)?"
    rb"(?:[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*)?"
)

_GROUPS: Final = (
    (TokenKind.WHITESPACE, rb"[ \t\x0b\x0c]+"),
    (TokenKind.NEWLINE, rb"\r\n|\n|\r"),
    (TokenKind.COMMENT, rb"//[^\r\n]*"),
    (TokenKind.STRING, rb'"[^"\\]*"|[bc]"[^"\\]*"'),
    (
        TokenKind.STRING,
        rb"(?:'|b')(?:[^'\\\r\n\x80-\xff]|[\x80-\xff]{1,4}|\\[^\r\n][^'\\\r\n]{0,10})'",
    ),
    (TokenKind.ANNOTATION, rb"'(?:r#)?[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*|#!?(?=\[)"),
    (TokenKind.KEYWORD, rb"(?:" + _KEYWORDS + rb")(?![0-9A-Za-z_\x80-\xff])"),
    (TokenKind.STRING, rb'r#*"|[bc]r#*"'),  # raw: the end is sought by hand
    (TokenKind.STRING, rb'"|[bc]"'),  # with escapes: likewise
    (TokenKind.COMMENT, rb"/\*"),  # blocks nest: likewise
    (TokenKind.IDENTIFIER, rb"r#[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*|[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*"),
    (TokenKind.OPEN, rb"[(\[{]"),
    (TokenKind.CLOSE, rb"[)\]}]"),
    (TokenKind.NUMBER, _NUMBERS),
    (TokenKind.OPERATOR, _OPERATORS),
    (TokenKind.ERROR, rb"[\x00-\xff]"),
)

_RAW_STRING: Final = 8
_ESCAPED_STRING: Final = 9
_BLOCK_COMMENT: Final = 10

_TOKEN: Final = re.compile(b"|".join(rb"(%b)" % pattern for _, pattern in _GROUPS))
_KINDS: Final = kind_table(kind for kind, _ in _GROUPS)
_SCRIPT_LINE: Final = re.compile(rb"#!(?![ \t]*\[)[^\r\n]*")
_COMMENT_EDGE: Final = re.compile(rb"/\*|\*/")
_STRING: Final = Quoted(b'"', one_line=False)


class RustFrontend(LanguageFrontend):
    """Rust source files."""

    name: ClassVar[str] = "rust"

    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """Adds the tokens of ``data`` to ``tokens``."""
        position = 0
        if data.startswith(BYTE_ORDER_MARK):
            tokens.add(TokenKind.WHITESPACE, 0)
            position = len(BYTE_ORDER_MARK)
        script_line = _SCRIPT_LINE.match(data, position)
        if script_line:
            tokens.add(TokenKind.COMMENT, position)
            position = script_line.end()
        groups = bytearray()
        starts = array("I")
        while position < len(data):
            position = _scan(data, position, groups, starts)
        finish(tokens, groups, starts, _KINDS)


def _scan(data: bytes, position: int, groups: bytearray, starts: array[int]) -> int:
    """Adds tokens up to one whose end had to be sought, and gives that end."""
    add_group = groups.append
    add_start = starts.append
    for match in _TOKEN.finditer(data, position):
        group = match.lastindex or 0
        add_group(group)
        add_start(match.start())
        if _RAW_STRING <= group <= _BLOCK_COMMENT:
            return _end_of_literal(data, group, match)
    return len(data)


def _end_of_literal(data: bytes, group: int, opener: re.Match[bytes]) -> int:
    if group == _RAW_STRING:
        closer = b'"' + b"#" * opener[0].count(b"#")
        found = data.find(closer, opener.end())
        return len(data) if found < 0 else found + len(closer)
    if group == _ESCAPED_STRING:
        return _STRING.end(data, opener.end())
    depth = 1
    for edge in _COMMENT_EDGE.finditer(data, opener.end()):
        depth += 1 if edge[0] == b"/*" else -1
        if not depth:
            return edge.end()
    return len(data)
