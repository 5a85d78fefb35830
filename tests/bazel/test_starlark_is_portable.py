"""The Starlark uses only what every Bazel from 4.2.3 to 9 offers, and nothing that would have to be downloaded.

Starlark's grammar is a part of Python's, so that Python's own parser reads it; starlark_api.py says what each
version offers.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from . import starlark_api as api
from .reference import REFERENCE, reference
from .workspaces import Workspace

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "integrations/bazel"
EXAMPLES = FOLDER / "examples"
RULES = [PROJECT / "defs.bzl", *sorted(FOLDER.glob("*.bzl"))]
BUILDS = [
    PROJECT / "BUILD.bazel",
    FOLDER / "BUILD.bazel",
    *sorted(PROJECT.glob("*/BUILD.bazel")),
    *sorted(EXAMPLES.rglob("BUILD.bazel")),
]
MODULES = [PROJECT / "MODULE.bazel", *sorted(EXAMPLES.rglob("MODULE.bazel"))]
WORKSPACES = [PROJECT / "WORKSPACE", *sorted(EXAMPLES.rglob("WORKSPACE"))]
EVERYTHING = [*RULES, *BUILDS, *MODULES, *WORKSPACES]
GLOBALS = {".bzl": api.BZL, "BUILD.bazel": api.BUILD, "MODULE.bazel": api.MODULE, "WORKSPACE": api.WORKSPACE}

# Only a Bazel with bzlmod reads MODULE.bazel and what that refers to.
BZLMOD = 6
# What a macro for a WORKSPACE calls is not looked for where there is no WORKSPACE.
ONLY_IN_A_WORKSPACE = {("repositories.bzl", "native.register_toolchains")}
# The old names of what is looked for first.
REPLACED_BY = {"workspace_name": "repo_name"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def shown(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def oldest(path: Path) -> int:
    return BZLMOD if path.name in ("extensions.bzl", "MODULE.bazel") else api.OLDEST


def newest(path: Path) -> int:
    return 8 if path.name == "WORKSPACE" else api.NEWEST


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def calls(module: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module) if isinstance(node, ast.Call))


def defined(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.arg):
            yield node.name if isinstance(node, ast.FunctionDef) else node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Call) and dotted(node.func) == "load":
            yield from (str(ast.literal_eval(each)) for each in node.args[1:])
            yield from (keyword.arg or "" for keyword in node.keywords)


def own_fields() -> set[str]:
    """The fields of structs and providers, and the attributes, that the rules themselves declare."""
    found: set[object] = set()
    for path in RULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and dotted(node.func) in ("struct", "dict", "platform_common.ToolchainInfo"):
                found.update(keyword.arg for keyword in node.keywords if keyword.arg)
            elif isinstance(node, ast.Dict):
                found.update(key.value for key in node.keys if isinstance(key, ast.Constant))
    return {str(name) for name in found if str(name).isidentifier()}


FIELDS = own_fields()


def guarded(module: ast.Module) -> set[str]:
    """Members that are looked for before they are used."""
    return {
        str(ast.literal_eval(call.args[1]))
        for call in calls(module)
        if dotted(call.func) in ("hasattr", "getattr") and isinstance(call.args[1], ast.Constant)
    }


@pytest.mark.parametrize("path", EVERYTHING, ids=shown)
def test_every_name_exists_in_every_version(path: Path) -> None:
    module = tree(path)
    table = api.words(GLOBALS[path.suffix if path.suffix == ".bzl" else path.name])
    offered = {word.name for word in table.values() if word.offered(oldest(path), newest(path))}
    used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert used - offered - set(defined(module)) == set()


def unknown_members(path: Path) -> Iterator[str]:
    module = tree(path)
    tested = guarded(module)
    for node in ast.walk(module):
        if not isinstance(node, ast.Attribute):
            continue
        owner = dotted(node.value)
        table = api.MEMBERS.get(owner)
        if table is None and (owner in ("ctx.attr", "ctx.file", "ctx.files", "ctx.executable") or node.attr in FIELDS):
            known = node.attr in FIELDS
        else:
            word = api.words(api.VALUES if table is None else table).get(node.attr)
            known = bool(tested & {node.attr, REPLACED_BY.get(node.attr)}) or (
                word is not None and word.offered(oldest(path))
            )
        if not known and (path.name, dotted(node)) not in ONLY_IN_A_WORKSPACE:
            yield f"{path.name}:{node.lineno}: {owner}.{node.attr}"


@pytest.mark.parametrize("path", [*RULES, *BUILDS, *WORKSPACES], ids=shown)
def test_every_member_exists_in_every_version(path: Path) -> None:
    assert list(unknown_members(path)) == []


def wrong_calls(path: Path) -> Iterator[str]:
    own = set(defined(tree(path)))
    for call in calls(tree(path)):
        name = dotted(call.func)
        if isinstance(call.func, ast.Attribute) and name not in api.CALLS:
            name = call.func.attr
        if name not in api.CALLS or name in own:
            continue
        taken = api.Call.of(name, oldest(path))
        where = f"{path.name}:{call.lineno}: {name}"
        if taken.positions >= 0 and len(call.args) > taken.positions:
            yield f"{where}: argument {taken.positions + 1} needs a name"
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in taken.names and not taken.any_name:
                yield f"{where}: {keyword.arg}"


@pytest.mark.parametrize("path", EVERYTHING, ids=shown)
def test_every_argument_is_taken_in_every_version(path: Path) -> None:
    assert list(wrong_calls(path)) == []


def test_every_call_of_bazel_is_in_the_tables() -> None:
    free = {"load", "struct", "dict", "OutputGroupInfo", "platform_common.ToolchainInfo"}  # they take any name
    owners = {name.rpartition(".")[0] for name in api.CALLS} - {""}
    for path in RULES:
        own = set(defined(tree(path)))
        for call in calls(tree(path)):
            name = dotted(call.func)
            builtin = call.keywords and name in api.words(api.BZL) and name not in own
            if builtin or name.rpartition(".")[0] in owners:
                assert name in free | set(api.CALLS), f"{path.name}:{call.lineno}: {name}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("r = rule(_f, True, attrs = {})", "argument 2 needs a name"),
        ("r = rule(implementation = _f, parent = q)", "rule: parent"),
        ("def f(ctx):\n    ctx.actions.run(executable = e, outputs = [], toolchain = t)", "run: toolchain"),
        ("def f(ctx):\n    return ctx.host_configuration", "ctx.host_configuration"),
        ("def f(ctx):\n    return ctx.actions.template_dict()", "ctx.actions.template_dict"),
        ("def f(label):\n    return label.repo_name", "label.repo_name"),
        ("def f(rctx):\n    repository_ctx.watch('x')", "repository_ctx.watch"),
        ("def f():\n    native.sh_binary(name = 'x')", "native.sh_binary"),
    ],
)
def test_what_some_version_lacks_is_found(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.bzl"
    path.write_text(text)
    assert complaint in "\n".join([*wrong_calls(path), *unknown_members(path)])


@pytest.mark.parametrize("path", RULES, ids=shown)
def test_nothing_of_another_repository_is_loaded(path: Path) -> None:
    for call in calls(tree(path)):
        if dotted(call.func) == "load":
            label = str(ast.literal_eval(call.args[0]))
            assert label.startswith((":", "//integrations/bazel:")), label
            place = FOLDER / label.rpartition(":")[2]
            assert place.is_file(), label


@pytest.mark.parametrize("path", EVERYTHING, ids=shown)
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


@pytest.mark.bazel
def test_the_oldest_bazel_has_what_is_listed_for_it(tmp_path: Path) -> None:
    questions = {owner: owner for owner in ("attr", "config", "json", "platform_common", "testing")}
    rule = {owner: owner for owner in ("ctx", "ctx.actions")}
    repository = {owner: owner for owner in ("native", "repository_ctx", "repository_ctx.os")}

    def prints(asked: dict[str, str], indent: str) -> str:
        return "".join(f'{indent}print("OFFERED", "{owner}", dir({code}))\n' for owner, code in asked.items())

    workspace = Workspace(
        tmp_path / "ws", tmp_path / "base", workspace='load("//:ask.bzl", "ask_too")\nask_too(name = "answers")\n'
    )
    workspace.write(
        "ask.bzl",
        f"{prints(questions, '')}\ndef _ask(ctx):\n{prints(rule, '    ')}\nask = rule(implementation = _ask)\n\n"
        f"def _ask_too(repository_ctx):\n    repository_ctx.file('BUILD', 'exports_files([\"x\"])')\n"
        f"{prints(repository, '    ')}\nask_too = repository_rule(implementation = _ask_too)\n\n"
        + "".join(f"_{word.name} = {word.name}\n" for word in oldest_globals()),
    )
    workspace.write(
        "BUILD", 'load(":ask.bzl", "ask")\nask(name = "ask")\nfilegroup(name = "g", srcs = ["@answers//:x"])'
    )
    try:
        output = workspace.call("build", "--nobuild", "//:ask", "//:g").output
    finally:
        workspace.close()
    offered = {owner: set(json.loads(members)) for owner, members in re.findall(r"OFFERED ([\w.]+) (\[.*?\])", output)}
    assert set(offered) == {*questions, *rule, *repository}, output
    for owner, members in offered.items():
        listed = {word.name for word in api.words(api.MEMBERS[owner]).values() if word.offered(4, 4)}
        assert listed - members == set(), owner


def oldest_globals() -> list[api.Word]:
    keywords = ("True", "False", "None", "load")
    return [word for word in api.words(api.BZL).values() if word.offered(4, 4) and word.name not in keywords]


def statements(path: Path) -> list[ast.Call]:
    """The calls that a MODULE.bazel consists of: nothing else is allowed in one."""
    found = []
    for number, statement in enumerate(tree(path).body):
        value = getattr(statement, "value", None)
        assert isinstance(statement, ast.Expr | ast.Assign), f"{path}:{statement.lineno}"
        if number == 0 and isinstance(value, ast.Constant):
            continue  # the docstring
        assert isinstance(value, ast.Call), f"{path}:{statement.lineno}"
        found.append(value)
    return found


def arguments(call: ast.Call) -> dict[str, object]:
    return {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}


def test_the_module_names_what_is_there() -> None:
    declared, *rest = statements(PROJECT / "MODULE.bazel")
    assert dotted(declared.func) == "module"
    version = re.search(r'^version = "([^"]+)"', (PROJECT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert arguments(declared) == {
        "name": "qyn1",
        "version": version[1],
        "bazel_compatibility": [f">={BZLMOD}.0.0"],
    }
    used = [ast.literal_eval(call.args[0]) for call in rest if dotted(call.func) == "use_extension"]
    assert used == ["//integrations/bazel:extensions.bzl"]
    assert (FOLDER / "extensions.bzl").is_file()
    assert not [call for call in rest if dotted(call.func) == "bazel_dep"]


@pytest.mark.parametrize("path", MODULES[1:], ids=shown)
def test_the_examples_are_modules_that_use_this_clone(path: Path) -> None:
    module = statements(path)
    assert dotted(module[0].func) == "module"
    [override] = [call for call in module if dotted(call.func) == "local_path_override"]
    given = arguments(override)
    assert given["module_name"] == "qyn1"
    assert (path.parent / str(given["path"])).resolve() == PROJECT
    dependencies = {str(arguments(call)["name"]) for call in module if dotted(call.func) == "bazel_dep"}
    loaded = {
        str(ast.literal_eval(call.args[0]))[1:].partition("//")[0]
        for build in path.parent.rglob("BUILD.bazel")
        for call in calls(tree(build))
        if dotted(call.func) == "load"
    }
    assert dependencies == loaded


def test_the_templates_for_the_registry_of_modules_are_complete() -> None:
    folder = PROJECT / ".bcr"
    source = json.loads((folder / "source.template.json").read_text())
    assert source["integrity"] == ""
    for part in ("{OWNER}", "{REPO}", "{TAG}"):
        assert part in source["url"]
    assert source["strip_prefix"] == "{REPO}-{VERSION}"
    metadata = json.loads((folder / "metadata.template.json").read_text())
    assert {"homepage", "maintainers", "repository", "versions", "yanked_versions"} == set(metadata)
    assert metadata["versions"] == []
    presubmit = yaml.safe_load((folder / "presubmit.yml").read_text())
    assert presubmit["matrix"]["bazel"] == [f"{version}.x" for version in range(BZLMOD, api.NEWEST + 1)]
    [task] = presubmit["tasks"].values()
    for target in task["build_targets"]:
        package, _, name = target.removeprefix("@qyn1//").partition(":")
        build = tree(PROJECT / package / "BUILD.bazel")
        assert name in {arguments_text(call) for call in calls(build)}, target


def arguments_text(call: ast.Call) -> str:
    """The name of the target that ``call`` declares."""
    for keyword in call.keywords:
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return ""


def test_everything_public_is_documented() -> None:
    """defs.bzl re-exports; rules, attributes and provider fields carry their documentation."""
    for path in RULES:
        module = tree(path)
        assert ast.get_docstring(module), path
        for call in calls(module):
            name = dotted(call.func)
            given = {keyword.arg for keyword in call.keywords}
            if name in ("rule", "aspect", "provider", "repository_rule", "module_extension"):
                assert "doc" in given, f"{path.name}:{call.lineno}: {name}"
        for function in module.body:
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("_"):
                assert ast.get_docstring(function), f"{path.name}: {function.name}"
    public = {str(node.targets[0].id) for node in tree(PROJECT / "defs.bzl").body
              if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}  # fmt: skip
    manual = (PROJECT / "docs/bazel.md").read_text()
    assert {name for name in public if f"`{name}" not in manual} == set()


def test_the_reference_is_that_of_these_rules() -> None:
    assert REFERENCE.read_text() == reference(), "run: python tests/bazel/reference.py"
