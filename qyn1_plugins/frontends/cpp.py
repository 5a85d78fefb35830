"""C and C++, with Objective-C and CUDA close enough.

Follows the preprocessing tokens of the C++ standard ([lex.pptoken]), without
trigraphs. What is decided here:

- The word of a directive is PREPROCESSOR together with its ``#`` (or ``%:``); the
  ``<...>`` that follows an include directive is a STRING.
- Line splices are honoured between tokens (WHITESPACE) and inside comments and
  quoted literals, not inside names, numbers and operators.
- A quoted literal that nothing closes ends at the line's end, a raw string or
  block comment at the end of the data.
- A suffix belongs to its string when it begins with an underscore or is ``s`` or
  ``sv``, so that C's ``"%"PRIu64`` stays three tokens.
- The digraphs ``<:`` ``:>`` ``<%`` ``%>`` are brackets; ``<::`` begins with ``<``
  unless ``:`` or ``>`` follows it.
- A preprocessing number joins at most 64 signs of exponents and digit separators.
"""

from __future__ import annotations

import re
from array import array
from typing import ClassVar, Final

from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.frontends.literals import BYTE_ORDER_MARK, Quoted, finish, kind_table, words
from qyn1_plugins.token_kinds import TokenKind

__all__ = ["CppFrontend"]

_KEYWORDS: Final = words(
    "alignas alignof and and_eq asm atomic_cancel auto bitand bitor bool break case catch char char8_t char16_t "
    "char32_t class compl concept const consteval constexpr constinit const_cast continue co_await co_return co_yield "
    "decltype default delete do double dynamic_cast else enum explicit export extern false float for friend goto if "
    "inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public "
    "register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct "
    "switch template this thread_local throw true try typedef typeid typename typeof union unsigned using virtual "
    "void volatile wchar_t while xor xor_eq _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn "
    "_Static_assert _Thread_local"
)

_OPERATORS: Final = (
    rb"<=>|->\*|\.\.\.|<<=|>>=|::|\.\*|->|\+\+|--|<<|>>|&&|\|\||[-+*/%&|^<>=!]=|##|%:%:|[-+*/%&|^<>=!.,;:?~@]"
)

_SUFFIX: Final = rb"(?:_[0-9A-Za-z_$\x80-\xff]*|sv?(?![0-9A-Za-z_$\x80-\xff]))?"

_GROUPS: Final = (
    (TokenKind.WHITESPACE, rb"[ \t\x0b\x0c]+|\\\r\n|\\\n|\\\r"),
    (TokenKind.NEWLINE, rb"\r\n|\n|\r"),
    (TokenKind.KEYWORD, rb"(?:" + _KEYWORDS + rb")(?![0-9A-Za-z_$\x80-\xff])"),
    (TokenKind.STRING, rb'"[^"\\\r\n]*"' + _SUFFIX + rb'|[uUL]"[^"\\\r\n]*"' + _SUFFIX),
    (TokenKind.STRING, rb"'[^'\\\r\n]*'" + _SUFFIX),
    # The ends of these are sought by hand.
    (TokenKind.COMMENT, rb"//[^\r\n]*"),
    (TokenKind.COMMENT, rb"/\*"),
    (TokenKind.STRING, rb'(?:R|[uUL]R|u8R)"[^ ()\\"\t\x0b\x0c\r\n]{0,16}\('),
    (TokenKind.STRING, rb'(?:"|[uUL]"|u8")'),
    (TokenKind.STRING, rb"(?:'|[uUL]'|u8')"),
    (TokenKind.OPERATOR, rb"#(?!#)|%:(?!%:)"),
    (TokenKind.IDENTIFIER, rb"[A-Za-z_$\x80-\xff][0-9A-Za-z_$\x80-\xff]*"),
    (TokenKind.OPEN, rb"[(\[{]|<%|<:(?!:(?![:>]))"),
    (TokenKind.CLOSE, rb"[)\]}]|%>|:>"),
    (
        TokenKind.NUMBER,
        rb"\.?[0-9][0-9A-Za-z_.\x80-\xff]*(?:(?:(?<=[eEpP])[-+]|'(?=[0-9A-Za-z_]))[0-9A-Za-z_.\x80-\xff]*){0,64}",
    ),
    (TokenKind.OPERATOR, _OPERATORS),
    (TokenKind.ERROR, rb"[\x00-\xff]"),
    (TokenKind.PREPROCESSOR, rb"(?!)"),  # a HASH that begins a line
)
_WHITESPACE: Final = 1
_LINE_BREAK: Final = 2
_LINE_COMMENT: Final = 6
_BLOCK_COMMENT: Final = 7
_RAW_STRING: Final = 8
_DOUBLE_QUOTED: Final = 9
_SINGLE_QUOTED: Final = 10
_HASH: Final = 11
_DIRECTIVE: Final = 18

