"""What the regular-expression lexers share: word lists, quoted literals, the end of a scan.

A master pattern has one group per token class; the number of the group that
matched stands in the scan until `finish` maps it to a kind. Quoted literals with
escapes are stepped through in bounded pieces, because a repeated group costs
memory for every repetition until the whole match is done.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from typing import Final

from qyn1_plugins.frontends.lexing import PureTokens
from qyn1_plugins.token_kinds import TokenKind

__all__ = ["BYTE_ORDER_MARK", "Quoted", "finish", "kind_table", "words"]

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_CARRIAGE_RETURN: Final = 0x0D
_LINE_FEED: Final = 0x0A


def words(listed: str) -> bytes:
    """A pattern for the words of ``listed`` (separated by spaces), sorted by first letter for speed."""
    rests: dict[str, list[str]] = {}
    for word in sorted(listed.split(), reverse=True):
        rests.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in rests.items()).encode("ascii")


class Quoted:
    """Finds the end of a literal whose characters a backslash escapes.

    ``quote`` is its closing byte. With ``one_line`` a line break that is not escaped
    ends the literal too; the line break is not part of it.
    """

    def __init__(self, quote: bytes, *, one_line: bool) -> None:
        stop = rb"\\\r\n" if one_line else rb"\\"
        self._quote = quote[0]
        self._step = re.compile(rb"[^%b%b]*(?:\\(?:\r\n|[\x00-\xff])[^%b%b]*){0,256}" % (quote, stop, quote, stop))

    def end(self, data: bytes, position: int) -> int:
        """Offset after the literal whose content begins at ``position``; the end of data if nothing closes it."""
        size = len(data)
        while True:
            match = self._step.match(data, position)
            position = match.end() if match else position
            if position == size:
                return size
            byte = data[position]
            if byte == self._quote:
                return position + 1
            if byte in (_CARRIAGE_RETURN, _LINE_FEED):
                return position
            if position + 1 == size:  # a backslash with nothing to escape
                return size


def kind_table(kinds: Iterable[TokenKind]) -> bytes:
    """A `bytes.translate` table from group numbers, counted from 1, to ``kinds``."""
    return bytes([0, *kinds]).ljust(256, b"\0")


def finish(tokens: PureTokens, groups: bytearray, starts: array[int], table: bytes) -> None:
    """Adds the tokens of a scan to ``tokens``, with ``table`` from `kind_table`."""
    tokens.kind += groups.translate(table)
    tokens.start.extend(starts)
