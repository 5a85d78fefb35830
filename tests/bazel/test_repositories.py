"""Toolchains, sealed packages as external repositories, the examples, and this project sealed by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .conftest import Keys, expected
from .workspaces import PROJECT, WORKSPACE, Workspace, installed_command, unpacked

pytestmark = pytest.mark.bazel


def test_a_sealed_package_as_an_external_repository(monorepo: Workspace, keys: Keys, tmp_path: Path) -> None:
    monorepo.build("//:everything")
    package = tmp_path / "everything.qyn1"
    shutil.copyfile(monorepo.output("everything.qyn1"), package)
    declared = f"""\
load("@qyn1//integrations/bazel:repositories.bzl", "qyn1_archive")
qyn1_archive(
    name = "sealed",
    build_file_content = 'exports_files(["app.py"])',
    strip_prefix = "service",
    urls = ["file://{package}"],
)
"""
    user = Workspace(tmp_path / "user", tmp_path / "base", workspace=WORKSPACE.format(project=PROJECT) + declared)
    user.write(
        "BUILD.bazel",
        'genrule(name = "copy", srcs = ["@sealed//:app.py"], outs = ["copied.py"], cmd = "cp $< $@")\n',
    )
    try:
        output = user.fails("//:copy")
        assert "qyn1_archive sealed: name the file with your secret key" in output
        user.build("//:copy", environ={"QYN1_IDENTITY_FILE": str(keys.identity)})
        assert user.output("copied.py").read_bytes() == expected(monorepo)["service/app.py"]
        package.write_bytes(package.read_bytes()[:-1])
        user.call("clean", "--expunge")
        output = user.fails("//:copy", environ={"QYN1_IDENTITY_FILE": str(keys.identity)})
        assert "qyn1_archive sealed: qyn1: " in output
    finally:
        user.close()


def installed(name: str) -> metadata.Distribution | None:
    """The distribution as pip installed it; what a build left in the working folder does not count."""
    found = metadata.distributions(name=name)
    return next((each for each in found if each.read_text("RECORD") is not None), None)


def wheels(folder: Path) -> list[str]:
    """Wheels of qyn1 and of all that it needs, made of what is installed here."""
    names: list[str] = []
    waiting = ["qyn1"]
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.append(name)
        distribution = installed(name)
        assert distribution is not None, name
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    made = []
    for name in names:
        path = folder / f"{name}-0-py3-none-any.whl"
        distribution = installed(name)
        assert distribution is not None
        with zipfile.ZipFile(path, "w") as archive:
            for file in distribution.files or []:
                place = Path(str(file.locate()))
                if ".." not in file.parts and place.is_file() and place.suffix != ".pyc":
                    archive.write(place, str(file))
        made.append(path.name)
    return made


def test_a_toolchain_of_an_interpreter_and_wheels(tmp_path: Path, keys: Keys) -> None:
    if installed("qyn1") is None:
        pytest.skip("qyn1 is not installed from a wheel that could be made again")
    user = Workspace(tmp_path / "user", tmp_path / "base")
    (user.root / "wheels").mkdir()
    names = wheels(user.root / "wheels")
    user.write(
        "BUILD.bazel",
        f"""\
load("@qyn1//:defs.bzl", "qyn1_package", "qyn1_site", "qyn1_toolchain")

qyn1_site(
    name = "site",
    interpreter_path = "{sys.executable}",
    wheels = {["wheels/" + name for name in names]},
)

qyn1_toolchain(
    name = "hermetic",
    interpreter_path = "{sys.base_prefix}/bin/python3",
    site = ":site",
)

