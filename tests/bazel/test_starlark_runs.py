"""The Starlark loads, and the module extension and the repository rule do their work, with every version of Bazel.

An interpreter of Starlark runs them; in Bazel's place stands what starlark_api.py knows of each version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from . import starlark_api as api
from .starlark_mock import Bazel, module, sl
from .test_starlark_is_portable import BUILDS, BZLMOD, FOLDER, MODULES, RULES, shown

VERSIONS = range(api.OLDEST, api.NEWEST + 1)
USER = """\
module(name = "user")
bazel_dep(name = "qyn1", version = "0.1.0")
local_path_override(module_name = "qyn1", path = "/a/clone")
qyn1 = use_extension("@qyn1//integrations/bazel:extensions.bzl", "qyn1")
qyn1.archive(name = "sealed", package = "//:release.qyn1", strip_prefix = "service")
qyn1.archive(name = "fetched", urls = ["https://example.com/release.qyn1"], sha256 = "00")
use_repo(qyn1, "sealed", "fetched")
"""
EXECUTE = """\
def _execute(arguments, timeout = 600, environment = {}, quiet = True, working_directory = ""):
    found = {"interpreter": arguments[0], "fingerprint": "f" * 64}
    return struct(return_code = 0, stdout = json.encode(found), stderr = "")
"""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", RULES, ids=shown)
def test_every_file_loads(path: Path, version: int) -> None:
    if path.name != "extensions.bzl" or version >= BZLMOD:
        Bazel(version).file(path, api.BZL)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", BUILDS, ids=shown)
def test_every_build_file_declares_targets_with_attributes_that_there_are(path: Path, version: int) -> None:
    bazel = Bazel(version)
    bazel.file(path, api.BUILD)
    assert bazel.calls


# What is not given has the attribute's default, and where that says none, the kind's.
EXTEND = """\
def _default(declared):
    empty = {"attr.string": "", "attr.string_list": [], "attr.label": None}
    return declared.given.get("default", empty[declared.kind])

def _tag(attrs, given):
    for name, declared in attrs.items():
        if declared.given.get("mandatory") and given[name] == None:
            fail("missing: " + name)
    return struct(**{name: _default(each) if given[name] == None else given[name] for name, each in attrs.items()})

def _extend():
    classes = qyn1.given["tag_classes"]
    tags = {kind: [_tag(each.given["attrs"], tag) for tag in _tags[kind]] for kind, each in classes.items()}
    members = {name: getattr(module_ctx, name) for name in dir(module_ctx)}
    members["modules"] = [struct(name = "user", version = "", is_root = True, tags = struct(**tags))]
    qyn1.given["implementation"](struct(**members))

_extend()
"""


def extended(bazel: Bazel, text: str, name: str) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The repositories that the extension declares for a MODULE.bazel, by name, and those that this uses."""
    world = bazel.module(api.BZL)
    bazel.run(world, (FOLDER / "extensions.bzl").read_text(), "extensions.bzl")
    tags = bazel.run(
        world, "{kind: each.given['attrs'].keys() for kind, each in qyn1.given['tag_classes'].items()}", "the tags"
    )
    given: dict[str, list[dict[str, Any]]] = {kind: [] for kind in tags}
    used: list[str] = []
    user = bazel.module(api.MODULE, without="use_extension use_repo")
    user.add_callable("_tag", lambda kind, tag: given[kind].append(tag))
    user.add_callable("_use", used.extend)
    for kind, names in tags.items():
        parameters = ", ".join(f"{each} = None" for each in names)
        tag = ", ".join(f"{each!r}: {each}" for each in names)
        bazel.run(user, f"def _{kind}(*, {parameters}):\n    _tag({kind!r}, {{{tag}}})\n", "the mock of bzlmod")
    proxy = ", ".join(f"{kind} = _{kind}" for kind in tags)
    bazel.run(
        user,
        f"def use_extension(file, name, *, dev_dependency = False):\n    return struct({proxy})\n"
        "def use_repo(proxy, *names, **renamed):\n    _use(list(names) + renamed.values())\n",
        "the mock of bzlmod",
    )
    bazel.run(user, text, name)
    bazel.calls.clear()
    world["_tags"] = given
    bazel.run(world, module("module_ctx", bazel.version) + EXTEND, "the mock of bzlmod")
    return {each["name"]: each for each in bazel.named("new repository_rule")}, set(used)


@pytest.mark.parametrize("version", range(BZLMOD, api.NEWEST + 1))
def test_the_extension_declares_a_repository_for_each_tag(version: int) -> None:
    declared, used = extended(Bazel(version), USER, "MODULE.bazel")
    assert sorted(declared) == ["fetched", "qyn1_local", "sealed"]
    assert used == {"fetched", "sealed"}
    assert declared["sealed"]["package"] == "//:release.qyn1"
    assert declared["sealed"]["strip_prefix"] == "service"
    assert declared["fetched"]["urls"] == ["https://example.com/release.qyn1"]
    assert declared["fetched"]["sha256"] == "00"


@pytest.mark.parametrize("version", range(BZLMOD, api.NEWEST + 1))
@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_every_module_file_runs_and_uses_what_the_extension_declares(path: Path, version: int) -> None:
    declared, used = extended(Bazel(version), path.read_text(), path.name)
    assert used <= set(declared)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_repository_of_the_installed_qyn1(version: int) -> None:
    """Its BUILD file names the interpreter, and from Bazel 6 on the toolchain that is registered."""
    bazel = Bazel(version)
    world = bazel.module(api.BZL, without="native")
    written: dict[str, str] = {}
    world.add_callable("_write", lambda path, content: written.update({path: content}))
    bazel.run(world, f'native = struct(bazel_version = "{version}.1.0")\n', "?")
    bazel.run(world, (FOLDER / "repositories.bzl").read_text(), "repositories.bzl")
    context = module(
        "repository_ctx",
        version,
        os='struct(environ = {"PATH": "/bin"})',
        which="lambda program: '/bin/qyn1'",
        path="lambda path: struct(exists = True)",
        read="lambda path: '#!/usr/bin/python3\\n'",
        execute="_execute",
        file="_write",
    )
    bazel.run(world, f"{EXECUTE}\n{context}\n_qyn1_local_impl(repository_ctx)\n", "the mock of a repository")
    assert written["fingerprint.txt"] == "f" * 64 + "\n"
    build = Bazel(version)
    build.run(build.module(api.BUILD), written["BUILD.bazel"], "BUILD.bazel")
    [alias] = build.named("alias")
    assert alias["actual"] == (":qyn1" if version < BZLMOD else "@@qyn1~//integrations/bazel:registered_toolchain")
    assert "/usr/bin/python3" in str(build.calls)


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (9, "CcInfo"),
        (5, "tag_class(attrs = {})"),
        (4, "def f():\n    return module_extension"),
        (9, "fail('x', attr = 'y')"),
        (4, "attr.string_keyed_label_dict()"),
        (5, "aspect(implementation = None, requires = [])"),
        (9, "rule(implementation = None, incompatible_use_toolchain_transition = True)"),
        (9, "rule(implementation = None, attrs = {'a': attr.string()})(name = 'n', b = 'c')"),
        (9, "for x in []:\n    pass\nwhile True:\n    pass"),
    ],
)
def test_what_a_version_lacks_is_an_error(version: int, text: str) -> None:
    bazel = Bazel(version)
    lacks = r"not found|no attribute|no such|extra named|[Pp]arse|while"
    with pytest.raises(sl.StarlarkError, match=lacks):
        bazel.run(bazel.module(api.BZL), text, "bad.bzl")
