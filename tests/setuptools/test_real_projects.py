"""Projects from the registry: sealed, compared with their sdist, installed sealed, and tested in that form."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from python_projects import Environment
from qyn1_core import envelope, unpack
from trees import listing

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed: no sdist can be fetched"),
]


@dataclass(frozen=True)
class Real:
    """``tests`` is what to run of its own tests, relative to the sdist; ``imports`` a module that needs the key."""

    requirement: str
    seal: str
    imports: str
    tests: str | None
    plain: tuple[str, ...] = ()


PROJECTS = [
    Real("six==1.17.0", "six.py", "six", "test_six.py"),  # a single module
    Real("markupsafe==3.0.2", "markupsafe/", "markupsafe", "tests"),  # src layout, extension module, pyproject.toml
    Real("certifi==2024.12.14", "certifi/", "certifi", None, ("certifi/cacert.pem",)),  # data files
    Real("zc.lockfile==3.0.post1", "zc/", "zc.lockfile", None),  # a namespace package
]


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdists")
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--retries", "1"]
    command += ["--timeout", "10", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", str(folder)]
    done = subprocess.run(
        [*command, *(real.requirement for real in PROJECTS)], capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"NO REAL PROJECT WAS TRIED: the registry gave none: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def unpacked(downloads: Path, real: Real, target: Path) -> Path:
    name = real.requirement.partition("==")[0].replace(".", "[._]")
    (archive,) = downloads.glob(f"{name}-*.tar.gz")
    with tarfile.open(archive) as file:
        if sys.version_info >= (3, 11, 4):
            file.extractall(target, filter="data")
        else:
            file.extractall(target)
    (folder,) = target.iterdir()
    return folder


@pytest.mark.parametrize("real", PROJECTS, ids=lambda real: str(real.requirement))
def test_a_real_project(environment: Environment, downloads: Path, real: Real, tmp_path: Path, key_file: Path) -> None:
    project = unpacked(downloads, real, tmp_path / "sdist")
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[tool.qyn1]\nseal = ["{real.seal}"]\npermissions = "exact"\n')
    before = listing(project)

    # The package holds what the sdist does, byte for byte.
    command = ("setup.py", "-q", "qyn1") if (project / "setup.py").exists() else ("-m", "qyn1_setuptools", "-q")
    environment.check(project, *command, "--include-tests")
    (package,) = project.glob("dist/*.qyn1")
    unpack(package, tmp_path / "out", envelope.parse_identities_text(key_file.read_text(encoding="utf-8"), "key.txt"))
    after = listing(tmp_path / "out")
    assert {path: before[path] for path in after} == after
    missing = {path for path in before.keys() - after.keys() if "egg-info/" not in path}
    assert missing <= {"PKG-INFO", "pyproject.toml"}

    # The sealed wheel works where there is a key, and only there.
    pip = ("-m", "pip", "--quiet", "wheel", "--no-build-isolation", "--no-deps", "--no-index")
    environment.check(project, *pip, "-w", str(tmp_path / "wheels"), ".")
    (built,) = (tmp_path / "wheels").iterdir()
    environment.install(tmp_path, built)
    for plain in real.plain:
        assert (environment.packages / plain).is_file()
    program = f"import {real.imports} as m; print(type(m.__spec__.loader).__name__)"
    assert environment.check(tmp_path, "-c", program) == "SealedLoader\n"
    done = environment.run(tmp_path, "-c", program, QYN1_IDENTITY_FILE=str(tmp_path / "absent"))
    assert "SealedImportError" in done.stderr
    if real.tests is not None:
        elsewhere = tmp_path / "elsewhere" / Path(real.tests).name
        if (project / real.tests).is_dir():
            shutil.copytree(project / real.tests, elsewhere)
        else:
            elsewhere.parent.mkdir()
            shutil.copyfile(project / real.tests, elsewhere)
        environment.check(elsewhere.parent, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(elsewhere))
