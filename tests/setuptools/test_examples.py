"""The examples for other build tools do what they say, as far as this machine has the tool."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from python_projects import Environment
from qyn1_core import envelope, open_package

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
PRE_COMMIT = EXAMPLES / "pre-commit/.pre-commit-config.yaml"
WORKFLOW = EXAMPLES / "github-action/seal.yml"


@pytest.fixture
def variables(environment: Environment, tmp_path: Path) -> Mapping[str, str]:
    """An environment with the command ``qyn1`` on its PATH."""
    program = tmp_path / "bin" / "qyn1"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec {environment.python} -c 'from qyn1_core.cli import main; main()' \"$@\"\n")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**environment.variables, "PATH": path, "NO_COLOR": "1"}


def run(folder: Path, variables: Mapping[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=300, check=False
    )


def copy(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("target", "build")))


def listed(package: Path, key_file: Path) -> set[str]:
    identities = envelope.parse_identities_text(key_file.read_text(encoding="utf-8"), "key.txt")
    with open_package(package, identities) as opened:
        return {entry.path for entry in opened.entries}


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed: not tried")


posix = pytest.mark.skipif(os.name == "nt", reason="runs a shell")


@posix
def test_the_npm_script(variables: Mapping[str, str], tmp_path: Path, key_file: Path) -> None:
    project = copy("npm", tmp_path)
    script = json.loads((project / "package.json").read_text())["scripts"]["seal"]
    done = run(project, variables, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert listed(project / "qyn1-example.qyn1", key_file) == {"README.md", "index.js", "package.json"}


@posix
@pytest.mark.interop
@needs("npm")
def test_npm_runs_the_script(variables: Mapping[str, str], tmp_path: Path, key_file: Path) -> None:
    project = copy("npm", tmp_path)
    (project / "node_modules" / "left").mkdir(parents=True)
    (project / "node_modules" / "left" / "index.js").write_text("x")
    for _ in range(2):
        done = run(project, variables, "npm", "run", "--silent", "seal")
        assert done.returncode == 0, done.stderr
    assert listed(project / "qyn1-example.qyn1", key_file) == {"README.md", "index.js", "package.json"}


@posix
@pytest.mark.interop
@needs("cargo")
def test_cargo_seal(variables: Mapping[str, str], tmp_path: Path, key_file: Path) -> None:
    project = copy("cargo", tmp_path)
    done = run(project, {**variables, "CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": str(project / "target")},
               "cargo", "seal")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {"Cargo.toml", "src/lib.rs", "xtask/src/main.rs"} <= listed(project / "qyn1-example.qyn1", key_file)
    assert not any(path.startswith("target/") for path in listed(project / "qyn1-example.qyn1", key_file))


@posix
@pytest.mark.interop
@needs("cmake")
def test_cmake_seals_when_something_changed(variables: Mapping[str, str], tmp_path: Path, key_file: Path) -> None:
    project = copy("cmake", tmp_path)
    package = project / "build" / "qyn1_example-1.0.0.qyn1"
    done = run(project, variables, "cmake", "-S", ".", "-B", "build")
    assert done.returncode == 0, done.stderr
    times = []
    for change in (False, False, True):
        if change:
            (project / "src" / "total.c").write_text("int changed;\n")
        done = run(project, variables, "cmake", "--build", "build")
        assert done.returncode == 0, done.stderr
        times.append(package.stat().st_mtime_ns)
    assert times[0] == times[1] < times[2]
    assert {"CMakeLists.txt", "qyn1.toml", "src/total.c", "include/total.h"} <= listed(package, key_file)


def yaml(path: Path) -> Any:
    return pytest.importorskip("yaml", reason="PyYAML is not installed: hooks and actions were not read") and (
        import_module("yaml").safe_load(path.read_text(encoding="utf-8"))
    )


@posix
def test_the_pre_commit_hook_refuses_settings_that_cannot_be_used(variables: Mapping[str, str], tmp_path: Path) -> None:
    (hook,) = yaml(ROOT / ".pre-commit-hooks.yaml")
    (repository,) = yaml(PRE_COMMIT)["repos"]
    (example,) = repository["hooks"]
    assert {name: example[name] for name in hook if name != "description"} == {
        name: value for name, value in hook.items() if name != "description"
    }
    assert example["additional_dependencies"] == ["qyn1"]
    assert re.search(hook["files"], "pyproject.toml")
    assert not re.search(hook["files"], "docs/pyproject.toml")
    (tmp_path / "project").mkdir()
    manifest = tmp_path / "project" / "pyproject.toml"
    for text, code, message in (
        ("[tool.qyn1]\n", 0, ""),
        ("[tool.qyn1]\nmod = 1\n", 2, "pyproject.toml:2: tool.qyn1.mod"),
    ):
        manifest.write_text(text)
        done = run(tmp_path / "project", variables, *hook["entry"].split())
        assert done.returncode == code
        assert message in done.stderr


@posix
@needs("bash")
def test_the_action_seals(variables: Mapping[str, str], tmp_path: Path) -> None:
    action = yaml(ROOT / "action.yml")
    install, seal = action["runs"]["steps"]
    assert "${{" not in install["run"] + seal["run"]  # inputs come as variables only
    given = {**{name: entry["default"] for name, entry in action["inputs"].items()}, "project": "my project"}
    identities = [envelope.generate_identity() for _ in range(2)]
    given["recipients"] = "".join(f"{identity.to_recipient()}\n" for identity in identities)
    environment = {
        name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: given[match[1]], value)
        for name, value in seal["env"].items()
    }
    (tmp_path / "my project").mkdir()
    (tmp_path / "my project" / "a.py").write_text("A = 1\n")
    output = tmp_path / "outputs"
    done = run(tmp_path, {**variables, **environment, "GITHUB_OUTPUT": str(output)}, "bash", "-c", seal["run"])
    assert done.returncode == 0, done.stderr
    assert output.read_text() == "package=my project.qyn1\n"
    for identity in identities:
        with open_package(tmp_path / "my project.qyn1", [identity]) as opened:
            assert opened.read("a.py") == b"A = 1\n"
    workflow = yaml(WORKFLOW)
    used = next(step for step in workflow["jobs"]["seal"]["steps"] if step["uses"].startswith("OWNER/qyn1@"))
    assert set(used["with"]) <= set(action["inputs"])


@pytest.mark.interop
@pytest.mark.parametrize(
    ("module", "arguments", "file"),
    [
        ("check_jsonschema", ("--builtin-schema", "vendor.github-actions"), ROOT / "action.yml"),
        ("check_jsonschema", ("--builtin-schema", "vendor.github-workflows"), WORKFLOW),
        ("pre_commit", ("validate-manifest",), ROOT / ".pre-commit-hooks.yaml"),
        ("pre_commit", ("validate-config",), PRE_COMMIT),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_files_for_services_keep_to_their_schemas(module: str, arguments: tuple[str, ...], file: Path) -> None:
    pytest.importorskip(module, reason=f"{module} is not installed: {file.name} was not held against its schema")
    done = subprocess.run([sys.executable, "-m", module, *arguments, str(file)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_example_is_explained() -> None:
    for folder in ("npm", "cargo", "cmake", "pre-commit", "github-action"):
        assert (EXAMPLES / folder / "README.md").read_text(encoding="utf-8").startswith("# ")