qyn1_package(
    name = "package",
    srcs = ["a.py"],
    recipients = ["{keys.recipient}"],
)
""".replace("'", '"'),
    )
    user.write("a.py", "x = 1\n")
    try:
        # No installed qyn1 is there to fall back on.
        done = user.build("//:package", "--@qyn1//:toolchain=//:hermetic", environ={"QYN1": "/nowhere/qyn1"})
        assert done.ran("Qyn1Site") == ["site"]
        assert unpacked(user.output("package.qyn1"), keys.identity, tmp_path / "out") == {"a.py": b"x = 1\n"}
    finally:
        user.close()


def test_a_command_that_starts_another_is_asked_once(tmp_path: Path, keys: Keys) -> None:
    user = Workspace(tmp_path / "user", tmp_path / "base")
    load = 'load("@qyn1//:defs.bzl", "qyn1_package")\n'
    user.write("BUILD", f'{load}qyn1_package(name = "p", srcs = ["a.py"], recipients = ["{keys.recipient}"])\n')
    user.write("a.py", "x = 1\n")
    wrapper = tmp_path / "qyn1"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexec {installed_command()} "$@"\n')
    wrapper.chmod(0o755)
    try:
        user.build("//:p", environ={"QYN1": str(wrapper)})
        assert (tmp_path / "asked").read_text() == "work --describe\n"
        assert unpacked(user.output("p.qyn1"), keys.identity, tmp_path / "out") == {"a.py": b"x = 1\n"}
    finally:
        user.close()


EXAMPLES = {
    "python_service": ("service.qyn1", {"service/app.py", "service/greeting.py", "service/templates/page.html"}),
    "javascript_frontend": ("frontend.qyn1", {"src/index.js", "src/greeting.js", "src/page.css"}),
    "rust_crate": ("crate.qyn1", {"Cargo.toml", "src/lib.rs", "src/words.rs"}),
    "cpp_library": ("library.qyn1", {"include/counter.h", "src/counter.cc"}),
    "monorepo": (
        "release.qyn1",
        {"service/main.py", "core/counter.h", "core/counter.cc", "web/index.js", "tools/run.sh"},
    ),
}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_examples_build(tmp_path: Path, name: str) -> None:
    package, files = EXAMPLES[name]
    # The examples find the project three folders up; here they are elsewhere.
    shutil.copytree(PROJECT / "integrations/bazel/examples" / name, tmp_path / "user")
    text = (tmp_path / "user/WORKSPACE").read_text()
    assert 'path = "../../../.."' in text
    text = text.replace("../../../..", str(PROJECT)).replace("../../e2e/", f"{PROJECT}/integrations/bazel/e2e/")
    (tmp_path / "user/WORKSPACE").write_text(text)
    user = Workspace(tmp_path / "user", tmp_path / "base", workspace="")
    identity = tmp_path / "identity.txt"
    identity.write_bytes((PROJECT / "integrations/bazel/demonstration_identity.txt").read_bytes())
    identity.chmod(0o600)
    try:
        user.build("//...")
        found = unpacked(user.output(package), identity, tmp_path / "out")
        assert set(found) == files
        for path, content in found.items():
            if (user.root / path).exists():
                assert content == (user.root / path).read_bytes()
    finally:
        user.close()


def test_a_clone_of_this_project_seals_itself(tmp_path: Path) -> None:
    if not (PROJECT / ".git").exists():
        pytest.skip("not in a git checkout")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True, text=True
    ).stdout.split("\0")[:-1]
    clone = Workspace(tmp_path / "clone", tmp_path / "base", workspace="")
    for path in tracked:
        if (PROJECT / path).is_file():
            clone.write(path, (PROJECT / path).read_bytes())
    identity = tmp_path / "identity.txt"
    identity.write_bytes((PROJECT / "integrations/bazel/demonstration_identity.txt").read_bytes())
    identity.chmod(0o600)
    try:
        clone.build("//:qyn1_package", "--//:mode=fast")
        found = unpacked(clone.output("qyn1.qyn1"), identity, tmp_path / "out")
        sealed_elsewhere = ("integrations/bazel/examples/", "integrations/bazel/e2e/")
        expected_paths = {
            path for path in tracked if not path.startswith(sealed_elsewhere) and (PROJECT / path).is_file()
        }
        assert set(found) == expected_paths
        assert all(content == (clone.root / path).read_bytes() for path, content in found.items())
    finally:
        clone.close()
