r"""Python, of every version at once.

The lexer follows the grammar of CPython's own tokenizer (Lib/tokenize.py and
Parser/lexer/lexer.c) for valid programs and never fails on others. Its decisions:

- Source is bytes; every byte of 0x80 and above is part of a name, so that any
  encoding that extends ASCII lexes alike.
- A byte order mark and a backslash before a line break are WHITESPACE.
- Hard keywords are KEYWORD; the soft ones (``match``, ``case``, ``type``, ``_``) depend on
  the grammar around them and stay IDENTIFIER.
- ``@`` that begins a logical line outside all brackets is ANNOTATION.
- An f-string or t-string without replacement fields is one STRING. Otherwise each
  literal part is one: the first with prefix and opening quote, the last with the
  closing quote. The braces of a field are OPEN and CLOSE, what is between them is
  code, its ``!`` and ``:`` are OPERATOR, and the literal parts of a format
  specification are STRING. ``{{``, ``}}`` and ``\N{...}`` belong to their literal part.
- A literal in single quotes that is not closed ends before the line break, with all
  its open fields; one in triple quotes goes to the end of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.frontends.python_canonical import canonicalise
from qyn1_plugins.token_kinds import TokenKind

__all__ = ["KEYWORDS", "PythonFrontend"]

KEYWORDS: Final = frozenset(
    b"False None True and as assert async await break class continue def del elif else except finally for from "
    b"global if import in is lambda nonlocal not or pass raise return try while with yield".split()
)
"""The hard keywords of Python 3."""

_DIGITS: Final = rb"[0-9]+(?:_[0-9]+)*"

# In the order of the groups of _CODE. Only where two could match does order matter: the
# opener of a literal goes before a name, and a number before the operator '.'.
_GROUPS: Final = (
    (TokenKind.WHITESPACE, rb"[ \t\f]+|\\(?:\r\n?|\n)"),
    (TokenKind.NEWLINE, rb"\r\n?|\n"),
    (TokenKind.STRING, rb"(?:[bB][rR]?|[fFtTuU][rR]?|[rR][bBfFtT]?)?(?:'''|\"\"\"|'|\")"),
    (TokenKind.IDENTIFIER, rb"[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*"),
    (
        TokenKind.NUMBER,
        rb"0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0[bB]_?[01]+(?:_[01]+)*|0[oO]_?[0-7]+(?:_[0-7]+)*"
        rb"|(?:" + _DIGITS + rb"(?:\.(?:" + _DIGITS + rb")?)?|\." + _DIGITS + rb")(?:[eE][-+]?" + _DIGITS + rb")?[jJ]?",
    ),
    (
        TokenKind.OPERATOR,
        rb"\*\*=?|//=?|<<=?|>>=?|->|<>|\.\.\.|[-+*/%&|^=<>!]=|@=|[-+*/%&|^=<>!~,;.]",
    ),
    (TokenKind.OPEN, rb"[(\[{]"),
    (TokenKind.CLOSE, rb"[)\]}]"),
    (TokenKind.COMMENT, rb"#[^\r\n]*"),
    (TokenKind.ERROR, rb"[\x00-\x08\x0b\x0e-\x1f\x7f$?`]+|\\"),
    # The two below are decided by where they stand.
    (TokenKind.OPERATOR, rb":=?"),
    (TokenKind.ANNOTATION, rb"@"),
)
_CODE: Final = re.compile(b"|".join(b"(" + pattern + b")" for _, pattern in _GROUPS))
_KIND_OF_GROUP: Final = (0, *(int(kind) for kind, _ in _GROUPS))
_STRING, _NAME, _OPEN, _CLOSE, _COLON, _AT = 3, 4, 7, 8, 11, 12

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LINE_BREAKS: Final = b"\r\n"


@dataclass(frozen=True)
class _Literal:
    """How literals with one prefix and quote go on.

    ``literal`` and ``specification`` match what may stand in a literal part and in a format
    specification, a bounded number of pieces at a time, since `re` keeps state for each.
    """

    closer: bytes
    interpolated: bool
    literal: re.Pattern[bytes]
    specification: re.Pattern[bytes]


@lru_cache(maxsize=256)
def _literal_of(opener: bytes) -> _Literal:
    closer = opener.lstrip(b"bBfFrRtTuU")
    prefix = opener[: -len(closer)].lower()
    quote = closer[:1]
    interpolated = b"f" in prefix or b"t" in prefix
    # What is no quote, backslash or (in single quotes) line break; and a quote that closes nothing.
    plain = quote + (rb"\\" if len(closer) == 3 else rb"\\\r\n")
    lone_quote = quote + b"(?!" + quote * 2 + b")|" if len(closer) == 3 else b""
    if not interpolated:
        body = rb"(?:[^" + plain + rb"]+|" + lone_quote + rb"\\(?:\r\n|[\s\S])?){0,4096}"
        pattern = re.compile(body)
        return _Literal(closer, False, pattern, pattern)
    named = b"" if b"r" in prefix else rb"\\N\{(?:[0-9A-Za-z -]*\})?|"
    rest = b"|" + lone_quote + named + rb"\\(?:\r\n|[^{}])?"
    return _Literal(
        closer,
        True,
        re.compile(rb"(?:[^{" + plain + rb"]+|\{\{" + rest + rb"){0,4096}"),
        re.compile(rb"(?:[^{}" + plain + rb"]+" + rest + rb"){0,4096}"),
    )


class _Part(NamedTuple):
    """The part of an interpolated literal that a place is in.

    ``base`` fields and ``nest`` brackets were open where the literal began.
    """

    literal: _Literal
    specification: bool
    base: int
    nest: int


class _Scan:
    """One pass over one file: where it is, and what it is inside of.

    ``fields`` has one entry for each open field, the part in which it began; ``nest``
    counts the brackets open in the file or, if there is one, in the innermost field.
    """

    def __init__(self, data: bytes, tokens: PureTokens) -> None:
        self.data = data
        self.tokens = tokens
        self.fields: list[_Part] = []
        self.nest = 0

    def run(self) -> None:
        data, position = self.data, 0
        add_kind, add_start = self.tokens.kind.append, self.tokens.start.append
        match, keywords, kind_of_group = _CODE.match, KEYWORDS, _KIND_OF_GROUP
        keyword = int(TokenKind.KEYWORD)
        if data.startswith(_BYTE_ORDER_MARK):
            self.tokens.add(TokenKind.WHITESPACE, 0)
            position = len(_BYTE_ORDER_MARK)
        # Every byte begins a token of some group: only the end of the data ends the loop.
        while found := match(data, position):
            group = found.lastindex or 0
            if group == _NAME:
                add_kind(keyword if found[0] in keywords else kind_of_group[_NAME])
            elif group in _PLAIN_GROUPS:
                add_kind(kind_of_group[group])
            else:
                position = self.special(group, position, found.end())
                continue
            add_start(position)
            position = found.end()

    def special(self, group: int, begin: int, end: int) -> int:
        """A token of one of the groups that the surroundings decide; where the next one begins."""
        if group == _STRING:
            return self.string(begin, end)
        at_field_level = self.nest == 0 and bool(self.fields)
        kind = _KIND_OF_GROUP[group]
        if group == _COLON and at_field_level:
            end = begin + 1  # ':=' is no operator here: the specification may begin with '='
        elif group == _AT and not self.at_logical_line():
            kind = TokenKind.OPERATOR
        self.tokens.add(kind, begin)
        if group == _OPEN:
            self.nest += 1
        elif group == _COLON and at_field_level:
            return self.interpolated(self.fields[-1]._replace(specification=True), end, end)
        elif group == _CLOSE and at_field_level and self.data[begin] == 0x7D:
            return self.interpolated(self.fields.pop(), end, end)
        elif group == _CLOSE and self.nest:
            self.nest -= 1
        return end

    def at_logical_line(self) -> bool:
        """Whether only spaces separate the place from a line break that ends a logical line."""
        if self.nest or self.fields:
            return False
        kinds, starts = self.tokens.kind, self.tokens.start
        last = len(kinds) - 1
        while last >= 0 and kinds[last] == TokenKind.WHITESPACE:
            if self.data[starts[last]] == 0x5C:
                return False
            last -= 1
        return last < 0 or kinds[last] == TokenKind.NEWLINE

    def string(self, begin: int, end: int) -> int:
        """The literal whose prefix and opening quote are ``data[begin:end]``."""
        literal = _literal_of(self.data[begin:end])
        if literal.interpolated:
            return self.interpolated(_Part(literal, False, len(self.fields), self.nest), begin, end)
        self.tokens.add(TokenKind.STRING, begin)
        return self.stop(literal, literal.literal, end, b"")[1]

    def stop(self, literal: _Literal, body: re.Pattern[bytes], position: int, braces: bytes) -> tuple[int, int]:
        """Where the part that goes on at ``position`` stops, and its end: after the closing quote if that stops it.

        ``braces`` are the brackets that stop it too.
        """
        data, size, closer = self.data, len(self.data), literal.closer
        single = len(closer) == 1
        while True:
            found = body.match(data, position)
            position = found.end() if found else position
            if position >= size or (single and data[position] in _LINE_BREAKS):
                return position, position
            if data.startswith(closer, position):
                return position, position + len(closer)
            if data[position] in braces and not (braces == b"{" and data.startswith(b"{{", position)):
                return position, position

    def interpolated(self, part: _Part, begin: int, position: int) -> int:
        """Literal parts from ``part`` on, which began at ``begin`` and goes on at ``position``, up to code."""
        while True:
            literal = part.literal
            body, braces = (literal.specification, b"{}") if part.specification else (literal.literal, b"{")
            stop, end = self.stop(literal, body, position, braces)
            if end > begin:
                self.tokens.add(TokenKind.STRING, begin)
            brace = self.data[stop : stop + 1]
            if stop < end or not brace or brace not in braces:
                # Closed, or never to be closed: out of the literal and all fields in it.
                del self.fields[part.base :]
                self.nest = part.nest
                return end
            begin = position = stop + 1
            if brace == b"{":
                self.tokens.add(TokenKind.OPEN, stop)
                self.fields.append(part)
                self.nest = 0
                return position
            self.tokens.add(TokenKind.CLOSE, stop)
            part = self.fields.pop()


_PLAIN_GROUPS: Final = frozenset(range(1, len(_GROUPS) + 1)) - {_STRING, _OPEN, _CLOSE, _COLON, _AT}


class PythonFrontend(LanguageFrontend):
    """Python source files, stubs and scripts."""

    name: ClassVar[str] = "python"

    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """Adds the tokens of ``data`` to ``tokens``."""
        _Scan(data, tokens).run()

    def canonicalise(self, data: bytes, path: str) -> bytes:
        """The same program without comments and formatting (`python_canonical.canonicalise`)."""
        return canonicalise(data, path)
