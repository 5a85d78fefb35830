"""The sessions that make up the test command (`python3 -m nox` runs them all).

What a session needs beyond Python it installs, or says loudly that it goes without.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "rust", "portable", "tests", "bazel"]
nox.options.error_on_missing_interpreters = False
nox.needs_version = ">=2024.4.15"

TEST_TOOLS = [
    "pytest>=8",
    "pathspec>=0.12",
    "tomlkit>=0.12",
    "hypothesis>=6.100",
    "pexpect>=4.9",
    "setuptools-rust>=1.10",
    "setuptools>=77",
    "build>=1.2",
    "hatchling>=1.25",
    "pyyaml>=6",
    "jsonschema>=4.20",
]
LINT_TOOLS = ["ruff==0.17.*", "types-setuptools", "mypy>=2.4,<3", "import-linter>=2.5", "tomli"]
PACKAGES = ["qyn1_core", "qyn1_plugins", "qyn1_presets", "qyn1_setuptools"]
NATIVE = Path("native")


def _without_cargo() -> str:
    """PATH without the folders that hold a Rust toolchain."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "cargo").exists())


def _debian_packages(session: nox.Session, wanted: dict[str, str]) -> None:
    """Install the Debian packages (program: package) whose program is missing, where that is possible."""
    missing = {program: package for program, package in wanted.items() if shutil.which(program) is None}
    if not missing:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        session.warn(f"not installed, their tests are skipped: {', '.join(sorted(missing))}")
        return
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "update", "-q", external=True, silent=True, success_codes=range(256))
    session.run(
        "apt-get", "install", "-q", "-y", "--no-install-recommends", *sorted(set(missing.values())),
        env=environment, external=True, silent=True, success_codes=range(256),
    )  # fmt: skip


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, architecture; rustfmt and clippy where Rust is installed."""
    session.install(*LINT_TOOLS, *TEST_TOOLS, "nox", "build", ".[libsodium,keyring]", env={"PATH": _without_cargo()})
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    for package in PACKAGES:
        # Installed packages are checked: that is where the names of integrations and presets are right.
        session.run("mypy", "-p", package)
    session.run("mypy", "noxfile.py", "tests", "benchmarks")
    session.run("lint-imports")
    if shutil.which("cargo") is None:
        session.warn("no cargo on PATH: rustfmt and clippy were not run")
        return
    with session.chdir(NATIVE):
        session.run("cargo", "fmt", "--all", "--check", external=True)
        session.run("cargo", "clippy", "--all-targets", "--locked", "--", "-D", "warnings", external=True)


@nox.session
def rust(session: nox.Session) -> None:
    """The codec crate's own tests."""
    if shutil.which("cargo") is None:
        session.skip("no cargo on PATH: the Rust crate was not tested")
    with session.chdir(NATIVE):
        session.run("cargo", "test", "--release", "--locked", "-p", "qyn1-codec", external=True)


@nox.session
def portable(session: nox.Session) -> None:
    """The whole suite as it is without a Rust toolchain."""
    session.install(*TEST_TOOLS, ".", env={"PATH": _without_cargo()})
    session.run("pytest", "-m", "not corpus and not bazel", *session.posargs, env={"QYN1_NATIVE": "0"})


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite, native where Rust is installed, with the real tools of others."""
    _debian_packages(session, {"age": "age", "minisign": "minisign"})
    session.install(*TEST_TOOLS, ".[libsodium,keyring]")
    if shutil.which("cargo") is not None:
        session.run("python", "-c", "import qyn1_native", silent=True)
    session.run("pytest", "-m", "not bazel", *session.posargs)


def _starlark() -> list[str]:
    """Every Starlark file of the project."""
    folder = Path("integrations/bazel")
    found = [path for pattern in ("*.bzl", "*.bazel", "WORKSPACE") for path in folder.rglob(pattern)]
    return ["defs.bzl", "BUILD.bazel", "MODULE.bazel", "WORKSPACE", *sorted(map(str, found))]


@nox.session
def bazel(session: nox.Session) -> None:
    """The rules for Bazel, with a real Bazel: Debian's where none is installed and one can be."""
    _debian_packages(session, {"bazel": "bazel-bootstrap"})
    if shutil.which("npm") is not None:
        folder = Path(session.cache_dir) / "buildifier"
        install = ["npm", "install", "--silent", "--prefix", str(folder), "@bazel/buildifier@8"]
        session.run(*install, external=True, silent=True, success_codes=range(256))
        buildifier = folder / "node_modules/.bin/buildifier"
        if buildifier.exists():
            session.run(str(buildifier), "-mode=check", "-lint=warn", *_starlark(), external=True)
        else:
            session.warn("npm could not install buildifier: the Starlark was not linted")
    else:
        session.warn("no npm on PATH: the Starlark was not linted")
    if shutil.which("bazel") is None:
        session.skip("no bazel on PATH, and none could be installed: THE RULES FOR BAZEL WERE NOT TESTED")
    session.install(*TEST_TOOLS, ".")
    session.run("pytest", "-m", "bazel", "tests/bazel", *session.posargs)


@nox.session(python=["3.10", "3.12", "3.13", "3.14"])
def versions(session: nox.Session) -> None:
    """The suite on every supported Python that is installed (not in the default run)."""
    session.install(*TEST_TOOLS, ".")
    session.run("pytest", "-m", "not bazel", *session.posargs)


if __name__ == "__main__":
    sys.exit("run `python3 -m nox`")