_TOKEN: Final = re.compile(b"|".join(rb"(%b)" % pattern for _, pattern in _GROUPS))
_KINDS: Final = kind_table(kind for kind, _ in _GROUPS)

_SPLICE: Final = re.compile(rb"\r\n|\n|\r")
_REST_OF_LINE: Final = re.compile(rb"[^\r\n]*")
_SUFFIX_AFTER: Final = re.compile(_SUFFIX)
_DIRECTIVE_WORD: Final = re.compile(rb"[ \t]*([A-Za-z_$\x80-\xff][0-9A-Za-z_$\x80-\xff]*)")
_INCLUDE_WORDS: Final = frozenset({b"include", b"include_next", b"import", b"embed"})
_HEADER: Final = re.compile(rb"([ \t]*)<[^>\r\n]+>")
_DOUBLE: Final = Quoted(b'"', one_line=True)
_SINGLE: Final = Quoted(b"'", one_line=True)


class CppFrontend(LanguageFrontend):
    """C and C++ source and header files."""

    name: ClassVar[str] = "cpp"

    def scan(self, data: bytes, tokens: PureTokens) -> None:
        """Adds the tokens of ``data`` to ``tokens``."""
        position = 0
        if data.startswith(BYTE_ORDER_MARK):
            tokens.add(TokenKind.WHITESPACE, 0)
            position = len(BYTE_ORDER_MARK)
        scan = _Scan(data)
        while position < len(data):
            position = scan.some(position)
        finish(tokens, scan.groups, scan.starts, _KINDS)


class _Scan:
    """The tokens so far, as group numbers and starts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.groups = bytearray()
        self.starts = array("I")

    def some(self, position: int) -> int:
        """Adds tokens up to one whose end had to be sought, and gives that end."""
        add_group = self.groups.append
        add_start = self.starts.append
        for match in _TOKEN.finditer(self.data, position):
            group = match.lastindex or 0
            add_group(group)
            add_start(match.start())
            if _LINE_COMMENT <= group <= _HASH:
                end = self._directive(match.end()) if group == _HASH else self._end_of_literal(group, match)
                if end != match.end():
                    return end
        return len(self.data)

    def _end_of_literal(self, group: int, opener: re.Match[bytes]) -> int:
        data = self.data
        if group == _LINE_COMMENT:
            return _end_of_line_comment(data, opener.end())
        if group == _BLOCK_COMMENT:
            return _after(data, b"*/", opener.end())
        if group == _RAW_STRING:
            text = opener[0]
            end = _after(data, b")" + text[text.index(b'"') + 1 : -1] + b'"', opener.end())
        else:
            end = (_DOUBLE if group == _DOUBLE_QUOTED else _SINGLE).end(data, opener.end())
        suffix = _SUFFIX_AFTER.match(data, end)
        return suffix.end() if suffix else end

    def _directive(self, end: int) -> int:
        """The word after a hash that begins its line, and the header after that."""
        groups = self.groups
        before = len(groups) - 2
        while before >= 0 and self._is_blank(before):
            before -= 1
        if before >= 0 and groups[before] != _LINE_BREAK:
            return end
        groups[-1] = _DIRECTIVE
        word = _DIRECTIVE_WORD.match(self.data, end)
        if word is None:
            return end
        end = word.end()
        header = _HEADER.match(self.data, end) if word[1] in _INCLUDE_WORDS else None
        if header is None:
            return end
        if header.end(1) > end:
            groups.append(_WHITESPACE)
            self.starts.append(end)
        groups.append(_DOUBLE_QUOTED)
        self.starts.append(header.end(1))
        return header.end()

    def _is_blank(self, index: int) -> bool:
        return self.groups[index] in (_WHITESPACE, _LINE_COMMENT, _BLOCK_COMMENT)


def _after(data: bytes, closer: bytes, position: int) -> int:
    found = data.find(closer, position)
    return len(data) if found < 0 else found + len(closer)


def _end_of_line_comment(data: bytes, end: int) -> int:
    """A comment whose line ends in a backslash goes on in the next line."""
    while data[end - 1] == ord("\\"):
        splice = _SPLICE.match(data, end)
        if splice is None:
            break
        rest = _REST_OF_LINE.match(data, splice.end())
        end = rest.end() if rest else splice.end()
    return end
