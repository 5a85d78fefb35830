"""``setup.py qyn1`` packs what the sdist would hold, and says what is wrong in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from python_projects import Environment
from qyn1_core import envelope, open_package
from qyn1_core.errors import KeyUnavailable

SOURCES = {
    "src/shop/__init__.py",
    "src/shop/__main__.py",
    "src/shop/data/list.json",
    "src/shop/goods/__init__.py",
    "src/shop/goods/apple.py",
    "src/shop/prices.py",
}
ONE_LINE = "from setuptools import setup; setup()\n"


def listed(package: Path, key_file: Path) -> set[str]:
    identities = envelope.parse_identities_text(key_file.read_text(encoding="utf-8"), "key.txt")
    with open_package(package, identities) as opened:
        return {entry.path for entry in opened.entries}


def contents(package: Path, key_file: Path) -> dict[str, bytes]:
    identities = envelope.parse_identities_text(key_file.read_text(encoding="utf-8"), "key.txt")
    with open_package(package, identities) as opened:
        return {entry.path: opened.read(entry.path) for entry in opened.entries}


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", ["pyproject.toml", "one line", "setup.cfg", "setup.py"])
def test_every_way_to_configure_a_project(environment: Environment, project: Path, key_file: Path, kind: str) -> None:
    extra = {"README.md", "pyproject.toml"}
    if kind == "setup.cfg":
        (project / "pyproject.toml").unlink()
        (project / "setup.cfg").write_text(
            "[metadata]\nname = my-shop\nversion = 1.2\n"
            "[options]\npackage_dir =\n    =src\npackages = find:\n[options.packages.find]\nwhere = src\n"
            "[options.package_data]\nshop = data/*.json\n"
        )
        extra = {"README.md", "setup.cfg", "setup.py"}
    if kind == "setup.py":
        (project / "pyproject.toml").unlink()
        (project / "setup.py").write_text(
            "from setuptools import find_packages, setup\n"
            "setup(name='my-shop', version='1.2', package_dir={'': 'src'}, packages=find_packages('src'),\n"
            "      package_data={'shop': ['data/*.json']})\n"
        )
        extra = {"README.md", "setup.py"}
    if kind == "pyproject.toml":
        environment.check(project, "-m", "qyn1_setuptools")
    else:
        if kind != "setup.py":
            (project / "setup.py").write_text(ONE_LINE)
            extra.add("setup.py")
        environment.check(project, "setup.py", "qyn1")
    (package,) = (project / "dist").iterdir()
    assert package.name == "my_shop-1.2.qyn1"
    assert listed(package, key_file) == SOURCES | extra
    assert contents(package, key_file)["src/shop/prices.py"] == (project / "src/shop/prices.py").read_bytes()
    assert not list(project.rglob("*.egg-info"))


def test_modules_manifest_template_and_settings(environment: Environment, tmp_path: Path, key_file: Path) -> None:
    project = tmp_path / "flat"
    (project / "docs").mkdir(parents=True)
    (project / "dist").mkdir()
    (project / "dist" / "old.qyn1").write_bytes(b"old")
    for name in ("single.py", "other.py", "docs/guide.txt", "docs/draft.txt", "notes.txt", "conftest.py"):
        (project / name).write_text("1\n")
    (project / "MANIFEST.in").write_text("graft docs\ngraft dist\n")
    (project / "setup.py").write_text(
        "from setuptools import setup; setup(name='flat', version='1', py_modules=['single'])"
    )
    (project / "qyn1.toml").write_text('exclude = ["draft.txt"]\ninclude = ["notes.txt"]\n')
    environment.check(project, "setup.py", "qyn1", "--dist-dir", "out")
    assert listed(project / "out" / "flat-1.qyn1", key_file) == {
        "MANIFEST.in",
        "docs/guide.txt",
        "notes.txt",
        "setup.py",
        "single.py",
        "dist/old.qyn1",
    }
    environment.check(project, "setup.py", "qyn1")
    assert "dist/old.qyn1" not in listed(project / "dist" / "flat-1.qyn1", key_file)


def test_what_bazel_built_is_no_source(environment: Environment, project: Path, key_file: Path, tmp_path: Path) -> None:
    built = tmp_path / "base" / "execroot" / "_main" / "bazel-out"
    built.mkdir(parents=True)
    (built / "generated.py").write_text("1\n")
    for name in ("WORKSPACE", "MANIFEST.in"):
        (project / name).write_text("graft .\n")
    (project / "bazel-out").symlink_to(built)
    environment.check(project, "-m", "qyn1_setuptools")
    (package,) = (project / "dist").iterdir()
    paths = listed(package, key_file)
    assert "WORKSPACE" in paths
    assert not any(path.startswith("bazel-out") for path in paths)


def test_tests_go_in_when_asked_for(environment: Environment, project: Path, key_file: Path) -> None:
    environment.check(project, "-m", "qyn1_setuptools", "--include-tests")
    (package,) = (project / "dist").iterdir()
    assert listed(package, key_file) == SOURCES | {"README.md", "pyproject.toml", "tests/test_shop.py"}


def test_a_dry_run_leaves_no_trace(environment: Environment, project: Path, tmp_path: Path) -> None:
    before = tree(tmp_path / "project")
    out = environment.check(project, "-m", "qyn1_setuptools", "--dry-run", QYN1_IDENTITY_FILE=str(tmp_path / "none"))
    assert "would pack 8 files" in out
    assert tree(project) == before
    assert not (tmp_path / "none").exists()


def test_quiet(environment: Environment, project: Path) -> None:
    assert environment.check(project, "-m", "qyn1_setuptools", "-q") == ""
    (project / "setup.py").write_text(ONE_LINE)
    assert "sealed" not in environment.check(project, "setup.py", "qyn1", "-q")
    assert "sealed 9 files" in environment.check(project, "setup.py", "qyn1")


def test_equal_input_gives_equal_bytes(environment: Environment, project: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 32)
    arguments = ("-m", "qyn1_setuptools", "--deterministic", "--sealing-secret-file", str(tmp_path / "secret"))
    environment.check(project, *arguments, "--dist-dir", "one")
    (project / "src/shop/prices.py").touch()
    environment.check(project, *arguments, "--dist-dir", "two")
    assert (project / "one/my_shop-1.2.qyn1").read_bytes() == (project / "two/my_shop-1.2.qyn1").read_bytes()


def test_recipients_of_the_command_line(
    environment: Environment, project: Path, tmp_path: Path, key_file: Path
) -> None:
    other = envelope.generate_identity()
    environment.check(project, "-m", "qyn1_setuptools", "--recipient", str(other.to_recipient()), "--mode", "balanced")
    with pytest.raises(KeyUnavailable):
        listed(project / "dist/my_shop-1.2.qyn1", key_file)
    (tmp_path / "team.txt").write_text(f"{other.to_recipient()}\n")
    environment.check(project, "-m", "qyn1_setuptools", "--recipients-file", str(tmp_path / "team.txt"))
    with open_package(project / "dist/my_shop-1.2.qyn1", [other]) as opened:
        assert "README.md" in opened


def test_help(environment: Environment, project: Path) -> None:
    (project / "setup.py").write_text(ONE_LINE)
    text = environment.check(project, "setup.py", "qyn1", "--help")
    for option in ("--mode", "--preset", "--recipient (-r)", "--recipients-file", "--deterministic", "--include-tests",
                   "--dist-dir (-d)", "--dry-run (-n)"):  # fmt: skip
        assert option in text
    assert "seal the project's source code" in environment.check(project, "setup.py", "--help-commands")


def test_a_build_seals_too_when_the_manifest_says_so(environment: Environment, project: Path, key_file: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write("[tool.qyn1]\nbuild = true\n")
    (project / "setup.py").write_text(ONE_LINE)
    environment.check(project, "setup.py", "build")
    assert listed(project / "dist/my_shop-1.2.qyn1", key_file) >= SOURCES
    assert (project / "build/lib/shop/prices.py").is_file()


@pytest.mark.parametrize(
    ("manifest", "arguments", "message"),
    [
        ("", ("--preset", "nonsens"), "unknown preset 'nonsens'"),
        ("", ("--mode", "slow"), "must be one of fast, balanced, maximum, security"),
        ("", ("--recipients-file", "absent.txt"), "absent.txt"),
        ("", ("--recipient", "age1nonsense"), "age1nonsense"),
        ("", ("--deterministic",), "--sealing-secret-file"),
        ("", ("--passphrase-file", "absent.txt"), "absent.txt does not exist"),
        (
            '[tool.qyn1]\nmod = "fast"\n',
            (),
            "pyproject.toml:10: tool.qyn1.mod: unknown key 'mod'; did you mean 'mode'?",
        ),
        (
            '[tool.qyn1]\ncompressors = { python = "absent" }\n',
            (),
            "pyproject.toml:10: compressors.python: no plugin provides the compressor 'absent'",
        ),
        ("", ("--executor", "absent"), "command line: executor: no plugin provides the executor 'absent'"),
        ("", ("--cipher", "opensl"), "command line: cipher: no plugin provides the cipher 'opensl'; did you mean"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    environment: Environment, project: Path, manifest: str, arguments: tuple[str, ...], message: str
) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write(manifest)
    done = environment.run(project, "-m", "qyn1_setuptools", "-q", *arguments)
    assert done.returncode == 1
    *warnings, line = done.stderr.splitlines()  # an older setuptools has things of its own to say
    assert not any("Traceback" in warning or "qyn1" in warning for warning in warnings)
    assert line.startswith("error")
    assert message in line
    assert not (project / "dist").exists()


def test_no_packages_and_no_project(environment: Environment, tmp_path: Path) -> None:
    project = tmp_path / "empty"
    project.mkdir()
    done = environment.run(project, "-m", "qyn1_setuptools")
    assert (done.returncode, "run this in a project's folder" in done.stderr) == (1, True)
    (project / "setup.cfg").write_text("[metadata]\nname = empty\nversion = 1\n")
    done = environment.run(project, "-m", "qyn1_setuptools", "-q")
    assert (done.returncode, "no packages or modules found" in done.stderr) == (1, True)
    (project / "setup.cfg").write_text("[options]\npy_modules = one, two\n")
    for name in ("one.py", "two.py"):
        (project / name).write_text("")
    done = environment.run(project, "-m", "qyn1_setuptools", "-q")
    assert (done.returncode, "the project has no name" in done.stderr) == (1, True)
