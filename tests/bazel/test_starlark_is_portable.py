"""The Starlark uses only what every Bazel from 4.2.3 to 9 offers, and nothing that would have to be downloaded.

Starlark's grammar is a part of Python's, so that Python's own parser reads it. The lists are of what the
versions have in common (https://bazel.build/rules/lib and the release notes of each version).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .reference import REFERENCE, reference

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "integrations/bazel"
RULES = [PROJECT / "defs.bzl", *sorted(FOLDER.glob("*.bzl"))]

GLOBALS = {
    "DefaultInfo", "Label", "OutputGroupInfo", "all", "any", "aspect", "attr", "bool", "config", "depset", "dict",
    "dir", "enumerate", "fail", "getattr", "hasattr", "int", "json", "len", "list", "load", "max", "min", "native",
    "platform_common", "print", "provider", "range", "repository_rule", "repr", "reversed", "rule", "select",
    "sorted", "str", "struct", "testing", "tuple", "type", "zip",
}  # fmt: skip
# Only MODULE.bazel refers to this file, and only a Bazel with bzlmod reads that.
BZLMOD = {"extensions.bzl": {"module_extension", "tag_class"}}
MEMBERS = {
    "ctx": {
        "actions", "attr", "build_setting_value", "executable", "file", "files", "label", "rule", "runfiles",
        "toolchains",
    },
    "ctx.actions": {"args", "declare_directory", "declare_file", "expand_template", "run", "run_shell", "write"},
    "repository_ctx": {
        "attr", "delete", "download", "execute", "file", "name", "os", "path", "read", "symlink", "which",
    },
    "native": {"bazel_version", "register_toolchains"},
    "attr": {"bool", "int", "label", "label_list", "output", "string", "string_dict", "string_list"},
    "config": {"string", "string_list"},
    "platform_common": {"ToolchainInfo"},
    "testing": {"ExecutionInfo"},
    "json": {"decode", "encode"},
}  # fmt: skip


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def defined(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.arg):
            yield node.name if isinstance(node, ast.FunctionDef) else node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Call) and dotted(node.func) == "load":
            yield from (str(ast.literal_eval(each)) for each in node.args[1:])
            yield from (keyword.arg or "" for keyword in node.keywords)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_name_exists_in_every_version(path: Path) -> None:
    module = tree(path)
    used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    known = GLOBALS | set(defined(module)) | BZLMOD.get(path.name, set())
    assert used - known == set()


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_member_exists_in_every_version(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            owner = dotted(node.value)
            assert node.attr in MEMBERS.get(owner, {node.attr}), f"{path.name}:{node.lineno}: {owner}.{node.attr}"


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_nothing_of_another_repository_is_loaded(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and dotted(node.func) == "load":
            label = str(ast.literal_eval(node.args[0]))
            assert label.startswith((":", "//integrations/bazel:")), label
            place = FOLDER / label.rpartition(":")[2]
            assert place.is_file(), label


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_syntax_that_starlark_lacks_is_not_used(path: Path) -> None:
    python_only = (
        ast.AnnAssign, ast.Assert, ast.AsyncFunctionDef, ast.Await, ast.ClassDef, ast.Delete, ast.GeneratorExp,
        ast.Global, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.NamedExpr, ast.Nonlocal, ast.Raise, ast.Set,
        ast.SetComp, ast.Try, ast.While, ast.With, ast.Yield,
    )  # fmt: skip
    for node in ast.walk(tree(path)):
        assert not isinstance(node, python_only), f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Compare):
            # No chains, and no `is`.
            assert len(node.ops) == 1
            assert not isinstance(node.ops[0], ast.Is | ast.IsNot)


def test_everything_public_is_documented() -> None:
    """defs.bzl re-exports; rules, attributes and provider fields carry their documentation."""
    for path in RULES:
        module = tree(path)
        assert ast.get_docstring(module), path
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            given = {keyword.arg for keyword in node.keywords}
            if name in ("rule", "aspect", "provider", "repository_rule", "module_extension"):
                assert "doc" in given, f"{path.name}:{node.lineno}: {name}"
        for function in module.body:
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("_"):
                assert ast.get_docstring(function), f"{path.name}: {function.name}"
    public = {str(node.targets[0].id) for node in tree(PROJECT / "defs.bzl").body
              if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}  # fmt: skip
    reference = (PROJECT / "docs/bazel.md").read_text()
    assert {name for name in public if f"`{name}" not in reference} == set()


def test_the_reference_is_that_of_these_rules() -> None:
    assert REFERENCE.read_text() == reference(), "run: python tests/bazel/reference.py"
