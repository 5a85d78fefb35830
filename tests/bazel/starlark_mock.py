"""Runs the Starlark in an interpreter of Starlark, with functions in the place of Bazel's that have its signatures.

What stands for Bazel's functions is made from starlark_api.py for one version of Bazel: a name, member or parameter
that this version lacks is an error, as it is there. Calls of rules and of the functions of a MODULE.bazel are
recorded; rules and repository rules take only the attributes that they declare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from . import starlark_api as api

sl = pytest.importorskip("starlark", reason="no interpreter of Starlark (starlark-pyo3)")

PROJECT = Path(__file__).parents[2]
_DIALECT = sl.Dialect.extended()
_GLOBALS = sl.Globals.extended_by([sl.LibraryExtension.StructType, sl.LibraryExtension.Json])
# What the interpreter has itself, Starlark's own functions among them.
_BUILT_IN = """
    True False None all any bool dict dir enumerate fail getattr hasattr hash int len list load max min print range
    repr reversed sorted str struct tuple type zip abs float set
"""
_CANONICAL = "@@qyn1~"  # what this repository is called with bzlmod
# Attributes that all rules have, and their macros pass on.
_COMMON = "name visibility tags testonly deprecation features compatible_with restricted_to size timeout toolchains"
_HELPERS = f"""\
def _plain(value):
    if type(value) in ("list", "tuple"):
        return [_plain(item) for item in value]
    if type(value) == "dict":
        return {{str(key): _plain(item) for key, item in value.items()}}
    return value if type(value) in ("string", "int", "bool", "NoneType") else str(value)

def _noted(kind, given):
    given = {{name: value for name, value in given.items() if value != None}}
    _record(kind, _plain(given))
    return struct(kind = kind, given = given)

def _depset(direct, transitive):
    items = [item for each in transitive or [] for item in each.to_list()]
    return struct(to_list = lambda: items + (direct or []))

def _declaring(kind, given):
    attrs = given.get("attrs") or {{}}
    common = {_COMMON.split()!r} + (["build_setting_default"] if given.get("build_setting") else [])
    def _instance(**named):
        for name in named:
            if name not in attrs and name not in common:
                fail("%s: no such attribute: %s" % (kind, name))
        for name, declared in attrs.items():
            if declared.given.get("mandatory") and named.get(name) == None:
                fail("%s: missing: %s" % (kind, name))
        return _noted("new " + kind + " " + str(given.get("implementation")), named)
    return _instance
"""
# Their values are called, and checked when they are.
_CALLED = ("rule", "repository_rule")
# What others return that the Starlark works with.
_BODIES = {
    "provider": "return lambda **given: struct(**given)",
    "depset": "return _depset(direct, transitive)",
    "select": "return x.values()[0]",
    "Label": f"return {_CANONICAL!r} + _input if _input.startswith('//') else _input",
    "glob": "return ['globbed']",
}


def _signature(table: str, version: int) -> tuple[str, list[str]]:
    """The parameters of a function, as Starlark, and the names of those that are not gathered."""
    positional, star, named = table.partition("* ") if "* " in table else (table, "", "")
    if table.strip() == "*":
        positional, star = "", ""
    parts: list[str] = []
    names: list[str] = []
    gathered = []
    for word in api.words(positional).values():
        if word.offered(version, version):
            if word.name.startswith("*"):
                parts.append(word.name)
                continue
            names.append(word.name.replace("-", "_"))
            parts.append(f"{names[-1]} = None")
    if star and not any(part.startswith("*") for part in parts):
        parts.append("*")
    for word in api.words(named).values():
        if word.offered(version, version):
            if word.name.startswith("**"):
                gathered.append(word.name)
            elif word.name.startswith("*"):
                parts = [*(part for part in parts if part != "*"), word.name]
            else:
                names.append(word.name)
                parts.append(f"{word.name} = None")
    if parts and parts[-1] == "*":
        parts.pop()
    return ", ".join([*parts, *gathered]), names


def function(name: str, version: int, *, call: str = "") -> str:
    """A definition of what stands for Bazel's function ``name``, under its own name (``call``: another one)."""
    own = call or name
    if name not in api.CALLS:
        return f"def {own}(*args, **given):\n    return _noted({name!r}, given)\n"
    parameters, names = _signature(api.CALLS[name], version)
    body = _BODIES.get(name.rpartition(".")[2])
    if body is not None:
        return f"def {own}({parameters}):\n    {body}\n"
    given = "{" + ", ".join(f"{each!r}: {each}" for each in names) + "}"
    if name in _CALLED:
        return f"def {own}({parameters}):\n    return _declaring({name!r}, {given})\n"
    return f"def {own}({parameters}):\n    return _noted({name!r}, {given})\n"


