"""What cannot be sealed is said in one line, by the command and by the build of a wheel, and nothing is left."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from python_projects import Environment

ONE_LINE = "from setuptools import setup; setup()\n"
HOOK = "import pluggy\n\n@pluggy.HookimplMarker('qyn1')\ndef qyn1_compressors():\n    return [Runs()]\n"
RUNS = (
    "import zlib\n\nclass Runs:\n    name = {name!r}\n    version = {version}\n"
    "    def unavailable(self): return None\n    def levels(self): return range(1, 2)\n"
    "    def encode(self, source, prior, level): return zlib.compress(source.data)\n"
    "    def decode(self, payload, raw_size, language, prior): return zlib.decompress(payload)\n"
    "    def train(self, packages, language): return b''\n    def memory(self, raw_size): return 0\n\n"
)
PLUGIN = "[qyn1]\nruns = stranger\n"


def unreadable(project: Path) -> None:
    (project / "src/shop/prices.py").chmod(0)


def a_pipe(project: Path) -> None:
    os.mkfifo(project / "src/shop/pipe.py")


def no_packages(project: Path) -> None:
    shutil.rmtree(project / "src")
    shutil.rmtree(project / "tests")


def no_recipients(project: Path) -> None:
    with (project / "qyn1.toml").open("a") as file:
        file.write('recipients_files = ["absent.txt"]\n')


def unknown_preset(project: Path) -> None:
    with (project / "qyn1.toml").open("a") as file:
        file.write('preset = "nonsens"\n')


def unknown_compressor(project: Path) -> None:
    with (project / "qyn1.toml").open("a") as file:
        file.write('compressors = { python = "runs" }\n')


def check(environment: Environment, project: Path, message: str, *command: str, drop: bool = False) -> None:
    """Run ``command``, as a user for whom permissions hold if ``drop``: it must fail with ``message`` alone."""
    before = {path for path in project.rglob("*") if "build" not in path.parts and "egg-info" not in str(path)}
    powers = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if drop and os.geteuid() == 0 else []
    done = subprocess.run(
        [*powers, str(environment.python), *command],
        cwd=project,
        env=environment.variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    line = done.stderr.rstrip("\n").rpartition("\n")[2]
    assert (done.returncode, line.partition(":")[0]) == (1, "error"), done.stderr
    assert message in line
    assert "Traceback" not in done.stderr
    after = {path for path in project.rglob("*") if "build" not in path.parts and "egg-info" not in str(path)}
    assert after <= before
    assert not list(project.glob("build/**/*.qyn1"))


COMMAND = ("-m", "qyn1_setuptools", "-q")
WHEEL = ("setup.py", "-q", "bdist_wheel")


@pytest.mark.skipif(os.name == "nt", reason="needs the files of POSIX")
@pytest.mark.parametrize(
    ("damage", "by_the_command", "by_the_wheel"),
    [
        pytest.param(
            unreadable,
            "src/shop/prices.py: no permission to read it; exclude it or change its mode",
            "src/shop/prices.py",
            marks=pytest.mark.skipif(
                shutil.which("setpriv") is None and hasattr(os, "geteuid") and os.geteuid() == 0,
                reason="root reads everything, and setpriv is not installed",
            ),
        ),
        (a_pipe, "src/shop/pipe.py: the distribution lists it, and it is no regular file", "src/shop/pipe.py"),
        (no_packages, "no packages or modules found", "qyn1.toml:1: tool.qyn1.seal: no packages or modules found"),
        (no_recipients, "the recipients file absent.txt does not exist", "the recipients file absent.txt"),
        (unknown_preset, "qyn1.toml:2: preset: unknown preset 'nonsens'", "qyn1.toml:2: preset: unknown preset"),
        (
            unknown_compressor,
            "qyn1.toml:2: compressors.python: no plugin provides the compressor 'runs'",
            "qyn1.toml:2: compressors.python: no plugin provides the compressor 'runs'",
        ),
    ],
)
def test_projects_that_cannot_be_sealed(
    environment: Environment,
    project: Path,
    damage: Callable[[Path], None],
    by_the_command: str,
    by_the_wheel: str,
) -> None:
    (project / "setup.py").write_text(ONE_LINE)
    (project / "qyn1.toml").write_text('seal = ["shop/"]\n')
    damage(project)
    check(environment, project, by_the_command, *COMMAND, drop=damage is unreadable)
    check(environment, project, by_the_wheel, *WHEEL, drop=damage is unreadable)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("QYN1_API_VERSION = 99\n", "the plugin stranger was written for plugin API 99, this qyn1 has"),
        (
            RUNS.format(name="store", version=1) + HOOK,
            "two plugins register the compressor 'store': qyn1 and stranger; uninstall one of them, or block it",
        ),
    ],
)
def test_plugins_in_conflict(environment: Environment, project: Path, text: str, message: str) -> None:
    environment.add_distribution("stranger", "1.0", "stranger", text, PLUGIN)
    (project / "setup.py").write_text(ONE_LINE)
    (project / "qyn1.toml").write_text('seal = ["shop/"]\n')
    check(environment, project, message, *COMMAND)
    check(environment, project, message, *WHEEL)


def test_a_plugin_that_a_sealed_wheel_needs(environment: Environment, project: Path, tmp_path: Path) -> None:
    def install(version: int) -> None:
        text = RUNS.format(name="runs", version=version) + HOOK
        environment.add_distribution("stranger", "1.0", "stranger", text, PLUGIN)

    install(version=1)
    (project / "setup.py").write_text(ONE_LINE)
    (project / "qyn1.toml").write_text('seal = ["shop/"]\ncompressors = { python = "runs" }\n')
    environment.check(project, *WHEEL)
    (built,) = project.glob("dist/*.whl")
    environment.install(project, built)
    assert environment.check(tmp_path, "-m", "shop") == "total 15\n"
    sealed = environment.packages / "shop/my_shop.qyn1"

    install(version=2)
    done = environment.run(tmp_path, "-c", "import shop")
    assert f"SealedImportError: shop is sealed in {sealed}: the package needs runs version 1, here is " in done.stderr
    (environment.packages / "stranger.py").write_text("")
    done = environment.run(tmp_path, "-c", "import shop")
    assert f"SealedImportError: shop is sealed in {sealed}: no plugin provides the compressor 'runs'" in done.stderr
