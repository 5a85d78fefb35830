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
    """``imports`` is a module that needs the key, ``plain`` what lies beside the sealed package.

    ``run`` are the arguments with which Python runs its own tests, in a folder with nothing but ``tests``,
    which is relative to the sdist; where there is none, the tests are sealed like everything else.
    """

    requirement: str
    seal: str
    imports: str
    run: tuple[str, ...]
    tests: str | None = None
    plain: tuple[str, ...] = ()


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
EVERY_TEST = (
    "import pkgutil, sys, unittest, {0} as package\n"
    "names = [m.name for m in pkgutil.walk_packages(package.__path__, '{0}.') if '.test_' in m.name]\n"
    "names = [name for name in names if not name.endswith({2})]\n"
    "assert len(names) > {1}, names\n"
    "suite = unittest.defaultTestLoader.loadTestsFromNames(names)\n"
    "sys.exit(not unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful())\n"
)
PROJECTS = [
    Real("six==1.17.0", "six.py", "six", (*PYTEST, "test_six.py"), "test_six.py"),  # a single module
    Real("cachetools==5.5.0", "cachetools/", "cachetools", (*PYTEST, "tests"), "tests"),  # src layout
    Real("zope.event==6.0", "zope/", "zope.event", ("-m", "unittest", "-q", "zope.event.tests")),  # a namespace package
    # An older kind of namespace package, with an extension module; test_ro wants zope.testing, test_io its own source,
    # and test_numbers that no numpy is loaded, which decodes where the native extension is not.
    Real(
        "zope.interface==7.2",
        "zope/",
        "zope.interface",
        ("-c", EVERY_TEST.format("zope.interface", 15, (".test_io", ".test_ro", ".test_numbers"))),
        plain=("zope/interface/_zope_interface_coptimizations*",),
    ),
    Real("markupsafe==3.0.2", "markupsafe/", "markupsafe", (*PYTEST, "tests"), "tests", ("markupsafe/_speedups*",)),
    Real(
        "simplejson==3.19.3",
        "simplejson/",
        "simplejson",
        ("-c", EVERY_TEST.format("simplejson", 10, ())),
        plain=("simplejson/_speedups*",),
    ),
    Real("certifi==2024.12.14", "certifi/", "certifi", ("-m", "certifi"), plain=("certifi/cacert.pem",)),  # data files
    Real(
        "tzdata==2024.2",
        "tzdata/",
        "tzdata.zoneinfo.Europe",
        ("-c", "import zoneinfo; assert zoneinfo.ZoneInfo('Europe/Berlin').key == 'Europe/Berlin'"),
        plain=("tzdata/zoneinfo/Europe/Berlin",),
    ),
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


def add_requirement(manifest: Path) -> None:
    """Do what the documentation tells a project to do first."""
    text = manifest.read_text(encoding="utf-8") if manifest.exists() else ""
    if "[build-system]" not in text:
        text += '[build-system]\nrequires = ["setuptools"]\n'
    manifest.write_text(text.replace("requires = [", 'requires = ["qyn1", ', 1), encoding="utf-8")


@pytest.mark.parametrize("real", PROJECTS, ids=lambda real: str(real.requirement))
def test_a_real_project(environment: Environment, downloads: Path, real: Real, tmp_path: Path, key_file: Path) -> None:
    project = unpacked(downloads, real, tmp_path / "sdist")
    add_requirement(project / "pyproject.toml")
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
    build = ("-m", "build", "--no-isolation", "--skip-dependency-check")
    environment.check(project, *build, "--outdir", str(tmp_path / "wheels"))
    (built,) = (tmp_path / "wheels").glob("*.whl")
    environment.install(tmp_path, built)
    for plain in real.plain:
        assert any(path.is_file() for path in environment.packages.glob(plain))
    program = f"import {real.imports} as m; print(type(m.__spec__.loader).__name__)"
    assert environment.check(tmp_path, "-c", program) == "SealedLoader\n"
    done = environment.run(tmp_path, "-c", program, QYN1_IDENTITY_FILE=str(tmp_path / "absent"))
    assert "SealedImportError" in done.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if real.tests is not None and (project / real.tests).is_dir():
        shutil.copytree(project / real.tests, elsewhere / real.tests)
    elif real.tests is not None:
        shutil.copyfile(project / real.tests, elsewhere / real.tests)
    environment.check(elsewhere, *real.run, PYTHONTZPATH="")
