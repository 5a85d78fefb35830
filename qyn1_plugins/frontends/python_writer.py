# ruff: noqa: D102, N802 (methods are named after the nodes of `ast` that they write, and say no more than that)
"""Writes syntax trees as Python: one text for each tree, the same on every version of Python."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

from qyn1_plugins.frontends.python_literals import (
    QUOTES,
    bytes_text,
    escaped,
    number_text,
    string_text,
    unescaped_text,
)

__all__ = ["Statements", "Unwritable"]


class _Level(IntEnum):
    """Precedence, loosest first (The Python Language Reference, 6.17)."""

    NAMED = 0
    YIELD = 1
    TEST = 2
    OR = 3
    AND = 4
    NOT = 5
    COMPARE = 6
    BIT_OR = 7
    BIT_XOR = 8
    BIT_AND = 9
    SHIFT = 10
    SUM = 11
    PRODUCT = 12
    SIGN = 13
    POWER = 14
    AWAIT = 15
    ATOM = 16


_BINARY: Final = {
    "Add": ("+", _Level.SUM),
    "Sub": ("-", _Level.SUM),
    "Mult": ("*", _Level.PRODUCT),
    "MatMult": ("@", _Level.PRODUCT),
    "Div": ("/", _Level.PRODUCT),
    "Mod": ("%", _Level.PRODUCT),
    "FloorDiv": ("//", _Level.PRODUCT),
    "LShift": ("<<", _Level.SHIFT),
    "RShift": (">>", _Level.SHIFT),
    "BitOr": ("|", _Level.BIT_OR),
    "BitXor": ("^", _Level.BIT_XOR),
    "BitAnd": ("&", _Level.BIT_AND),
    "Pow": ("**", _Level.POWER),
}
_COMPARE: Final = {
    "Eq": "==",
    "NotEq": "!=",
    "Lt": "<",
    "LtE": "<=",
    "Gt": ">",
    "GtE": ">=",
    "Is": "is",
    "IsNot": "is not",
    "In": "in",
    "NotIn": "not in",
}
_UNARY: Final = {"Invert": "~", "UAdd": "+", "USub": "-"}
_INDENT: Final = "    "


class Unwritable(Exception):
    """The tree has something that cannot be written here."""


def _name(node: ast.AST) -> str:
    return type(node).__name__


class _Expressions:
    """Writes expressions. ``quotes_in_use`` are those of the f-strings around the place.

    Up to Python 3.11 an expression in an f-string may hold neither its quotes nor a
    backslash. What can be written so is, to be the same everywhere; ``quotes_in_use`` is
    empty outside, and where only the grammar of 3.12 helps.
    """

    def __init__(self) -> None:
        self.quotes_in_use: tuple[str, ...] = ()

    def write(self, node: ast.AST, level: _Level = _Level.TEST) -> str:
        """``node``, in round brackets if it binds less tightly than ``level``."""
        writer = getattr(self, f"on_{_name(node)}", None)
        if writer is None:
            raise Unwritable(f"{_name(node)} is not known here")
        text, own = writer(node)
        return f"({text})" if own < level else text

    def listed(self, nodes: Sequence[ast.AST]) -> str:
        return ", ".join(self.write(node) for node in nodes)

    # -- names and constants --------------------------------------------------------

    def on_Name(self, node: ast.Name) -> tuple[str, _Level]:
        return node.id, _Level.ATOM

    def on_Constant(self, node: ast.Constant) -> tuple[str, _Level]:
        value = node.value
        if isinstance(value, str):
            return (node.kind or "") + self.string(value), _Level.ATOM
        if isinstance(value, bytes):
            text = bytes_text(value)
            if self.quotes_in_use and not self.fits(text):
                text = "b" + self.without_escapes(value.decode("latin-1"), ascii_only=True)
            return text, _Level.ATOM
        if value is ...:
            return "...", _Level.ATOM
        if value is None or isinstance(value, bool):
            return str(value), _Level.ATOM
        return number_text(value), _Level.ATOM

    def string(self, value: str) -> str:
        text = string_text(value)
        return text if not self.quotes_in_use or self.fits(text) else self.without_escapes(value)

    def without_escapes(self, value: str, *, ascii_only: bool = False) -> str:
        text = unescaped_text(value, self.fits)
        if text is None or (ascii_only and not text.isascii()):
            raise Unwritable("needs the f-strings of Python 3.12")
        return text

    def fits(self, text: str) -> bool:
        """Whether an expression of this text may stand in the f-strings around, for old Pythons too."""
        single = any(len(quote) == 1 for quote in self.quotes_in_use)
        return (
            "\\" not in text
            and not (single and "\n" in text)
            and not any(quote in text for quote in self.quotes_in_use)
        )

    # -- interpolated strings -------------------------------------------------------

    def on_JoinedStr(self, node: ast.JoinedStr) -> tuple[str, _Level]:
        # A part that was written with the prefix 'u' says so in the tree.
        pieces: list[str] = []
        run: list[ast.expr] = []
        for value in node.values:
            if isinstance(value, ast.Constant) and value.kind:
                if run:
                    pieces.append(self.interpolated(run))
                    run = []
                pieces.append(self.on_Constant(value)[0])
            else:
                run.append(value)
        if run or not any(piece.startswith("f") for piece in pieces):
            pieces.append(self.interpolated(run))
        return " ".join(pieces), _Level.ATOM

    def interpolated(self, values: list[ast.expr]) -> str:
        around = self.quotes_in_use
        for quote in QUOTES:
            self.quotes_in_use = (*around, quote)
            try:
                text = f"f{quote}{self.parts(values, quote, specification=False)}{quote}"
            except Unwritable:
                continue
            finally:
                self.quotes_in_use = around
            if not around or self.fits(text):
                return text
        if around:
            raise Unwritable("needs the f-strings of Python 3.12")
        return f'f"{self.parts(values, QUOTES[0], specification=False)}"'

    def parts(self, values: list[ast.expr], quote: str, *, specification: bool) -> str:
        out: list[str] = []
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                # Line breaks are escaped whatever the quotes: not every version takes them in a specification.
                text = escaped(value.value, quote).replace("\n", "\\n")
                if specification:
                    out.append(text.replace("{", "\\x7b").replace("}", "\\x7d"))
                else:
                    out.append(text.replace("{", "{{").replace("}", "}}"))
            elif isinstance(value, ast.FormattedValue):
                out.append(self.field(value, quote))
            else:
                raise Unwritable(f"{_name(value)} in an f-string is not known here")
        return "".join(out)

    def field(self, node: ast.FormattedValue, quote: str) -> str:
        text = self.write(node.value, _Level.OR)
        if self.quotes_in_use and not self.fits(text):
            raise Unwritable("needs the f-strings of Python 3.12")
        space = " " if text.startswith("{") else ""
        conversion = f"!{chr(node.conversion)}" if node.conversion >= 0 else ""
        specification = ""
        if isinstance(node.format_spec, ast.JoinedStr):
            specification = ":" + self.parts(node.format_spec.values, quote, specification=True)
        return f"{{{space}{text}{conversion}{specification}}}"

    # -- operators ------------------------------------------------------------------

    def on_NamedExpr(self, node: ast.NamedExpr) -> tuple[str, _Level]:
        return f"{self.write(node.target)} := {self.write(node.value)}", _Level.NAMED

    def on_BoolOp(self, node: ast.BoolOp) -> tuple[str, _Level]:
        word, level = ("and", _Level.AND) if isinstance(node.op, ast.And) else ("or", _Level.OR)
        return f" {word} ".join(self.write(value, _Level(level + 1)) for value in node.values), level

    def on_BinOp(self, node: ast.BinOp) -> tuple[str, _Level]:
        sign, level = _BINARY[_name(node.op)]
        if level is _Level.POWER:
            left, right = self.write(node.left, _Level.AWAIT), self.write(node.right, _Level.SIGN)
            return f"{left} ** {right}", level
        # Sums of very many terms lean to the left: down there without recursion.
        out: list[str] = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp) and _BINARY[_name(first.op)][1] is level:
            sign = _BINARY[_name(first.op)][0]
            out.append(f" {sign} {self.write(first.right, _Level(level + 1))}")
            first = first.left
        out.append(self.write(first, level))
        return "".join(reversed(out)), level

    def on_UnaryOp(self, node: ast.UnaryOp) -> tuple[str, _Level]:
        if isinstance(node.op, ast.Not):
            return f"not {self.write(node.operand, _Level.NOT)}", _Level.NOT
        return _UNARY[_name(node.op)] + self.write(node.operand, _Level.SIGN), _Level.SIGN

    def on_Compare(self, node: ast.Compare) -> tuple[str, _Level]:
        out = [self.write(node.left, _Level.BIT_OR)]
        for operator, operand in zip(node.ops, node.comparators, strict=True):
            out.append(f" {_COMPARE[_name(operator)]} {self.write(operand, _Level.BIT_OR)}")
        return "".join(out), _Level.COMPARE

    def on_IfExp(self, node: ast.IfExp) -> tuple[str, _Level]:
        body, test = self.write(node.body, _Level.OR), self.write(node.test, _Level.OR)
        return f"{body} if {test} else {self.write(node.orelse)}", _Level.TEST

    def on_Lambda(self, node: ast.Lambda) -> tuple[str, _Level]:
        parameters = self.parameters(node.args)
        return f"lambda{' ' if parameters else ''}{parameters}: {self.write(node.body)}", _Level.TEST

    def on_Yield(self, node: ast.Yield) -> tuple[str, _Level]:
        return "yield" + (f" {self.write(node.value)}" if node.value else ""), _Level.YIELD

    def on_YieldFrom(self, node: ast.YieldFrom) -> tuple[str, _Level]:
        return f"yield from {self.write(node.value)}", _Level.YIELD

    def on_Await(self, node: ast.Await) -> tuple[str, _Level]:
        return f"await {self.write(node.value, _Level.ATOM)}", _Level.AWAIT

    def on_Starred(self, node: ast.Starred) -> tuple[str, _Level]:
        return f"*{self.write(node.value, _Level.BIT_OR)}", _Level.ATOM

    # -- what follows a value ---------------------------------------------------------

    def on_Attribute(self, node: ast.Attribute) -> tuple[str, _Level]:
        value = self.write(node.value, _Level.ATOM)
        if isinstance(node.value, ast.Constant) and type(node.value.value) is int:
            value = f"({value})"
        return f"{value}.{node.attr}", _Level.ATOM

    def on_Subscript(self, node: ast.Subscript) -> tuple[str, _Level]:
        index: str
        if isinstance(node.slice, ast.Tuple) and any(isinstance(item, ast.Slice) for item in node.slice.elts):
            index = self.listed(node.slice.elts) + ("," if len(node.slice.elts) == 1 else "")
        else:
            index = self.write(node.slice)
        return f"{self.write(node.value, _Level.ATOM)}[{index}]", _Level.ATOM

    def on_Slice(self, node: ast.Slice) -> tuple[str, _Level]:
        lower, upper, step = (self.write(part) if part else "" for part in (node.lower, node.upper, node.step))
        return f"{lower}:{upper}" + (f":{step}" if node.step else ""), _Level.ATOM

    def on_Call(self, node: ast.Call) -> tuple[str, _Level]:
        function = self.write(node.func, _Level.ATOM)
        if len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.GeneratorExp):
            return function + self.write(node.args[0]), _Level.ATOM
        return f"{function}({self.arguments(node.args, node.keywords)})", _Level.ATOM

    def arguments(self, positional: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> str:
        out = [self.write(argument) for argument in positional]
        for keyword in keywords:
            value = self.write(keyword.value)
            out.append(f"{keyword.arg}={value}" if keyword.arg else f"**{value}")
        return ", ".join(out)

    # -- displays ---------------------------------------------------------------------

    def on_Tuple(self, node: ast.Tuple) -> tuple[str, _Level]:
        return f"({self.listed(node.elts)}{',' if len(node.elts) == 1 else ''})", _Level.ATOM

    def on_List(self, node: ast.List) -> tuple[str, _Level]:
        return f"[{self.listed(node.elts)}]", _Level.ATOM

    def on_Set(self, node: ast.Set) -> tuple[str, _Level]:
        return f"{{{self.listed(node.elts)}}}", _Level.ATOM

    def on_Dict(self, node: ast.Dict) -> tuple[str, _Level]:
        out = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                out.append(f"**{self.write(value, _Level.BIT_OR)}")
            else:
                out.append(f"{self.write(key)}: {self.write(value)}")
        return f"{{{', '.join(out)}}}", _Level.ATOM

    def on_ListComp(self, node: ast.ListComp) -> tuple[str, _Level]:
        return f"[{self.write(node.elt)}{self.clauses(node.generators)}]", _Level.ATOM

    def on_SetComp(self, node: ast.SetComp) -> tuple[str, _Level]:
        return f"{{{self.write(node.elt)}{self.clauses(node.generators)}}}", _Level.ATOM

    def on_DictComp(self, node: ast.DictComp) -> tuple[str, _Level]:
        return f"{{{self.write(node.key)}: {self.write(node.value)}{self.clauses(node.generators)}}}", _Level.ATOM

    def on_GeneratorExp(self, node: ast.GeneratorExp) -> tuple[str, _Level]:
        return f"({self.write(node.elt)}{self.clauses(node.generators)})", _Level.ATOM

    def clauses(self, generators: Sequence[ast.comprehension]) -> str:
        out = []
        for clause in generators:
            word = " async for" if clause.is_async else " for"
            out.append(f"{word} {self.write(clause.target)} in {self.write(clause.iter, _Level.OR)}")
            out.extend(f" if {self.write(condition, _Level.OR)}" for condition in clause.ifs)
        return "".join(out)

    # -- parameters -------------------------------------------------------------------

    def parameters(self, node: ast.arguments) -> str:
        out: list[str] = []
        positional = [*node.posonlyargs, *node.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.defaults))
        defaults += node.defaults
        for number, (parameter, default) in enumerate(zip(positional, defaults, strict=True), 1):
            out.append(self.parameter(parameter, default))
            if number == len(node.posonlyargs):
                out.append("/")
        if node.vararg:
            out.append("*" + self.parameter(node.vararg, None))
        elif node.kwonlyargs:
            out.append("*")
        out.extend(map(self.parameter, node.kwonlyargs, node.kw_defaults))
        if node.kwarg:
            out.append("**" + self.parameter(node.kwarg, None))
        return ", ".join(out)

    def parameter(self, node: ast.arg, default: ast.expr | None) -> str:
        text = node.arg
        if node.annotation:
            text += f": {self.write(node.annotation)}"
        if default:
            text += (" = " if node.annotation else "=") + self.write(default)
        return text

    # Nodes that Python 3.10 does not have are typed as Any.

    def on_TypeVar(self, node: Any) -> tuple[str, _Level]:
        bound = getattr(node, "bound", None)
        text = node.name + (f": {self.write(bound)}" if bound else "")
        return text + self.type_default(node), _Level.ATOM

    def on_TypeVarTuple(self, node: Any) -> tuple[str, _Level]:
        return f"*{node.name}{self.type_default(node)}", _Level.ATOM

    def on_ParamSpec(self, node: Any) -> tuple[str, _Level]:
        return f"**{node.name}{self.type_default(node)}", _Level.ATOM

    def type_default(self, node: ast.AST) -> str:
        default = getattr(node, "default_value", None)
        return f" = {self.write(default)}" if default else ""

    def type_parameters(self, node: ast.AST) -> str:
        parameters = getattr(node, "type_params", None)
        return f"[{self.listed(parameters)}]" if parameters else ""

    # -- patterns ---------------------------------------------------------------------

    def on_MatchValue(self, node: ast.MatchValue) -> tuple[str, _Level]:
        return self.write(node.value), _Level.ATOM

    def on_MatchSingleton(self, node: ast.MatchSingleton) -> tuple[str, _Level]:
        return str(node.value), _Level.ATOM

    def on_MatchSequence(self, node: ast.MatchSequence) -> tuple[str, _Level]:
        return f"[{self.listed(node.patterns)}]", _Level.ATOM

    def on_MatchStar(self, node: ast.MatchStar) -> tuple[str, _Level]:
        return f"*{node.name or '_'}", _Level.ATOM

    def on_MatchMapping(self, node: ast.MatchMapping) -> tuple[str, _Level]:
        out = [f"{self.write(k)}: {self.write(p)}" for k, p in zip(node.keys, node.patterns, strict=True)]
        return f"{{{', '.join(out + ([f'**{node.rest}'] if node.rest else []))}}}", _Level.ATOM

    def on_MatchClass(self, node: ast.MatchClass) -> tuple[str, _Level]:
        out = [self.write(pattern) for pattern in node.patterns]
        out += [f"{k}={self.write(p)}" for k, p in zip(node.kwd_attrs, node.kwd_patterns, strict=True)]
        return f"{self.write(node.cls, _Level.ATOM)}({', '.join(out)})", _Level.ATOM

    def on_MatchAs(self, node: ast.MatchAs) -> tuple[str, _Level]:
        if node.pattern is None:
            return node.name or "_", _Level.ATOM
        return f"{self.write(node.pattern)} as {node.name}", _Level.NAMED

    def on_MatchOr(self, node: ast.MatchOr) -> tuple[str, _Level]:
        return " | ".join(self.write(pattern) for pattern in node.patterns), _Level.NAMED


class Statements(_Expressions):
    """Writes statements, one a line."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.margin = ""

    def line(self, text: str) -> None:
        self.lines.append(self.margin + text)

    def block(self, header: str, body: Sequence[ast.AST]) -> None:
        self.line(header + ":")
        margin = self.margin
        self.margin += _INDENT
        self.body(body)
        self.margin = margin

    def body(self, statements: Sequence[ast.AST]) -> None:
        for statement in statements:
            writer = getattr(self, f"do_{_name(statement)}", None)
            if writer is None:
                raise Unwritable(f"{_name(statement)} is not known here")
            writer(statement)

    # -- definitions ------------------------------------------------------------------

    def do_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, word: str = "def") -> None:
        for decorator in node.decorator_list:
            self.line(f"@{self.write(decorator)}")
        returns = f" -> {self.write(node.returns)}" if node.returns else ""
        signature = f"{self.type_parameters(node)}({self.parameters(node.args)}){returns}"
        self.block(f"{word} {node.name}{signature}", node.body)

    def do_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.do_FunctionDef(node, "async def")

    def do_ClassDef(self, node: ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.line(f"@{self.write(decorator)}")
        arguments = self.arguments(node.bases, node.keywords)
        brackets = f"({arguments})" if arguments else ""
        self.block(f"class {node.name}{self.type_parameters(node)}{brackets}", node.body)

    def do_TypeAlias(self, node: Any) -> None:
        name, value = self.write(node.name), self.write(node.value)
        self.line(f"type {name}{self.type_parameters(node)} = {value}")

    # -- simple statements --------------------------------------------------------------

    def do_Expr(self, node: ast.Expr) -> None:
        self.line(self.write(node.value, _Level.YIELD))

    def do_Assign(self, node: ast.Assign) -> None:
        targets = "".join(f"{self.write(target)} = " for target in node.targets)
        self.line(targets + self.write(node.value, _Level.YIELD))

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        value = self.write(node.value, _Level.YIELD)
        self.line(f"{self.write(node.target)} {_BINARY[_name(node.op)][0]}= {value}")

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        target = self.write(node.target)
        if isinstance(node.target, ast.Name) and not node.simple:
            target = f"({target})"
        value = f" = {self.write(node.value, _Level.YIELD)}" if node.value else ""
        self.line(f"{target}: {self.write(node.annotation)}{value}")

    def do_Return(self, node: ast.Return) -> None:
        self.line("return" + (f" {self.write(node.value)}" if node.value else ""))

    def do_Delete(self, node: ast.Delete) -> None:
        self.line(f"del {self.listed(node.targets)}")

    def do_Raise(self, node: ast.Raise) -> None:
        raised = f" {self.write(node.exc)}" if node.exc else ""
        self.line(f"raise{raised}" + (f" from {self.write(node.cause)}" if node.cause else ""))

    def do_Assert(self, node: ast.Assert) -> None:
        self.line(f"assert {self.write(node.test)}" + (f", {self.write(node.msg)}" if node.msg else ""))

    def do_Pass(self, _node: ast.Pass) -> None:
        self.line("pass")

    def do_Break(self, _node: ast.Break) -> None:
        self.line("break")

    def do_Continue(self, _node: ast.Continue) -> None:
        self.line("continue")

    def do_Global(self, node: ast.Global) -> None:
        self.line(f"global {', '.join(node.names)}")

    def do_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.line(f"nonlocal {', '.join(node.names)}")

    def do_Import(self, node: ast.Import) -> None:
        self.line(f"import {self.aliases(node.names)}")

    def do_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.line(f"from {'.' * node.level}{node.module or ''} import {self.aliases(node.names)}")

    def aliases(self, names: Sequence[ast.alias]) -> str:
        return ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in names)

    # -- compound statements ------------------------------------------------------------

    def do_If(self, node: ast.If) -> None:
        word = "if"
        while True:
            self.block(f"{word} {self.write(node.test)}", node.body)
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                break
            node, word = node.orelse[0], "elif"
        if node.orelse:
            self.block("else", node.orelse)

    def do_For(self, node: ast.For | ast.AsyncFor, word: str = "for") -> None:
        self.block(f"{word} {self.write(node.target)} in {self.write(node.iter)}", node.body)
        if node.orelse:
            self.block("else", node.orelse)

    def do_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.do_For(node, "async for")

    def do_While(self, node: ast.While) -> None:
        self.block(f"while {self.write(node.test)}", node.body)
        if node.orelse:
            self.block("else", node.orelse)

    def do_With(self, node: ast.With | ast.AsyncWith, word: str = "with") -> None:
        items = [
            self.write(item.context_expr) + (f" as {self.write(item.optional_vars)}" if item.optional_vars else "")
            for item in node.items
        ]
        if len(items) == 1 and isinstance(node.items[0].context_expr, ast.Tuple) and not node.items[0].optional_vars:
            items[0] = f"({items[0]})"  # one pair of brackets would make several items of it
        self.block(f"{word} {', '.join(items)}", node.body)

    def do_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.do_With(node, "async with")

    def do_Try(self, node: ast.Try, word: str = "except") -> None:
        self.block("try", node.body)
        for handler in node.handlers:
            caught = f" {self.write(handler.type)}" if handler.type else ""
            self.block(f"{word}{caught}" + (f" as {handler.name}" if handler.name else ""), handler.body)
        if node.orelse:
            self.block("else", node.orelse)
        if node.finalbody:
            self.block("finally", node.finalbody)

    def do_TryStar(self, node: ast.Try) -> None:
        self.do_Try(node, "except*")

    def do_Match(self, node: ast.Match) -> None:
        self.line(f"match {self.write(node.subject)}:")
        margin = self.margin
        self.margin += _INDENT
        for case in node.cases:
            guard = f" if {self.write(case.guard)}" if case.guard else ""
            self.block(f"case {self.write(case.pattern)}{guard}", case.body)
        self.margin = margin
