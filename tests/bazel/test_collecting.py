"""What the aspect takes from targets of rules that it does not know, which imitate those that people use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Keys
from .workspaces import PROJECT, WORKSPACE, Workspace, unpacked

pytestmark = pytest.mark.bazel

# In the manner of rules_js and rules_ts (a macro over a rule; outputs that are compiled), rules_rust (a library that is
# not its sources), rules_python (sources handed on), and rules of an organisation's own with names that say nothing.
RULES = """\
def _hands_on(ctx):
    return [DefaultInfo(files = depset(ctx.files.srcs))]

def _compiles(ctx):
    made = ctx.actions.declare_file(ctx.label.name + ".out")
    ctx.actions.write(made, "compiled")
    return [DefaultInfo(files = depset([made]))]

def _translates(ctx):
    made = getattr(ctx.outputs, "out", None) or ctx.actions.declare_file(ctx.label.name + ".py")
    ctx.actions.write(made, "GENERATED = %r\\n" % ctx.label.name)
    return [DefaultInfo(files = depset([made]))]

def _unfolds(ctx):
    folder = ctx.actions.declare_directory(ctx.label.name)
    command = "mkdir -p $1/sub && echo 1 > $1/one.py && echo 2 > $1/sub/two.py"
    ctx.actions.run_shell(command = command, arguments = [folder.path], outputs = [folder])
    return [DefaultInfo(files = depset([folder]))]

_FILES = attr.label_list(allow_files = True)
_ATTRS = {"srcs": _FILES, "data": _FILES, "deps": attr.label_list()}

_js_library = rule(_hands_on, attrs = _ATTRS)
ts_project_rule = rule(_compiles, attrs = _ATTRS)

def js_library(name, **rest):
    _js_library(name = name, **rest)

rust_library = rule(_compiles, attrs = dict(_ATTRS, compile_data = _FILES, proc_macro_deps = attr.label_list()))
rust_doc = rule(_compiles, attrs = {"crate": attr.label()})
python_module = rule(_hands_on, attrs = _ATTRS)
screen = rule(_compiles, attrs = dict(_ATTRS, parts = attr.string_dict()))
translate = rule(_translates, attrs = {"src": attr.label(allow_files = True), "out": attr.output()})
stubs = rule(_translates, attrs = {"srcs": _FILES})
unfold = rule(_unfolds, attrs = {"srcs": _FILES})
"""

BUILD = """\
load("@qyn1//:defs.bzl", "qyn1_library", "qyn1_package", "qyn1_roundtrip_test")
load(":rules.bzl", "js_library", "python_module", "rust_library", "rust_doc", "screen", "stubs", "translate",
     "ts_project_rule", "unfold")

# JavaScript and TypeScript
ts_project_rule(name = "ts", srcs = ["util.ts"])
js_library(name = "web", srcs = ["web.js", ":ts"], data = ["page.html", ":version"])
genrule(name = "version", outs = ["version.txt"], cmd = "echo 1 > $@")

# Rust
rust_library(name = "macros", srcs = ["macros.rs"])
rust_library(name = "crate", srcs = ["lib.rs"], compile_data = ["schema.sql"], proc_macro_deps = [":macros"])
rust_doc(name = "unit", crate = ":crate")

# generated sources
translate(name = "named", src = "wire.idl", out = "wire.py")
stubs(name = "unnamed", srcs = ["wire.idl"])
python_module(name = "wire", srcs = [":named", ":unnamed"])
unfold(name = "tree", srcs = ["wire.idl"])
python_module(name = "folder", srcs = [":tree"])

# ways to get there
alias(name = "nickname", actual = ":wire")
config_setting(name = "optimised", values = {"compilation_mode": "opt"})
python_module(
    name = "chosen",
    srcs = select({":optimised": ["fast.py"], "//conditions:default": ["slow.py"]}),
    deps = select({":optimised": [], "//conditions:default": [":nickname"]}),
)
screen(name = "login", srcs = ["login.screen"], deps = [":chosen", ":web"])

# other repositories
python_module(name = "vendored", srcs = ["@other//:given.py", "own.py"], data = ["@other//:table.csv"])
python_module(name = "uses_other", srcs = ["use.py"], deps = ["@other//lib"])

# one file, several targets
filegroup(name = "all", srcs = ["a.py", "b.py"])
python_module(name = "left", srcs = ["a.py", "left.py"])
python_module(name = "right", srcs = ["a.py", ":left"])

[qyn1_package(
    name = name + "_package",
    include_external = external,
    recipients_files = ["keys.txt"],
    deps = [":" + target for target in targets],
) for name, targets, external in [
    ("web", ["web"], False),
    ("unit", ["unit"], False),
    ("wire", ["nickname"], False),
    ("version", ["version"], False),
    ("folder", ["folder"], False),
    ("chosen", ["chosen"], False),
    ("login", ["login"], False),
    ("vendored", ["vendored"], False),
    ("local", ["uses_other"], False),
    ("external", ["uses_other"], True),
    ("shared", ["left", "right", "all"], False),
]]

qyn1_roundtrip_test(
    name = "roundtrip_test",
    size = "small",
    deps = [":all", ":folder", ":left", ":login", ":right", ":unit", ":vendored"],
)

