"""Canonical spelling of Python constants.

Nothing here asks the interpreter how it would print a value: `repr` of text depends on
the version of Unicode that a Python knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["QUOTES", "bytes_text", "escaped", "number_text", "string_text", "unescaped_text"]

QUOTES: Final = ('"', "'", '"""', "'''")
"""Quotes in order of preference."""

_SPECIAL: Final = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _escape_in_lines(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\n\t" else _escape(found)


def escaped(text: str, quote: str) -> str:
    """``text`` as it stands between two ``quote``: every line break escaped in single ones only."""
    if len(quote) == 1:
        return _SPECIAL.sub(_escape, text).replace(quote, "\\" + quote)
    escaped_mark = "\\" + quote[0]
    body = _SPECIAL.sub(_escape_in_lines, text)
    inner = body.rstrip(quote[0])
    return inner.replace(quote, escaped_mark * 3) + escaped_mark * (len(body) - len(inner))


def string_text(value: str) -> str:
    """A literal of ``value``: in triple quotes if it has lines."""
    quote = '"""' if "\n" in value.rstrip("\n") else "'" if '"' in value and "'" not in value else '"'
    return quote + escaped(value, quote) + quote


def unescaped_text(value: str, allowed: Callable[[str], bool]) -> str | None:
    """A literal of ``value`` without any backslash in a quote that is ``allowed``, if there is one."""
    for quote in QUOTES:
        text = quote + escaped(value, quote) + quote
        if "\\" not in text and allowed(text):
            return text
    return None


def bytes_text(value: bytes) -> str:
    """A literal of ``value`` in ASCII."""
    text = value.decode("latin-1")
    quote = "'" if '"' in text and "'" not in text else '"'
    body = re.sub("[\x80-\xff]", lambda found: f"\\x{ord(found[0]):02x}", escaped(text, quote))
    return f"b{quote}{body}{quote}"


def number_text(value: int | float | complex) -> str:
    """A literal of an int, a float or an imaginary number; none of them negative."""
    if isinstance(value, int):
        # Decimal conversion of very long integers is refused by some versions of Python.
        return str(value) if value.bit_length() < 2048 else hex(value)
    if isinstance(value, float):
        text = repr(value)
        return "1e999" if text == "inf" else text
    return f"{number_text(value.imag)}j"
