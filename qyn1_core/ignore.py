"""Ignore patterns, exactly as git reads them (gitignore(5), git's dir.c and wildmatch.c).

Patterns are matched against bytes, one path at a time: a pattern decides for the
path that it names and for nothing below it (what is below a folder that is left
out is never asked for). Libraries that match whole paths at once differ there:
``*`` followed by ``!/kept`` must not bring back ``kept/file``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Patterns"]

_SPECIAL: Final = frozenset(b"*?[\\")
_CLASSES: Final = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"\x21-\x7e",
    b"lower": rb"a-z",
    b"print": rb"\x20-\x7e",
    b"punct": rb"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    b"space": rb" \t\n\r\f\v",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}
_NEVER: Final = rb"(?!)"


class _MatchesNothingError(Exception):
    """The pattern can match nothing."""


def _escape(byte: int) -> bytes:
    return b"\\x%02x" % byte


def _bracket(pattern: bytes, start: int, *, paths: bool) -> tuple[bytes, int]:
    """The regular expression of the bracket whose ``[`` is at ``start``, and the index behind its ``]``."""
    at = start + 1
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    members: list[bytes] = []
    previous: int | None = None  # the byte that a following "-" makes a range from
    while not members or pattern[at : at + 1] != b"]":
        if previous is not None and pattern[at : at + 1] == b"-" and pattern[at + 1 : at + 2] not in (b"", b"]"):
            high, at = _member(pattern, at + 1)
            # An empty range still counts as a member.
            members.append(_escape(previous) + b"-" + _escape(high) if previous <= high else b"")
            previous = None
            continue
        if pattern[at : at + 2] == b"[:":
            end = pattern.find(b"]", at + 2)
            if end < 0:
                raise _MatchesNothingError
            if end > at + 2 and pattern[end - 1] == 0x3A:
                name = pattern[at + 2 : end - 1]
                if name not in _CLASSES:
                    raise _MatchesNothingError
                members.append(_CLASSES[name])
                previous, at = None, end + 1
                continue
            # "[:" without ":]" is a plain "["
        previous, at = _member(pattern, at)
        members.append(_escape(previous))
    inside = b"".join(members)
    text = (b"[^" if negated else b"[") + inside + b"]" if inside else (b"." if negated else _NEVER)
    return (b"(?!/)" + text if paths else text), at + 1


def _member(pattern: bytes, at: int) -> tuple[int, int]:
    """The byte at ``at``, or behind the backslash there, and the index behind it."""
    if pattern[at : at + 1] == b"\\":
        at += 1
    if at >= len(pattern):
        raise _MatchesNothingError
    return pattern[at], at + 1


def _stars(pattern: bytes, start: int, *, paths: bool) -> tuple[bytes, int]:
    """The regular expression of the asterisks at ``start``, and the index behind them."""
    at = start
    while pattern[at : at + 1] == b"*":
        at += 1
    if not paths:
        return b".*", at
    whole_component = at - start > 1 and (start == 0 or pattern[start - 1] == 0x2F)
    if whole_component and pattern[at : at + 1] == b"/":
        return b"(?:.*/)?", at + 1
    if whole_component and (at == len(pattern) or pattern[at : at + 2] == b"\\/"):
        return b".*", at
    return b"[^/]*", at


def _translate(pattern: bytes, *, paths: bool) -> bytes:
    """A regular expression for one wildmatch pattern; with ``paths``, only ``**`` matches a slash."""
    out: list[bytes] = []
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        if byte == b"*":
            text, at = _stars(pattern, at, paths=paths)
        elif byte == b"[":
            text, at = _bracket(pattern, at, paths=paths)
        elif byte == b"?":
            text, at = (b"[^/]" if paths else b"."), at + 1
        else:
            member, at = _member(pattern, at)
            text = _escape(member)
        out.append(text)
    return b"".join(out)


def _trim(line: bytes) -> bytes:
    """``line`` without trailing spaces, except those behind a backslash."""
    end: int | None = None
    at = 0
    while at < len(line):
        if line[at] == 0x20:
            end = at if end is None else end
        else:
            end = None
            if line[at] == 0x5C:
                at += 1
        at += 1
    return line if end is None else line[:end]


@dataclass(frozen=True)
class _Rule:
    expression: bytes
    negated: bool
    folders_only: bool
    by_name: bool  # matched against the last component only
    prefix: bytes  # what every matching path starts with (empty when by_name)
    literal: bool  # the prefix is the whole pattern


def _rule(line: bytes) -> _Rule | None:
    if line.startswith(b"#"):
        return None
    line = _trim(line)
    negated = line.startswith(b"!")
    if negated:
        line = line[1:]
    folders_only = line.endswith(b"/")
    if folders_only:
        line = line[:-1]
    by_name = b"/" not in line
    if not by_name and line.startswith(b"/"):
        line = line[1:]
    if not line:
        return None
    length = next((at for at, byte in enumerate(line) if byte in _SPECIAL), len(line))
    # git compares the part before the first wildcard literally and starts matching behind it.
    prefix = b"" if by_name else line[:length]
    try:
        expression = b"".join(map(_escape, prefix)) + _translate(line[len(prefix) :], paths=not by_name)
    except _MatchesNothingError:
        return None
    return _Rule(expression, negated, folders_only, by_name, prefix, length == len(line))


class Patterns:
    """The patterns of one ignore file, or of one list in a manifest; the last that matches decides.

    ``base`` is the folder that they are relative to: a path with a trailing slash, or empty.
    """

    def __init__(self, lines: Iterable[bytes], base: bytes = b"") -> None:
        rules = [rule for line in lines if (rule := _rule(line)) is not None]
        self._base = len(base)
        self._rules = [
            (re.compile(rule.expression, re.DOTALL).fullmatch, rule.negated, rule.folders_only, rule.by_name)
            for rule in reversed(rules)
        ]
        self._reach = [(rule.by_name, rule.prefix, rule.literal) for rule in rules if not rule.negated]
        # Most paths match nothing: two alternations tell so without trying each rule.
        self._names = _any_of(rule.expression for rule in rules if rule.by_name)
        self._paths = _any_of(rule.expression for rule in rules if not rule.by_name)

    @classmethod
    def of_file(cls, content: bytes, base: bytes) -> Patterns:
        """The patterns in the text of an ignore file that lies in ``base``."""
        lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        return cls((line.removesuffix(b"\r") for line in lines), base)

    @classmethod
    def of_list(cls, patterns: Iterable[str]) -> Patterns:
        """The patterns of a list in a manifest or on a command line, relative to the project."""
        return cls(pattern.encode("utf-8", "surrogateescape") for pattern in patterns)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def decide(self, path: bytes, name: bytes, *, folder: bool) -> bool | None:
        """True: a pattern names it; False: a negated one does; None: none does.

        ``path`` is relative to the project, ``name`` its last component.
        """
        below = path[self._base :]
        if not (self._names and self._names.fullmatch(name)) and not (self._paths and self._paths.fullmatch(below)):
            return None
        for match, negated, folders_only, by_name in self._rules:
            if (folder or not folders_only) and match(name if by_name else below):
                return not negated
        return None

    def reaches_below(self, path: bytes) -> bool:
        """Whether some pattern may name something inside the folder ``path``."""
        inside = path[self._base :] + b"/"
        return any(
            by_name or prefix.startswith(inside) or (not literal and inside.startswith(prefix))
            for by_name, prefix, literal in self._reach
        )


def _any_of(expressions: Iterable[bytes]) -> re.Pattern[bytes] | None:
    alternatives = list(dict.fromkeys(expressions))
    return re.compile(b"|".join(b"(?:" + text + b")" for text in alternatives), re.DOTALL) if alternatives else None
