"""A stranger's distribution adds a frontend, a compressor, a cipher and a key scheme by one entry point."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the example plugin is installed, by pip, from a copy of its folder."""
    root = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, root / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", root / "site", root / "source"], check=True, capture_output=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return {**kept, "PYTHONPATH": str(root / "site"), "HOME": str(root), "XDG_CONFIG_HOME": str(root / "config")}


def run(environment: dict[str, str], *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "qyn1_core", *arguments], env=environment, capture_output=True, check=False
    )
    assert done.returncode == code, done.stderr.decode()
    return done


def test_its_own_conformance_tests_pass(installed: dict[str, str], tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    shutil.copytree(EXAMPLE / "tests", tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests],
        env=installed,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    assert b"3 passed" in done.stdout


def test_all_four_are_listed(installed: dict[str, str]) -> None:
    listed = json.loads(run(installed, "plugins", "--json").stdout)["plugins"]
    ours = {(p["family"], p["name"], p["distribution_version"]) for p in listed if p["distribution"] == "qyn1-example"}
    assert ours == {
        ("frontend", "ini", "1.0.0"),
        ("compressor", "runs", "1.0.0"),
        ("cipher", "hazmat", "1.0.0"),
        ("key scheme", "shelf", "1.0.0"),
    }


def test_a_package_made_with_all_three(installed: dict[str, str], tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.ini").write_bytes(b"[a]\n" + b";" * 5000 + b"\nkey = 1\n")
    (project / "qyn1.toml").write_text('cipher = "hazmat"\n[compressors]\nini = "runs"\n')
    report = json.loads(run(installed, "pack", project, "-o", tmp_path / "p.qyn1", "--json").stdout)
    assert report["languages"]["ini"]["blocks"] == 1
    assert "runs" in report["compressors"]
    run(installed, "unpack", tmp_path / "p.qyn1", "-C", tmp_path / "out")
    assert (tmp_path / "out/app.ini").read_bytes() == (project / "app.ini").read_bytes()

    without = {**installed, "QYN1_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert b"runs" in run(without, "inspect", tmp_path / "p.qyn1").stdout
    refused = run(without, "unpack", tmp_path / "p.qyn1", "-C", tmp_path / "none", code=7)
    assert b"runs" in refused.stderr
    assert not (tmp_path / "none").exists()


def test_imports_with_its_key_scheme(installed: dict[str, str], tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir(mode=0o700)
    run(installed, "keygen", "-o", shelf / "team.txt")
    project = tmp_path / "project"
    project.mkdir()
    (project / "work.py").write_text("def double(x):\n    return 2 * x\n")
    (project / "__main__.py").write_text(
        "import multiprocessing, work\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(work.double, [1, 2]))\n"
    )
    environment = {**installed, "KEY_SHELF": str(shelf)}
    own = {**installed, "QYN1_IDENTITY_FILE": str(shelf / "team.txt")}
    run(own, "pack", project, "-o", tmp_path / "app.qyn1")

    def start(*program: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *program], env={**environment, **variables}, capture_output=True, text=True, check=False
        )

    package = str(tmp_path / "app.qyn1")
    done = start("-m", "qyn1_core.run", "-i", "shelf:team", package)
    assert (done.stdout, done.stderr, done.returncode) == ("[2, 4]\n", "", 0)
    program = f"import qyn1_core.importer as i; i.install({package!r}, identity='shelf:team'); import work; print(work)"
    assert "app.qyn1/work.py" in start("-c", program).stdout

    for reference, variables, message in (
        ("shelf:other", {}, f"the key file {shelf}/other.txt does not exist"),
        ("shelf:team", {"KEY_SHELF": ""}, "the key scheme 'shelf' is not available here: set KEY_SHELF"),
        ("shef:team", {}, "the key file shef:team does not exist, and no plugin provides the key scheme 'shef'"),
    ):
        done = start("-m", "qyn1_core.run", "-i", reference, package, **variables)
        assert (done.stdout, done.stderr.count("\n")) == ("", 1)
        assert message in done.stderr
