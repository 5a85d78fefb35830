"""Command, sealed wheel and config settings work with every setuptools of the last three years, and some before."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from python_projects import Environment
from qyn1_core import envelope, open_package

VERSIONS = [
    pytest.param(
        "65.5.1",
        marks=pytest.mark.skipif(sys.version_info >= (3, 12), reason="this setuptools does not know Python 3.12"),
    ),
    "69.0.3",  # hangs its own options after those of --build-option
    "72.2.0",
    "77.0.3",
]

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed: no release can be had"),
]


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with that version of setuptools, from the registry."""
    root = tmp_path_factory.mktemp("releases")

    def fetch(version: str) -> Path:
        folder = root / version
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps"]
        command += ["--retries", "1", "--timeout", "10", "--target", str(folder), f"setuptools=={version}"]
        done = subprocess.run([*command, "wheel==0.45.1"], capture_output=True, text=True, timeout=180, check=False)
        if done.returncode != 0:
            pytest.skip(f"setuptools {version} WAS NOT TRIED: {done.stderr.strip().splitlines()[-1:]}")
        return folder

    return fetch


@pytest.mark.skipif(importlib.util.find_spec("build") is None, reason="build is not installed")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_release(
    environment: Environment, project: Path, key_file: Path, release: Callable[[str], Path], version: str
) -> None:
    # Before what is installed here, for files of this kind are read in the order of their names.
    (environment.packages / "before.pth").write_text(f"{release(version)}\n", encoding="utf-8")
    assert environment.check(project, "-c", "import setuptools; print(setuptools.__version__)") == f"{version}\n"
    identities = envelope.parse_identities_text(key_file.read_text(encoding="utf-8"), "key.txt")

    environment.check(project, "-m", "qyn1_setuptools", "-q", "--dist-dir", "sealed")
    with open_package(project / "sealed/my_shop-1.2.qyn1", identities) as opened:
        assert opened.read("src/shop/prices.py") == (project / "src/shop/prices.py").read_bytes()
    assert not list(project.rglob("*.egg-info"))

    done = environment.run(project, "-m", "qyn1_setuptools", "-q", "--mode", "slow")
    *warnings, line = done.stderr.splitlines()
    assert not any("Traceback" in warning for warning in warnings)
    assert (done.returncode, line.partition(":")[0]) == (1, "error")
    assert "must be one of fast, balanced, maximum, security" in line

    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('[tool.qyn1]\nseal = ["shop/"]\n')
    setting = "--build-option=qyn1 --armor --dist-dir=own bdist_wheel"
    environment.check(project, "-m", "build", "--no-isolation", "--wheel", f"--config-setting={setting}")
    (built,) = project.glob("dist/*.whl")
    with zipfile.ZipFile(built) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist()}
    assert files["shop/my_shop.qyn1"].startswith(b"-----BEGIN AGE")
    assert "shop/prices.py" not in files
    assert b"Requires-Dist: qyn1" in files["my_shop-1.2.dist-info/METADATA"]
    environment.install(project, built)
    assert environment.check(project.parent, "-m", "shop") == "total 15\n"
    environment.check(
        project, "-m", "pip", "-q", "install", "--no-build-isolation", "--no-deps", "--no-index", "-e", "."
    )
    program = "import shop.prices; print(shop.prices.__file__)"
    assert environment.check(project.parent, "-c", program) == f"{project}/src/shop/prices.py\n"
