"""What cannot be built says which target and attribute is wrong, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Keys
from .workspaces import Workspace

pytestmark = pytest.mark.bazel

PUBLIC = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"  # of age's own documentation

# package, BUILD file after the load, what the error must say
CASES = [
    ("no_recipient", 'qyn1_package(name = "p", srcs = ["a.py"])', ["//no_recipient:p: recipients: ", "age1"]),
    (
        "secret_key",
        'qyn1_package(name = "p", srcs = ["a.py"], recipients = ["AGE-SECRET-KEY-1QQQ"])',
        ["//secret_key:p: recipients: this is a secret key"],
    ),
    (
        "no_key",
        'qyn1_package(name = "p", srcs = ["a.py"], recipients = ["ssh-rsa AAA"])',
        ["//no_key:p: recipients: ", "is no public key"],
    ),
    (
        "damaged_key",
        f'qyn1_package(name = "p", srcs = ["a.py"], recipients = ["{PUBLIC[:-1]}q"])',
        ["//damaged_key:p: recipients: "],
    ),
    ("mode", 'qyn1_library(name = "p", srcs = ["a.py"], mode = "fats")', ["'mode'", "fats"]),
    ("preset", 'qyn1_library(name = "p", srcs = ["a.py"], preset = "nope")', ["//preset:p: ", "preset", "nope"]),
    (
        "language",
        'qyn1_library(name = "p", srcs = ["a.py"], language = "klingon")',
        ["//language:p: language: ", "klingon"],
    ),
    (
        "manifest",
        'qyn1_library(name = "p", srcs = ["a.py"], manifest = "qyn1.toml")',
        ["//manifest:p: qyn1.toml:1", "nonsense"],
    ),
    ("missing", 'qyn1_library(name = "p", srcs = ["gone.py"])', ["//missing:gone.py"]),
    ("dangling", 'qyn1_library(name = "p", srcs = ["link.py"])', ["//dangling:p failed", "//dangling:link.py"]),
    ("loop", 'qyn1_library(name = "p", srcs = ["link.py"])', ["//loop:p failed", "//loop:link.py", "cycle"]),
    ("folder", 'qyn1_library(name = "p", srcs = ["sub"])', ["//folder:p: ", "folder/sub: is a folder", "glob()"]),
    (
        "strip",
        'qyn1_library(name = "p", srcs = ["a.py"], strip_prefix = "other")',
        ["//strip:p: strip_prefix: strip/a.py does not lie below 'other'"],
    ),
    (
        "twice",
        f"""\
qyn1_library(name = "left", srcs = ["a.py"])
qyn1_library(name = "right", srcs = ["sub/a.py"], strip_prefix = "twice/sub", prefix = "twice")
qyn1_package(name = "p", deps = [":left", ":right"], recipients = ["{PUBLIC}"])""",
        ["//twice:p: both //twice:left and //twice:right have twice/a.py", "leave it out of the srcs of one of them"],
    ),
    (
        "no_sources",
        f"""\
config_setting(name = "fast", values = {{"compilation_mode": "opt"}})
qyn1_package(name = "p", deps = [":fast"], recipients = ["{PUBLIC}"])""",
        ["//no_sources:p: deps: //no_sources:fast gives no sources", "srcs"],
    ),
    (
        "no_secret",
        f'qyn1_package(name = "p", srcs = ["a.py"], deterministic = True, recipients = ["{PUBLIC}"])',
        ["//no_secret:p: deterministic: ", "sealing_secret_file"],
    ),
    (
        "both",
        f'qyn1_package(name = "p", deterministic = True, convergent = True, recipients = ["{PUBLIC}"])',
        ["//both:p: deterministic, convergent: choose one"],
    ),
    ("no_identity", 'qyn1_unpack(name = "p", package = "a.py")', ["//no_identity:p: ", "identity_file"]),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("bad")
    made = Workspace(folder / "ws", folder / "base")
    for name, build, _ in CASES:
        made.write(
            f"{name}/BUILD.bazel",
            f'load("@qyn1//:defs.bzl", "qyn1_library", "qyn1_package", "qyn1_unpack")\n\n{build}\n',
        )
        made.write(f"{name}/a.py", "x = 1\n")
        made.write(f"{name}/qyn1.toml", "nonsense = true\n")
        made.write(f"{name}/sub/a.py", "y = 1\n")
    (made.root / "dangling/link.py").symlink_to("nowhere.py")
    (made.root / "loop/link.py").symlink_to("link.py")
    return made


@pytest.fixture(scope="module", autouse=True)
def _close(workspace: Workspace) -> object:
    yield
    workspace.close()


@pytest.mark.parametrize(("name", "says"), [(name, says) for name, _, says in CASES])
def test_the_error_names_target_and_attribute(workspace: Workspace, name: str, says: list[str]) -> None:
    output = workspace.fails(f"//{name}:p")
    for text in says:
        assert text in output, output
    assert "Traceback (most recent call last):\n  File" not in output  # Python's; Starlark's has a tab
    for kind in ("qyn1", "qyn1o"):
        assert not workspace.output(f"{name}/p.{kind}").exists()


def test_without_qyn1_the_error_says_how_to_get_it(workspace: Workspace, tmp_path: Path) -> None:
    output = workspace.fails("//preset:p", environ={"QYN1": str(tmp_path / "nowhere/qyn1")})
    assert "//preset:p: no toolchain for qyn1: " in output
    assert "pip install qyn1" in output


def test_unpacking_with_the_wrong_key_gives_nothing(workspace: Workspace, keys: Keys) -> None:
    workspace.write(
        "wrong/BUILD.bazel",
        f"""\
load("@qyn1//:defs.bzl", "qyn1_package", "qyn1_unpack")

qyn1_package(name = "package", srcs = ["a.py"], recipients = ["{PUBLIC}"])
qyn1_unpack(name = "p", package = ":package")
""",
    )
    workspace.write("wrong/a.py", "x = 1\n")
    output = workspace.fails("//wrong:p", f"--@qyn1//:identity_file={keys.identity}")
    assert "qyn1: " in output
    assert keys.identity.read_text().splitlines()[-1] not in output
