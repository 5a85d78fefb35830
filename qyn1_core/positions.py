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
    if match[1] or match[2] and len(match[2]) == 8:
        return chr(int(match[1] or match[2], 16))
    return _TOML_LETTER.get(match[match.re.groups], match[match.re.groups])


def toml_lines(text: str) -> Lines:
    """The line (from 1) of every table header and every key outside of inline tables, by full path."""
    found: Lines = {}
    table: tuple[str, ...] = ()
    path: list[str] = []
    line, depth = 1, 0
    in_value = in_header = False
    for match in _TOML.finditer(text):
        kind, token = match.lastgroup, match[0]
        if kind == "newline":
            line += 1
            if depth == 0:
                in_value, path = False, []
        elif in_value:
            line += token.count("\n")
            depth += (token in ("[", "{")) - (token in ("]", "}")) if kind == "mark" else 0
        elif kind == "mark" and token == "[" and not path:
            in_header = True
        elif kind == "mark" and token == "]" and in_header:
            if path:
                table = tuple(path)
                found.setdefault(table, line)
            in_header, path = False, []
        elif kind == "mark" and token == "=":
            for end in range(1, len(path) + 1):
                found.setdefault((*table, *path[:end]), line)
            in_value = True
        elif kind in ("bare", "literal"):
            path.append(token.strip("'") if kind == "literal" else token)
        elif kind == "basic":
            path.append(_TOML_ESCAPE.sub(_unescaped, token[1:-1]))
    return found


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
