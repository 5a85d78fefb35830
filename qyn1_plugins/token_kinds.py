"""The kinds of tokens, apart from `qyn1_plugins.tokens`: who needs no arrays need not wait for numpy."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["TokenKind"]


class TokenKind(IntEnum):
    """What a token is. The numbers are stable: native code and caches share them."""

    WHITESPACE = 0  # spaces, tabs, form feeds inside a line, line continuations
    NEWLINE = 1  # one line break: LF, CRLF or CR
    COMMENT = 2  # from its opener to its end, without a line comment's line break
    IDENTIFIER = 3
    KEYWORD = 4
    NUMBER = 5
    STRING = 6  # a whole literal, or one literal part of an interpolated one
    OPERATOR = 7  # operators and separators
    OPEN = 8  # ( [ { and what the language nests with
    CLOSE = 9
    REGEX = 10  # JavaScript regular expression literal
    MARKUP = 11  # JSX text
    PREPROCESSOR = 12  # the word of a C preprocessor directive with its '#'
    ANNOTATION = 13  # Python decorator '@', Rust attribute '#', Rust lifetime
    TEXT = 14  # a run of prose, or of bytes of no known structure
    ERROR = 15  # bytes that cannot begin a token here
