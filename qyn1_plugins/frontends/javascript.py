"""JavaScript, JSX, TypeScript and TSX.

A lexer sees no file name and builds no tree, so three questions are decided by
what comes before a token ("operand" below: a value ends there).

- ``/`` divides after an operand and begins a regular expression elsewhere. Operands
  end with names, numbers, literals, ``this``, ``super``, ``null``, ``true``, ``false``,
  ``]``, ``++``, ``--``, the ``!`` that directly follows a name or ``]`` (TypeScript), the
  end of a JSX element, a ``)`` that does not close ``if (``, ``while (``, ``for (`` or
  ``with (``, and a ``}`` that closes an object. A word directly after a single ``.`` is a
  name. Where no regular expression ends in its line, ``/`` divides until the line ends.
- ``{`` begins an object after an operator other than ``;`` ``=>`` ``>`` (and ``:`` inside
  a block), after an opening bracket other than a block's, and after a keyword that
  wants a value; elsewhere it begins a block.
- ``<`` begins a JSX element where no operand ended, a name (or ``>``) directly follows,
  and then: an attribute, ``{``, ``/>``, or a ``>`` for whose name a closing tag comes
  later. ``<T>(x)``, ``<T,>(x)``, ``<T extends U>(x)`` and ``<any>x`` are thus TypeScript. A byte
  that no tag can contain ends the element.

Template literals are STRING parts with ``${`` (OPEN) and ``}`` (CLOSE) between them; JSX
text is MARKUP, the marks of its tags are OPERATOR. A string that nothing closes ends
at the line's end, a template or block comment at the end of the data.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import ClassVar, Final

from qyn1_plugins.frontends.lexing import LanguageFrontend, PureTokens
from qyn1_plugins.frontends.literals import BYTE_ORDER_MARK, Quoted, finish, kind_table, words
from qyn1_plugins.token_kinds import TokenKind

__all__ = ["JavaScriptFrontend"]

_KEYWORDS: Final = words(
    "async await break case catch class const continue debugger default delete do else enum export extends false "
    "finally for function if implements import in instanceof interface let new null of package private protected "
    "public return static super switch this throw true try typeof var void while with yield"
)

_OPERATORS: Final = (
    rb">>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|==|!=|>=|<=|&&|\|\||\?\?|\?\.(?![0-9])|\+\+|--|\*\*"
    rb"|<<|>>|[-+*%&|^]=|[-+*%&|^!~?:;,.=>]"
)

_NAME: Final = rb"[A-Za-z_$\x80-\xff][0-9A-Za-z_$\x80-\xff]*"

_NUMBERS: Final = (
    rb"0[xXoObB][0-9A-Za-z_]*"
    rb"|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9][0-9_]*)?n?"
)

_GROUPS: Final = (
    (TokenKind.WHITESPACE, rb"[ \t\x0b\x0c]+"),
    (TokenKind.NEWLINE, rb"\r\n|\n|\r"),
    (TokenKind.COMMENT, rb"//[^\r\n]*"),
    (TokenKind.KEYWORD, rb"(?:(?<!\.)|(?<=\.\.))(?:" + _KEYWORDS + rb")(?![0-9A-Za-z_$\x80-\xff])"),
    (TokenKind.IDENTIFIER, _NAME + rb"|#" + _NAME + rb"|\\u(?:\{[0-9A-Fa-f]*\})?[0-9A-Za-z_$\x80-\xff]*"),
    (TokenKind.STRING, rb'"[^"\\\r\n]*"' + rb"|'[^'\\\r\n]*'"),
    (TokenKind.NUMBER, _NUMBERS),
    (TokenKind.OPERATOR, _OPERATORS),
    (TokenKind.ANNOTATION, rb"@"),
    (TokenKind.REGEX, rb"(?!)"),  # a SLASH where no operand ended
    (TokenKind.MARKUP, rb"(?!)"),
    # What follows needs more than a pattern.
    (TokenKind.OPEN, rb"\("),
    (TokenKind.CLOSE, rb"\)"),
    (TokenKind.OPEN, rb"\{"),
    (TokenKind.CLOSE, rb"\}"),
    (TokenKind.OPEN, rb"\["),
    (TokenKind.CLOSE, rb"\]"),
    (TokenKind.STRING, rb"[\"']"),
    (TokenKind.STRING, rb"`"),
    (TokenKind.COMMENT, rb"/\*"),
    (TokenKind.OPERATOR, rb"/"),
    (TokenKind.OPERATOR, rb"<"),
    (TokenKind.ERROR, rb"[\x00-\xff]"),
)
_WHITESPACE: Final = 1
_NEWLINE: Final = 2
_COMMENT: Final = 3
_KEYWORD: Final = 4
_IDENTIFIER: Final = 5
_STRING: Final = 6
_NUMBER: Final = 7
_OPERATOR: Final = 8
_REGEX: Final = 10
_MARKUP: Final = 11
_PAREN_OPEN: Final = 12
_PAREN_CLOSE: Final = 13
_BRACE_OPEN: Final = 14
_BRACE_CLOSE: Final = 15
_BRACKET_OPEN: Final = 16
_BRACKET_CLOSE: Final = 17
_QUOTE: Final = 18
_BACKTICK: Final = 19
_BLOCK_COMMENT: Final = 20
_SLASH: Final = 21
_LESS: Final = 22
_ERROR: Final = 23

_OPERANDS: Final = frozenset({_IDENTIFIER, _STRING, _NUMBER, _REGEX, _QUOTE, _BRACKET_CLOSE})
_BLANKS: Final = frozenset({_WHITESPACE, _NEWLINE, _COMMENT, _BLOCK_COMMENT})

_CODE: Final = re.compile(b"|".join(rb"(%b)" % pattern for _, pattern in _GROUPS))
_KINDS: Final = kind_table(kind for kind, _ in _GROUPS)

# Frames of the stack. From TEMPLATE on, what stands inside is not code.
_PAREN: Final = 0
_CONDITION: Final = 1
_BRACKET: Final = 2
_BLOCK: Final = 3
_OBJECT: Final = 4
_TEMPLATE: Final = 5
_TAG: Final = 6
_CLOSING_TAG: Final = 7
_CHILDREN: Final = 8

_OPERAND_KEYWORDS: Final = frozenset({b"this", b"super", b"null", b"true", b"false", b"async", b"of"})
_CONDITION_KEYWORDS: Final = frozenset({b"if", b"while", b"for", b"with"})
_BLOCK_KEYWORDS: Final = _OPERAND_KEYWORDS | {
    b"else", b"do", b"try", b"catch", b"finally", b"class", b"static", b"void", b"enum",
}  # fmt: skip
_BLOCK_OPERATORS: Final = frozenset({b";", b"=>", b">"})

_SCRIPT_LINE: Final = re.compile(rb"#![^\r\n]*")
_QUOTED: Final = {quote: Quoted(quote, one_line=True) for quote in (b'"', b"'")}
_TEMPLATE_STOP: Final = re.compile(rb"\\[\x00-\xff]|`|\$\{")
_REGEX_STOP: Final = re.compile(rb"\\[^\r\n]|[/\[\]\r\n\\]")
_REGEX_FLAGS: Final = re.compile(rb"[0-9A-Za-z_$]*")

_TAG_NAME: Final = rb"[A-Za-z_$\x80-\xff][-0-9A-Za-z_$.:\x80-\xff]*"
_ELEMENT: Final = re.compile(rb"<(%b)[ \t\x0b\x0c\r\n]*" % _TAG_NAME)
_ATTRIBUTE: Final = re.compile(
    rb"(%b)(?![-0-9A-Za-z_$.:\x80-\xff])[ \t\x0b\x0c\r\n]*[=>/{A-Za-z_$\x80-\xff]" % _TAG_NAME
)
_CLOSING_NAME: Final = re.compile(rb"</(%b)" % _TAG_NAME)
_TYPE_OPERATORS: Final = frozenset({b"const", b"keyof", b"typeof", b"readonly", b"unique", b"infer", b"in", b"out"})

_IN_TAG: Final = re.compile(
    rb"([ \t\x0b\x0c]+)|(\r\n|\n|\r)|(//[^\r\n]*|/\*)|(%b)|"
    rb"(\"[^\"]*\"|'[^']*'|[\"'][^\r\n]*)|(/>)|(>)|(\{)|(<)|([=:./])" % rb"[A-Za-z_$\x80-\xff][-0-9A-Za-z_$\x80-\xff]*"
)
_IN_TAG_GROUPS: Final = (0, _WHITESPACE, _NEWLINE, _COMMENT, _IDENTIFIER, _STRING, *[_OPERATOR] * 2, _BRACE_OPEN)
_TAG_COMMENT: Final = 3
_TAG_SELF_CLOSE: Final = 6
_TAG_END: Final = 7
_TAG_BRACE: Final = 8
_TAG_LESS: Final = 9

_IN_CHILDREN: Final = re.compile(
    rb"([ \t\x0b\x0c]+)|(\r\n|\n|\r)|(</)|(<(?=[>A-Za-z_$\x80-\xff]))|(\{)|([^\r\n][^<{\r\n]*)"
)
_IN_CHILDREN_GROUPS: Final = (0, _WHITESPACE, _NEWLINE, _OPERATOR, _OPERATOR, _BRACE_OPEN, _MARKUP)
_CHILD_CLOSING: Final = 3
_CHILD_ELEMENT: Final = 4
_CHILD_BRACE: Final = 5


class JavaScriptFrontend(LanguageFrontend):
    """JavaScript and TypeScript source files, with or without JSX."""

    name: ClassVar[str] = "javascript"

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
        scan = _Scan(data)
        scan.run(position)
        finish(tokens, scan.groups, scan.starts, _KINDS)


class _Scan:
    """The tokens so far, as group numbers and starts, and the stack of what is open."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.groups = bytearray()
        self.starts = array("I")
        self.stack: list[int] = []
        self.closed_condition = False  # the last ')' closed an `if (` or the like
        self.closed_object = False  # the last '}' closed an object
        self.element_end = -1  # index of the token that ended the last outermost JSX element
        self.no_regex_before = 0  # offset before which '/' divides
        self.closing_tags: dict[bytes, int] | None = None  # name to its last offset
        self.code_handlers: dict[int, Callable[[int], int]] = {
            _PAREN_OPEN: self._open_paren,
            _PAREN_CLOSE: self._close_paren,
            _BRACE_OPEN: self._open_brace,
            _BRACE_CLOSE: self._close_brace,
            _BRACKET_OPEN: self._open_bracket,
            _BRACKET_CLOSE: self._close_bracket,
            _QUOTE: self._quote,
            _BACKTICK: self._backtick,
            _BLOCK_COMMENT: self._block_comment,
            _SLASH: self._slash,
            _LESS: self._less,
            _ERROR: lambda start: start + 1,
        }

    def run(self, position: int) -> None:
        """Adds the tokens from ``position`` to the end of the data."""
        modes = {_TEMPLATE: self._template, _TAG: self._tag, _CLOSING_TAG: self._tag, _CHILDREN: self._children}
        size = len(self.data)
        while position < size:
            mode = modes.get(self.stack[-1], self._code) if self.stack else self._code
            position = mode(position)

    # Code

    def _code(self, position: int) -> int:
        add_group = self.groups.append
        add_start = self.starts.append
        handlers = self.code_handlers
        stack = self.stack
        for match in _CODE.finditer(self.data, position):
            group = match.lastindex or 0
            add_group(group)
            add_start(match.start())
            if group >= _PAREN_OPEN:
                end = handlers[group](match.start())
                if end != match.end() or (stack and stack[-1] >= _TEMPLATE):
                    return end
        return len(self.data)

    def _text(self, index: int) -> bytes:
        """The bytes of a token that is not the last one."""
        return self.data[self.starts[index] : self.starts[index + 1]]

    def _before(self, index: int) -> int:
        """Index of the last token before ``index`` that is neither blank nor comment, or -1."""
        index -= 1
        while index >= 0 and self.groups[index] in _BLANKS:
            index -= 1
        return index

    def _after_operand(self) -> bool:
        """Whether a value ended before the last token."""
        index = self._before(len(self.groups) - 1)
        if index < 0:
            return False
        group = self.groups[index]
        if group in _OPERANDS or index == self.element_end:
            return True
        if group == _KEYWORD:
            return self._text(index) in _OPERAND_KEYWORDS
        if group == _OPERATOR:
            text = self._text(index)
            return text in (b"++", b"--") or (
                text == b"!" and index > 0 and self.groups[index - 1] in (_IDENTIFIER, _BRACKET_CLOSE)
            )
        if group == _PAREN_CLOSE:
            return not self.closed_condition
        return group == _BRACE_CLOSE and self.closed_object

    def _open_paren(self, start: int) -> int:
        index = self._before(len(self.groups) - 1)
        is_condition = index >= 0 and self.groups[index] == _KEYWORD and self._text(index) in _CONDITION_KEYWORDS
        self.stack.append(_CONDITION if is_condition else _PAREN)
        return start + 1

    def _close_paren(self, start: int) -> int:
        stack = self.stack
        self.closed_condition = bool(stack) and stack[-1] == _CONDITION
        if stack and stack[-1] in (_PAREN, _CONDITION):
            stack.pop()
        return start + 1

    def _open_bracket(self, start: int) -> int:
        self.stack.append(_BRACKET)
        return start + 1

    def _close_bracket(self, start: int) -> int:
        if self.stack and self.stack[-1] == _BRACKET:
            self.stack.pop()
        return start + 1

    def _open_brace(self, start: int) -> int:
        self.stack.append(_BLOCK if self._begins_block() else _OBJECT)
        return start + 1

    def _begins_block(self) -> bool:
        index = self._before(len(self.groups) - 1)
        if index < 0:
            return True
        group = self.groups[index]
        in_block = not self.stack or self.stack[-1] == _BLOCK
        if group == _OPERATOR:
            text = self._text(index)
            return text in _BLOCK_OPERATORS or (text == b":" and in_block)
        if group == _KEYWORD:
            return self._text(index) in _BLOCK_KEYWORDS
        if group == _BRACE_OPEN:
            return in_block
        return group not in (_PAREN_OPEN, _BRACKET_OPEN, _SLASH, _LESS)

    def _close_brace(self, start: int) -> int:
        """Closes the innermost brace, and the brackets that were left open in it."""
        stack = self.stack
        while stack and stack[-1] <= _BRACKET:
            stack.pop()
        self.closed_object = bool(stack) and stack.pop() == _OBJECT
        return start + 1

    def _quote(self, start: int) -> int:
        return _QUOTED[self.data[start : start + 1]].end(self.data, start + 1)

    def _backtick(self, start: int) -> int:
        self.groups[-1] = _STRING
        self.stack.append(_TEMPLATE)
        return self._template_part(start + 1)

    def _block_comment(self, start: int) -> int:
        return _comment_end(self.data, start)

    def _slash(self, start: int) -> int:
        if start >= self.no_regex_before and not self._after_operand():
            end = self._regex_end(start + 1)
            if end:
                self.groups[-1] = _REGEX
                return end
        return start + 2 if self.data.startswith(b"=", start + 1) else start + 1

    def _regex_end(self, position: int) -> int:
        """Offset after the regular expression whose content begins at ``position``; 0 if it has no end."""
        in_class = False
        for stop in _REGEX_STOP.finditer(self.data, position):
            text = stop[0]
            if text == b"[":
                in_class = True
            elif text == b"]":
                in_class = False
            elif text == b"/":
                if not in_class:
                    flags = _REGEX_FLAGS.match(self.data, stop.end())
                    return flags.end() if flags else stop.end()
            elif len(text) == 1:
                self.no_regex_before = stop.start()
                return 0
        self.no_regex_before = len(self.data)
        return 0

    def _less(self, start: int) -> int:
        if not self._after_operand() and self._begins_element(start):
            self.groups[-1] = _OPERATOR
            self.stack.append(_TAG)
        return start + 1

    def _begins_element(self, start: int) -> bool:
        data = self.data
        element = _ELEMENT.match(data, start)
        if element is None:
            return data.startswith(b"<>", start)
        following = data[element.end() : element.end() + 1]
        if following == b">":
            return self._last_closing_tag(element[1]) > start
        if following == b"/":
            return data[element.end() + 1 : element.end() + 2] in (b">", b"*", b"/")
        if following == b"{":
            return True
        attribute = _ATTRIBUTE.match(data, element.end())
        return attribute is not None and attribute[1] != b"extends" and element[1] not in _TYPE_OPERATORS

    def _last_closing_tag(self, name: bytes) -> int:
        if self.closing_tags is None:
            self.closing_tags = {found[1]: found.start() for found in _CLOSING_NAME.finditer(self.data)}
        return self.closing_tags.get(name, -1)

    # Template literals

    def _template_part(self, position: int) -> int:
        """Offset after the text from ``position`` on; the closing backtick is part of it and leaves the template."""
        for stop in _TEMPLATE_STOP.finditer(self.data, position):
            text = stop[0]
            if text == b"`":
                self.stack.pop()
                return stop.end()
            if text == b"${":
                return stop.start()
        return len(self.data)

    def _template(self, position: int) -> int:
        if self.data.startswith(b"${", position):
            self.groups.append(_BRACE_OPEN)
            self.starts.append(position)
            self.stack.append(_OBJECT)
            return position + 2
        self.groups.append(_STRING)
        self.starts.append(position)
        return self._template_part(position)

    # JSX

    def _tag(self, position: int) -> int:
        data = self.data
        while position < len(data):
            match = _IN_TAG.match(data, position)
            group = match.lastindex or 0 if match else 0
            if match is None or (group == _TAG_LESS and not self._after_equals()):
                self.stack.pop()
                return position
            self.groups.append(_IN_TAG_GROUPS[group] if group < _TAG_LESS else _OPERATOR)
            self.starts.append(position)
            position = match.end()
            if group == _TAG_COMMENT and match[0] == b"/*":
                position = _comment_end(data, match.start())
            elif _TAG_SELF_CLOSE <= group <= _TAG_LESS:
                self._tag_mark(group)
                break
        return position

    def _tag_mark(self, group: int) -> None:
        stack = self.stack
        if group == _TAG_BRACE:
            stack.append(_OBJECT)
        elif group == _TAG_LESS:
            stack.append(_TAG)
        elif group == _TAG_END and stack[-1] == _TAG:
            stack[-1] = _CHILDREN
        else:
            stack.pop()
            self.element_end = len(self.groups) - 1

    def _after_equals(self) -> bool:
        index = self._before(len(self.groups))
        group = self.groups[index]
        return group == _OPERATOR and self.data[self.starts[index]] == ord("=")

    def _children(self, position: int) -> int:
        data = self.data
        while position < len(data):
            match = _IN_CHILDREN.match(data, position)
            group = match.lastindex or 0 if match else 0
            self.groups.append(_IN_CHILDREN_GROUPS[group])
            self.starts.append(position)
            position = match.end() if match else position + 1
            if group == _CHILD_CLOSING:
                self.stack[-1] = _CLOSING_TAG
                break
            if group == _CHILD_ELEMENT:
                self.stack.append(_TAG)
                break
            if group == _CHILD_BRACE:
                self.stack.append(_OBJECT)
                break
        return position


def _comment_end(data: bytes, start: int) -> int:
    found = data.find(b"*/", start + 2)
    return len(data) if found < 0 else found + 2
