"""On which line of a TOML or JSON document a key stands.

The standard parsers do not say. Both functions read documents that such a parser
has accepted, so they follow strings, comments and nesting and check nothing.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["json_lines", "toml_lines"]

Lines = dict[tuple[str, ...], int]

_TOML: Final = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
    | (?P<long>\"\"\"(?:\\.|[^\\])*?\"{3,5}|'''.*?'{3,5})
    | (?P<basic>"(?:\\.|[^"\\\n])*")
    | (?P<literal>'[^'\n]*')
    | (?P<newline>\n)
    | (?P<mark>[\[\]{}=.,])
    | (?P<bare>[^\s\[\]{}=.,\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)
_TOML_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_TOML_LETTER: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}
_JSON: Final = re.compile(r'"(?P<text>(?:\\.|[^"\\])*)"|(?P<mark>[\[\]{}:,])')
_JSON_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")


def _unescaped(match: re.Match[str]) -> str:
    if match[1] or (match[2] and len(match[2]) == 8):
        return chr(int(match[1] or match[2], 16))
    return _TOML_LETTER.get(match[match.re.groups], match[match.re.groups])


def toml_lines(text: str) -> Lines:
    """The line (from 1) of every table header and every key outside of inline tables, by full path."""
    reader = _TomlReader()
    line = 1
    for match in _TOML.finditer(text):
        if match.lastgroup == "newline":
            reader.line_ends()
        elif reader.in_value:
            reader.value(match)
        elif match.lastgroup == "mark":
            reader.mark(match[0], line)
        elif match.lastgroup != "comment":
            reader.key(match)
        line += match[0].count("\n")
    return reader.found


class _TomlReader:
    def __init__(self) -> None:
        self.found: Lines = {}
        self.in_value = False
        self._table: tuple[str, ...] = ()
        self._in_header = False
        self._path: list[str] = []
        self._depth = 0  # of brackets and braces in a value

    def line_ends(self) -> None:
        if self._depth == 0:
            self.in_value, self._path = False, []

    def value(self, match: re.Match[str]) -> None:
        if match.lastgroup == "mark":
            self._depth += (match[0] in "[{") - (match[0] in "]}")

    def mark(self, mark: str, line: int) -> None:
        if mark == "[" and not self._path:
            self._in_header = True
        elif mark == "]" and self._in_header and self._path:
            self._table = tuple(self._path)
            self.found.setdefault(self._table, line)
            self._in_header, self._path = False, []
        elif mark == "=":
            for end in range(1, len(self._path) + 1):
                self.found.setdefault((*self._table, *self._path[:end]), line)
            self.in_value = True

    def key(self, match: re.Match[str]) -> None:
        text = match[0]
        if match.lastgroup == "basic":
            text = _TOML_ESCAPE.sub(_unescaped, text[1:-1])
        elif match.lastgroup == "literal":
            text = text[1:-1]
        self._path.append(text)


def json_lines(text: str) -> Lines:
    """The line (from 1) of every key of every object that is not inside an array, by full path."""
    found: Lines = {}
    path: list[str | None] = []  # the key in each open container; None in an array
    awaiting_key = False
    last_text, last_end = "", 0
    line, counted = 1, 0
    for match in _JSON.finditer(text):
        if match["text"] is not None:
            last_text, last_end = match["text"], match.start()
            continue
        mark = match["mark"]
        if mark in "{[":
            path.append("" if mark == "{" else None)
            awaiting_key = mark == "{"
        elif mark in "}]":
            path.pop()
        elif mark == ":" and awaiting_key:
            path[-1] = _JSON_ESCAPE.sub(_unescaped, last_text)
            awaiting_key = False
            if None not in path:
                line += text.count("\n", counted, last_end)
                counted = last_end
                found.setdefault(tuple(key for key in path if key is not None), line)
        elif mark == ",":
            awaiting_key = bool(path) and path[-1] is not None
    return found
