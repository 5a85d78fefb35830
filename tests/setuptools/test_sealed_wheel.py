"""Wheels carry the modules that ``seal`` names in one package, and they import as if nothing had happened."""

from __future__ import annotations

import importlib.util
import io
import sys
import zipfile
from pathlib import Path

import pytest

from python_projects import Environment, write
from qyn1_core import envelope, open_package

SEAL_ALL = '[tool.qyn1]\nseal = ["shop/"]\n'
ONE_LINE = "from setuptools import setup; setup()\n"


def add(project: Path, text: str) -> None:
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def wheel(environment: Environment, project: Path, *arguments: str, **variables: str) -> Path:
    """The wheel that ``setup.py bdist_wheel`` builds."""
    if not (project / "setup.py").exists():
        (project / "setup.py").write_text(ONE_LINE, encoding="utf-8")
    for old in project.glob("dist/*.whl"):
        old.unlink()
    environment.check(project, "setup.py", "-q", *arguments, "bdist_wheel", **variables)
    (built,) = project.glob("dist/*.whl")
    return built


def members(built: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(built) as archive:
        return {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}


def test_a_whole_package(environment: Environment, project: Path, tmp_path: Path) -> None:
    add(project, SEAL_ALL)
    built = wheel(environment, project)
    files = members(built)
    assert set(files) == {"shop/__init__.py", "shop/my_shop.qyn1", "shop/data/list.json"}
    assert not any(b"SECRET_RATE" in content for content in files.values())
    assert b"Requires-Dist: qyn1" in b"".join(zipfile.ZipFile(built).read(n) for n in zipfile.ZipFile(built).namelist())
    environment.install(project, built)
    assert environment.check(tmp_path, "-m", "shop") == "total 15\n"
    program = (
        "import importlib, importlib.resources, os, pkgutil, shop.goods.apple\n"
        "print(importlib.resources.files('shop').joinpath('data/list.json').read_text().strip())\n"
        "print(open(os.path.join(os.path.dirname(shop.prices.__file__), 'data', 'list.json')).read().strip())\n"
        "print(pkgutil.get_data('shop', 'data/list.json'))\n"
        "print(sorted(m.name for m in pkgutil.walk_packages(shop.__path__, 'shop.')))\n"
        "print(importlib.reload(shop).TOTAL)\n"
    )
    assert environment.check(tmp_path, "-c", program).splitlines() == [
        "{}",
        "{}",
        "b'{}\\n'",
        "['shop.__main__', 'shop.goods', 'shop.goods.apple', 'shop.prices']",
        "15",
    ]
    done = environment.run(tmp_path, "-c", "import shop", QYN1_IDENTITY_FILE=str(tmp_path / "absent"))
    assert done.returncode == 1
    assert "SealedImportError: shop is sealed in" in done.stderr
    done = environment.run(tmp_path, "-c", "import shop.prices as p; p.of(None)")
    assert "SECRET_RATE" not in done.stderr
    assert "prices.py" in done.stderr


def test_some_modules(environment: Environment, project: Path, tmp_path: Path) -> None:
    add(project, '[tool.qyn1]\nseal = ["shop/*", "!shop/__init__.py", "!shop/__main__.py"]\n')
    built = wheel(environment, project)
    files = members(built)
    # `shop` itself is plain, so what hangs on it needs stubs; `shop.goods` is sealed, and so is all below it.
    assert set(files) == {
        "shop/__init__.py",
        "shop/__main__.py",
        "shop/prices.py",
        "shop/goods/__init__.py",
        "shop/my_shop.qyn1",
        "shop/data/list.json",
    }
    assert files["shop/__init__.py"] == (project / "src/shop/__init__.py").read_bytes()
    assert not any(b"SECRET_RATE" in content for content in files.values())
    environment.install(project, built)
    assert environment.check(tmp_path, "-m", "shop") == "total 15\n"


def test_modules_and_namespace_packages(environment: Environment, tmp_path: Path) -> None:
    project = write(
        tmp_path / "two",
        {
            "pyproject.toml": '[tool.qyn1]\nseal = ["single.py", "space/"]\n',
            "setup.py": (
                "from setuptools import setup\n"
                "setup(name='two', version='1', py_modules=['single'], packages=['space.inner'],"
                " install_requires=['qyn1'])\n"
            ),
            "single.py": '"""About."""\nimport sys\nHERE = sys.modules[__name__]\nSECRET = 1\n',
            "space/inner/__init__.py": "from .deep import SECRET\n",
            "space/inner/deep.py": "SECRET = 2\n",
        },
    )
    built = wheel(environment, project)
    files = members(built)
    assert set(files) == {"single.py", "space/inner/__init__.py", "two.qyn1"}
    environment.install(project, built)
    (environment.packages / "space/other").mkdir()
    (environment.packages / "space/other/__init__.py").write_text("PLAIN = 3\n")
    program = (
        "import single, space.inner.deep, space.other\n"
        "print(single.__doc__, single.HERE is single, single.SECRET, space.inner.SECRET, space.other.PLAIN)\n"
        "print(sorted(name for name in vars(single) if not name.startswith('__')))\n"
    )
    assert environment.check(tmp_path, "-c", program) == "About. True 1 2 3\n['HERE', 'SECRET', 'sys']\n"


def test_the_module_that_declares_a_namespace_stays(environment: Environment, tmp_path: Path) -> None:
    declaration = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    project = write(
        tmp_path / "portion",
        {
            "qyn1.toml": 'seal = ["joint/"]\n',
            "setup.py": (
                "from setuptools import setup\nsetup(name='portion', version='1', packages=['joint', 'joint.one'])\n"
            ),
            "joint/__init__.py": declaration,
            "joint/one/__init__.py": "from .two import X\n",
            "joint/one/two.py": "X = 1\n",
        },
    )
    files = members(wheel(environment, project))
    assert set(files) == {"joint/__init__.py", "joint/one/__init__.py", "joint/one/portion.qyn1"}
    assert files["joint/__init__.py"] == declaration.encode()


def test_building_again(environment: Environment, project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    add(project, SEAL_ALL)
    first = members(wheel(environment, project))
    (project / "src/shop/prices.py").write_text("def of(name):\n    return 7\n")
    (project / "src/shop/goods/apple.py").unlink()
    (project / "src/shop/goods/apple.py").write_text("NAME = 'pear'\n")
    second_wheel = wheel(environment, project)
    assert set(members(second_wheel)) == set(first)
    environment.install(project, second_wheel)
    assert environment.check(project.parent, "-m", "shop") == "total 7\n"
    (project / "pyproject.toml").write_text(text)
    plain = members(wheel(environment, project))
    assert plain["shop/prices.py"] == (project / "src/shop/prices.py").read_bytes()
    assert "shop/my_shop.qyn1" not in plain


def test_what_a_projects_own_command_writes_is_sealed_too(environment: Environment, project: Path) -> None:
    add(project, '[tool.qyn1]\nseal = ["shop/made.py", "shop/prices.py"]\n')
    (project / "setup.py").write_text(
        "import pathlib\n"
        "from setuptools import setup\n"
        "from setuptools.command.build_py import build_py\n"
        "class own(build_py):\n"
        "    def run(self):\n"
        "        super().run()\n"
        "        pathlib.Path(self.build_lib, 'shop', 'made.py').write_text('MADE = 4\\n')\n"
        "setup(cmdclass={'build_py': own})\n"
    )
    for _ in range(2):
        built = wheel(environment, project)
        environment.install(project, built)
        program = "import shop.made; print(shop.made.MADE, shop.TOTAL)"
        assert environment.check(project.parent, "-c", program) == "4 15\n"
        assert b"MADE" not in members(built)["shop/made.py"]


def test_options_of_the_command_reach_the_wheel(environment: Environment, project: Path, tmp_path: Path) -> None:
    add(project, SEAL_ALL)
    (tmp_path / "phrase").write_text("correct horse\n")
    built = wheel(environment, project, "qyn1", "--passphrase-file", str(tmp_path / "phrase"))
    environment.install(project, built)
    done = environment.run(tmp_path, "-c", "import shop")
    assert "SealedImportError" in done.stderr


@pytest.mark.native
def test_modules_are_fast_and_compiled_unless_the_project_has_it_otherwise(
    environment: Environment, project: Path, key_file: Path
) -> None:
    identities = envelope.parse_identities_text(key_file.read_text(encoding="utf-8"), "key.txt")

    def made() -> tuple[str, bool]:
        """What compressed the modules, and whether they are compiled."""
        built = wheel(environment, project, QYN1_MODE="")
        with zipfile.ZipFile(built) as archive, archive.open("shop/my_shop.qyn1") as sealed:
            source = io.BytesIO(sealed.read())
        with open_package(source, identities) as opened:
            methods = {method.language: method.compressor for method in opened.reader.directory.methods}
            return methods["python"], f"shop/__pycache__/prices.{sys.implementation.cache_tag}.pyc" in opened

    add(project, SEAL_ALL)
    assert made() == ("chunked-rans", True)
    add(project, 'mode = "balanced"\ncompile = false\n')
    assert made() == ("morpheme", False)


def test_a_pattern_that_names_nothing_is_refused(environment: Environment, project: Path) -> None:
    add(project, '[tool.qyn1]\nseal = ["shop/", "src/shop/prices.py"]\n')
    (project / "setup.py").write_text(ONE_LINE)
    done = environment.run(project, "setup.py", "-q", "bdist_wheel")
    assert done.returncode == 1
    assert "pyproject.toml:10: tool.qyn1.seal: 'src/shop/prices.py' names no module of the wheel" in done.stderr
    assert not list(project.glob("dist/*.whl"))


def test_projects_that_do_not_ask_are_left_alone(environment: Environment, project: Path, tmp_path: Path) -> None:
    manifest = project / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace(', "qyn1"', ""))
    built = wheel(environment, project, QYN1_IDENTITY_FILE=str(tmp_path / "absent"))
    assert members(built)["shop/prices.py"] == (project / "src/shop/prices.py").read_bytes()
    assert not (tmp_path / "absent").exists()
    program = (
        "import sys, qyn1_setuptools as q\nq.finalize_distribution_options(None)\n"
        "print([name for name in sys.modules if name.startswith(('qyn1_core', 'numpy'))])\n"
    )
    assert environment.check(project, "-c", program) == "[]\n"


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        importlib.util.find_spec(module) is None, reason=f"{module} is not installed: its front end was not tried"
    )


