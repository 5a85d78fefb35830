"""Canonical Python: one spelling for each syntax tree, the same on every version of Python.

The tree is written anew: comments, blank lines, and the writer's choices of quotes,
brackets, number bases and line breaks are gone; docstrings stay, being part of the tree.
`ast.unparse` would not do: what it writes differs between versions of Python.
The result is parsed again and compared, so that a wrong program is never returned.
"""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Iterator

from qyn1_plugins.errors import SourceError
from qyn1_plugins.frontends.python_writer import Statements, Unwritable

__all__ = ["canonicalise"]


def _parse(data: bytes, path: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes and comparisons: not ours to tell
            return ast.parse(data)
    except SyntaxError as error:
        raise SourceError(f"not a valid Python program: {error.msg}", path, _offset(data, error)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"not a Python program that can be parsed: {error}", path) from None


def _offset(data: bytes, error: SyntaxError) -> int | None:
    """The byte that a syntax error points at: it counts lines from 1 and characters from 1.

    In a line with characters outside ASCII some versions count bytes: there it is near.
    """
    if not error.lineno:
        return None
    lines = data.splitlines(keepends=True)[: error.lineno]
    if len(lines) < error.lineno:
        return len(data)
    column = max((error.offset or 1) - 1, 0)
    with contextlib.suppress(UnicodeDecodeError):  # an encoding with one byte for each character
        column = len(lines[-1].decode("utf-8")[:column].encode("utf-8"))
    return sum(map(len, lines[:-1])) + min(column, len(lines[-1]))


def _children(node: ast.AST) -> Iterator[object]:
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(node, ast.JoinedStr) and name == "values":
            # Python 3.12 leaves empty parts in some format specifications.
            value = [part for part in node.values if not isinstance(part, ast.Constant) or part.value]
        yield value


def _same(left: object, right: object) -> bool:
    """Whether two trees are equal but for positions; without recursion, trees being deep."""
    stack = [(left, right)]
    while stack:
        one, other = stack.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, ast.AST) and isinstance(other, ast.AST):
            stack.extend(zip(_children(one), _children(other), strict=True))
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            stack.extend(zip(one, other, strict=True))
        elif one != other:
            return False
    return True


def canonicalise(data: bytes, path: str) -> bytes:
    """The same program as ``data``, in UTF-8 without a declaration of encoding.

    Raises `SourceError` when ``data`` is not a valid program for the running Python, and
    for the few trees that have no canonical text (nested too deeply, template strings).
    """
    tree = _parse(data, path)
    statements = Statements()
    try:
        statements.body(tree.body)
    except Unwritable as error:
        raise SourceError(f"has no canonical form: {error}; pack it with fidelity 'exact'", path) from None
    except RecursionError:
        raise SourceError("is nested too deeply for a canonical form; pack it with fidelity 'exact'", path) from None
    canonical = "".join(f"{line}\n" for line in statements.lines).encode("utf-8")
    try:
        faithful = _same(tree, _parse(canonical, path))
    except SourceError:
        faithful = False
    if not faithful:
        raise SourceError("has no canonical form; pack it with fidelity 'exact'", path)
    return canonical
