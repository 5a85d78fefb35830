"""The sessions that make up the test command (`python3 -m nox` runs them all).

What a session needs beyond Python it installs, or says loudly that it goes without.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

nox.options.sessions = ["lint", "rust", "processors", "portable", "tests", "bazel"]
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
    "check-jsonschema>=0.29",
    "pre-commit>=3.7",
    "starlark-pyo3>=2026.1",
]
LINT_TOOLS = ["ruff==0.17.*", "types-PyYAML", "types-setuptools", "mypy>=2.4,<3", "import-linter>=2.5", "tomli"]
CLUSTERS = ["distributed", "ray"]
PACKAGES = ["qyn1_core", "qyn1_plugins", "qyn1_presets", "qyn1_setuptools"]
NATIVE = Path("native")


def _without_cargo() -> str:
    """PATH without the folders that hold a Rust toolchain."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (Path(folder) / "cargo").exists())


def _debian_packages(session: nox.Session, wanted: dict[str, str]) -> None:
    """Install the Debian packages (program: package) whose program is missing, where that is possible."""
    missing = {program: package for program, package in wanted.items() if shutil.which(program) is None}
    if missing and not _apt_install(session, sorted(set(missing.values()))):
        session.warn(f"not installed, their tests are skipped: {', '.join(sorted(missing))}")


def _apt_install(session: nox.Session, packages: list[str]) -> bool:
    """Whether apt-get could be asked for ``packages``; what came of it the caller looks at."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run("apt-get", "update", "-q", external=True, silent=True, success_codes=range(256))
    session.run(
        "apt-get", "install", "-q", "-y", "--no-install-recommends", *packages,
        env=environment, external=True, silent=True, success_codes=range(256),
    )  # fmt: skip
    return True


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


def _rustc_for(target: str, folders: str) -> str | None:
    """A compiler that has the standard library of ``target``."""
    for folder in folders.split(os.pathsep):
        rustc = shutil.which("rustc", path=folder)
        if rustc is None:
            continue
        answer = subprocess.run(
            [rustc, "--print", "target-libdir", "--target", target], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and any(Path(answer.stdout.strip()).glob("libstd-*")):
            return rustc
    return None


ARM = "aarch64-unknown-linux-gnu"


def _compiler_for_arm(session: nox.Session) -> str | None:
    folders = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/bin"
    complete = _rustc_for(ARM, folders) and Path("/usr/aarch64-linux-gnu/lib/libc.so").exists()
    if not complete and shutil.which("dpkg") and os.geteuid() == 0:
        session.run("dpkg", "--add-architecture", "arm64", external=True, success_codes=range(256))
        # Debian 12 keeps a current compiler, beside its own old one, for its browsers.
        _apt_install(session, ["rustc-web", "libstd-rust-web-dev:arm64", "libc6-dev-arm64-cross"])
    return _rustc_for(ARM, folders)


@nox.session
def processors(session: nox.Session) -> None:
    """Every codec makes the same bytes on x86-64 with and without AVX2, and on aarch64 (emulated)."""
    if shutil.which("cargo") is None:
        session.skip("no cargo on PATH: what the codecs make on other processors was not compared")
    _debian_packages(
        session,
        {"qemu-aarch64": "qemu-user", "qemu-x86_64": "qemu-user", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu"},
    )
    files = ["tests/cli/test_main_job.py", "native/crates/codec/src/mixing/model.rs", "README.md"]
    files += ["integrations/bazel/examples/javascript_frontend/src/index.js"]
    arguments = ["presets/priors", "40000", *files]
    folder = Path(session.cache_dir).resolve() / "processors"

    def encodings(build: str, *options: str, runner: Sequence[str] = (), **environment: str) -> object:
        target = folder / build
        environment["CARGO_TARGET_DIR"] = str(target)
        with session.chdir(NATIVE):
            session.run(
                "cargo", "build", "--quiet", "--release", "--locked", "-p", "qyn1-codec", "--example", "encodings",
                *options, env=environment, external=True,
            )  # fmt: skip
        place = target / (ARM if ARM in options else "") / "release/examples/encodings"
        return session.run(*runner, str(place), *arguments, external=True, silent=True)

    here = encodings("here")
    others = {}
    if shutil.which("qemu-x86_64") and platform.machine() == "x86_64":
        others["x86-64 without AVX2"] = encodings("here", runner=["qemu-x86_64", "-cpu", "Nehalem"])
        others["x86-64 compiled for AVX2"] = encodings(
            "avx2", runner=["qemu-x86_64", "-cpu", "max"], RUSTFLAGS="-C target-cpu=x86-64-v3"
        )
    compiler = _compiler_for_arm(session)
    if compiler and shutil.which("qemu-aarch64") and shutil.which("aarch64-linux-gnu-gcc"):
        others["aarch64"] = encodings(
            "arm", "--target", ARM, runner=["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
            RUSTC=compiler, CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER="aarch64-linux-gnu-gcc",
        )  # fmt: skip
    else:
        session.warn("no compiler, linker or emulator for aarch64: IT WAS NOT COMPARED")
    for name, made in others.items():
        if made != here:
            session.error(f"{name} makes other bytes than {platform.machine()}:\n{here}\n{made}")
        session.log(f"{name}: the same bytes")


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
    for cluster in CLUSTERS:
        # ray has no wheel for every system. What cannot be had is not tested.
        session.install(cluster, success_codes=range(256))
        look = f"import importlib.util; print(importlib.util.find_spec({cluster!r}) is None)"
        if str(session.run("python", "-c", look, silent=True)).strip() == "True":
            session.warn(f"{cluster} could not be installed: ITS EXECUTOR IS NOT TESTED")
    if shutil.which("cargo") is not None:
        session.run("python", "-c", "import qyn1_native", silent=True)
    session.run("pytest", "-m", "not bazel", *session.posargs)


def _starlark() -> list[str]:
    """Every Starlark file of the project."""
    folder = Path("integrations/bazel")
    found = [path for pattern in ("*.bzl", "*.bazel", "WORKSPACE") for path in folder.rglob(pattern)]
    found += Path().glob("*/BUILD.bazel")
    return ["defs.bzl", "BUILD.bazel", "MODULE.bazel", "WORKSPACE", *sorted(map(str, found))]


def _buildgrid(session: nox.Session) -> Path:
    """The folder of the command of BuildGrid, a server for remote execution, in an environment of its own."""
    folder = Path(session.cache_dir).resolve() / "buildgrid"
    if not (folder / "bin/bgd").exists():
        # The last version that needs no database server; it wants older libraries than the tests do.
        session.run(sys.executable, "-m", "venv", str(folder), external=True)
        install = [str(folder / "bin/python"), "-m", "pip", "install", "-q", "buildgrid==0.0.97"]
        session.run(*install, external=True, success_codes=range(256))
    if not (folder / "bin/bgd").exists():
        session.warn("BuildGrid could not be installed: REMOTE CACHE AND EXECUTION ARE NOT TESTED")
    return folder / "bin"


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
    path = os.pathsep.join([os.environ["PATH"], str(_buildgrid(session))])
    session.run("pytest", "-m", "bazel", "tests/bazel", *session.posargs, env={"PATH": path})


@nox.session(python=["3.10", "3.12", "3.13", "3.14"])
def versions(session: nox.Session) -> None:
    """The suite on every supported Python that is installed (not in the default run)."""
    session.install(*TEST_TOOLS, ".")
    session.run("pytest", "-m", "not bazel", *session.posargs)


if __name__ == "__main__":
    sys.exit("run `python3 -m nox`")