def module(owner: str, version: int, **other: str) -> str:
    """A definition of the struct that stands for Bazel's ``owner``, such as ``attr``, with the members of ``version``.

    ``other`` are members that are given as Starlark instead.
    """
    defined, members = [], dict(other)
    for word in api.words(api.MEMBERS[owner]).values():
        if word.offered(version, version) and word.name not in members:
            own = "_" + f"{owner}_{word.name}".replace(".", "_")
            defined.append(function(f"{owner}.{word.name}", version, call=own))
            members[word.name] = own
    arguments = ", ".join(f"{name} = {value}" for name, value in members.items())
    return "".join(defined) + f"{owner.replace('.', '_')} = struct({arguments})\n"


def _prelude(table: str, version: int, defined: str) -> Iterator[str]:
    yield _HELPERS
    for word in api.words(table).values():
        if word.name in api.words(f"{_BUILT_IN} {defined}") or not word.offered(version, version):
            continue
        if word.name == "json":
            continue  # the interpreter's
        yield module(word.name, version) if word.name in api.MEMBERS else function(word.name, version)


@dataclass
class Bazel:
    """The Starlark of one version of Bazel. ``calls`` are those of its functions that were recorded."""

    version: int
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _loaded: dict[str, Any] = field(default_factory=dict)

    def named(self, kind: str) -> list[dict[str, Any]]:
        """The arguments of each recorded call of that kind, whatever it was called with."""
        return [given for name, given in self.calls if name.startswith(kind)]

    def module(self, table: str, *, without: str = "") -> Any:
        """A module that knows what ``table`` says that this version offers, except the names ``without``."""
        made = sl.Module()
        made.add_callable("_record", lambda kind, given: self.calls.append((kind, given)))
        self.run(made, "".join(_prelude(table, self.version, without)), "the mock of Bazel")
        return made

    def run(self, into: Any, text: str, name: str) -> Any:
        """Run ``text`` in a module; the value of its last expression."""
        return sl.eval(into, sl.parse(name, text, dialect=_DIALECT), _GLOBALS, sl.FileLoader(self._load))

    def file(self, path: Path, table: str) -> Any:
        """The module of a file."""
        made = self.module(table)
        self.run(made, path.read_text(), path.name)
        return made

    def _load(self, label: str) -> Any:
        repository, absolute, target = label.rpartition("//")
        package, _, name = target.rpartition(":")
        if repository not in ("", "@qyn1", _CANONICAL):  # rules of others: anything goes
            return self._others()
        path = PROJECT / (package if absolute else "integrations/bazel") / name
        if str(path) not in self._loaded:
            self._loaded[str(path)] = self.file(path, api.BZL).freeze()
        return self._loaded[str(path)]

    def _others(self) -> Any:
        made = sl.Module()
        made.add_callable("_record", lambda kind, given: self.calls.append((kind, given)))
        kinds = [f"{word}_{kind}" for word in ("cc", "js", "py", "rust") for kind in ("binary", "library", "test")]
        text = "".join(f"def {kind}(**given):\n    _record({kind!r}, given)\n" for kind in kinds)
        sl.eval(made, sl.parse("others.bzl", text, dialect=_DIALECT), _GLOBALS)
        return made.freeze()