@pytest.mark.interop
@needs("pip")
def test_pip_wheel_and_editable_installs(environment: Environment, project: Path, tmp_path: Path) -> None:
    add(project, SEAL_ALL + "build = true\n")
    pip = ("-m", "pip", "--quiet")
    offline = ("--no-build-isolation", "--no-deps", "--no-index")
    environment.check(project, *pip, "wheel", *offline, "-w", str(tmp_path / "wheels"), ".")
    (built,) = (tmp_path / "wheels").iterdir()
    assert set(members(built)) == {"shop/__init__.py", "shop/my_shop.qyn1", "shop/data/list.json"}
    environment.check(project, *pip, "install", *offline, "--editable", ".")
    program = "import shop.prices; print(shop.prices.__file__, shop.TOTAL)"
    assert environment.check(tmp_path, "-c", program) == f"{project}/src/shop/prices.py 15\n"
    assert not list(project.glob("src/**/*.qyn1"))


@pytest.mark.interop
@needs("build")
def test_python_m_build(environment: Environment, project: Path) -> None:
    add(project, SEAL_ALL)
    setting = f"--build-option=qyn1 --dist-dir={project / 'own'} --armor bdist_wheel"
    environment.check(project, "-m", "build", "--no-isolation", f"--config-setting={setting}")
    (built,) = project.glob("dist/*.whl")
    assert set(members(built)) == {"shop/__init__.py", "shop/my_shop.qyn1", "shop/data/list.json"}
    assert (project / "own" / "my_shop-1.2.qyn1").read_bytes().startswith(b"-----BEGIN AGE")
    assert members(built)["shop/my_shop.qyn1"].startswith(b"-----BEGIN AGE")
    assert list(project.glob("dist/*.tar.gz"))