qyn1_library(name = "again", srcs = ["a.py", "c.py"], executables = ["run.sh"])
qyn1_package(name = "again_package", srcs = ["c.py"], recipients_files = ["keys.txt"], deps = [":again", ":left"])

# two files, one path
python_module(name = "two", srcs = ["given.py", "@other//:given.py"])
python_module(name = "here", srcs = ["given.py"])
qyn1_package(name = "two_package", recipients_files = ["keys.txt"], deps = [":two"])
qyn1_package(name = "clash_package", recipients_files = ["keys.txt"], deps = [":here", ":vendored"])
"""

EXPECTED = {
    "web": {"web.js", "util.ts", "page.html"},
    "unit": {"lib.rs", "macros.rs", "schema.sql"},
    "wire": {"wire.py", "unnamed.py"},
    "version": {"version.txt"},
    "folder": {"tree/one.py", "tree/sub/two.py"},
    "chosen": {"slow.py", "wire.py", "unnamed.py"},
    "login": {"login.screen", "slow.py", "wire.py", "unnamed.py", "web.js", "util.ts", "page.html"},
    "vendored": {"given.py", "own.py"},
    "local": {"use.py"},
    "external": {"use.py", "lib/lib.py"},
    "shared": {"a.py", "b.py", "left.py"},
    "again": {"a.py", "c.py", "run.sh", "left.py"},
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("collecting")
    other = folder / "other"
    for path, content in {
        "WORKSPACE": "",
        "BUILD": 'exports_files(["given.py", "table.csv"])',
        "lib/BUILD": 'filegroup(name = "lib", srcs = ["lib.py"], visibility = ["//visibility:public"])',
        "given.py": "GIVEN = 1\n",
        "table.csv": "1,2\n",
        "lib/lib.py": "LIB = 1\n",
    }.items():
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_text(content)
    declared = WORKSPACE.format(project=PROJECT) + f'local_repository(name = "other", path = "{other}")\n'
    made = Workspace(folder / "ws", folder / "base", workspace=declared)
    made.write("rules.bzl", RULES)
    made.write("BUILD", BUILD)
    made.write("keys.txt", keys.recipient)
    names = ("a.py b.py c.py fast.py given.py left.py lib.rs login.screen macros.rs own.py page.html run.sh schema.sql "
             "slow.py use.py util.ts web.js wire.idl")  # fmt: skip
    for name in names.split():
        made.write(name, f"this is {name}\n")
    yield made
    made.close()


@pytest.fixture(scope="module")
def built(workspace: Workspace) -> Workspace:
    workspace.build(*(f"//:{name}_package" for name in EXPECTED))
    return workspace


@pytest.mark.parametrize("name", EXPECTED)
def test_a_package_has_what_its_targets_were_made_of(built: Workspace, keys: Keys, tmp_path: Path, name: str) -> None:
    found = unpacked(built.output(f"{name}_package.qyn1"), keys.identity, tmp_path / "out")
    assert set(found) == EXPECTED[name]
    for path, content in found.items():
        if (built.root / path).exists() and path != "given.py":
            assert content == (built.root / path).read_bytes()
    assert found.get("unnamed.py", b'GENERATED = "unnamed"\n') == b'GENERATED = "unnamed"\n'
    assert found.get("given.py", b"GIVEN = 1\n") == b"GIVEN = 1\n"


def test_a_select_follows_the_configuration(workspace: Workspace, keys: Keys, tmp_path: Path) -> None:
    workspace.build("//:chosen_package", "--compilation_mode=opt")
    assert set(unpacked(workspace.output("chosen_package.qyn1"), keys.identity, tmp_path / "out")) == {"fast.py"}


def test_everything_collected_comes_back(workspace: Workspace) -> None:
    done = workspace.call("test", "//:roundtrip_test", "--test_output=errors")
    assert done.exit_code == 0, done.output


def test_a_file_of_several_targets_is_compressed_for_each_package_once(workspace: Workspace) -> None:
    workspace.build("//:shared_package")
    (workspace.root / "b.py").write_text("this is b.py, changed\n")
    changed = workspace.build("//:shared_package")
    assert changed.ran("Qyn1Compile") == ["_qyn1/shared_package/_qyn1/all.qyn1o"]
    (workspace.root / "a.py").write_text("this is a.py, changed\n")
    changed = workspace.build("//:shared_package")
    assert changed.ran("Qyn1Compile") == ["_qyn1/left.qyn1o"]


def test_two_files_on_one_path_of_one_target(workspace: Workspace) -> None:
    output = workspace.fails("//:two_package")
    assert "//:two: given.py: both " in output
    assert "external/other/given.py" in output
    assert "leave one out, in Bazel of srcs" in output
    assert not workspace.output("_qyn1/two.qyn1o").exists()


def test_two_files_on_one_path_of_two_targets(workspace: Workspace) -> None:
    output = workspace.fails("//:clash_package")
    assert "//:clash_package: both //:here and //:vendored have given.py; " in output
    assert "leave it out of the srcs of one of them" in output
    assert not workspace.output("clash_package.qyn1").exists()