@pytest.mark.interop
@needs("hatchling")
def test_hatchling(environment: Environment, project: Path, tmp_path: Path, key_file: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling", "qyn1"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "my-shop"\nversion = "1.2"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["src/shop"]\n'
        "[tool.hatch.build.targets.wheel.hooks.qyn1]\n"
        '[tool.qyn1]\nseal = ["shop/*", "!shop/__main__.py", "!shop/__init__.py"]\n'
    )
    environment.check(project, "-m", "hatchling", "build", "-t", "wheel", "-t", "qyn1")
    (built,) = project.glob("dist/*.whl")
    files = members(built)
    assert set(files) == {
        "shop/__init__.py",
        "shop/__main__.py",
        "shop/prices.py",
        "shop/goods/__init__.py",
        "shop/my_shop.qyn1",
        "shop/data/list.json",
    }
    assert not any(b"SECRET_RATE" in content for content in files.values())
    environment.install(project, built)
    assert environment.check(tmp_path, "-m", "shop") == "total 15\n"
    identities = envelope.parse_identities_text(key_file.read_text(encoding="utf-8"), "key.txt")
    with open_package(project / "dist/my_shop-1.2.qyn1", identities) as opened:
        assert opened.read("src/shop/prices.py") == (project / "src/shop/prices.py").read_bytes()
    add(project, 'mod = "fast"\n')
    done = environment.run(project, "-m", "hatchling", "build", "-t", "wheel")
    assert (done.returncode, "error: pyproject.toml:12: tool.qyn1.mod" in done.stderr) == (1, True)
