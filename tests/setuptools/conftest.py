"""Projects of strangers, in environments of their own that see the packages under test."""

from __future__ import annotations

import os
import sys
import venv
from pathlib import Path

import pytest

from python_projects import Environment, write
from qyn1_core import envelope

_PYTHONPATH = os.environ.get("PYTHONPATH", "").split(os.pathsep)
OUTER = [
    path
    for path in dict.fromkeys([*_PYTHONPATH, *sys.path])
    if Path(path).name in ("site-packages", "dist-packages") or (path and path in _PYTHONPATH)
]  # what is installed here, and neither the checkout nor the tests

OURS = ("build", "command", "errors", "files", "hatch", "selection", "wheel")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "key.txt"
    path.parent.mkdir(mode=0o700)
    path.write_text(envelope.identity_file_text(envelope.generate_identity()), encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def environment(tmp_path: Path, key_file: Path) -> Environment:
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("QYN1_") and name != "PYTHONPATH"
    }
    variables.update(
        QYN1_IDENTITY_FILE=str(key_file),
        QYN1_MODE="fast",
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PYTHONWARNINGS=",".join(f"error::DeprecationWarning:qyn1_setuptools.{name}" for name in OURS),
    )
    if "QYN1_NATIVE" in os.environ:
        variables["QYN1_NATIVE"] = os.environ["QYN1_NATIVE"]
    environment = Environment(folder, variables)
    (environment.packages / "outer.pth").write_text("".join(f"{path}\n" for path in OUTER), encoding="utf-8")
    return environment


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in the src layout with a package, data and tests, configured by its ``pyproject.toml`` alone."""
    return write(
        tmp_path / "project",
        {
            "pyproject.toml": (
                '[build-system]\nrequires = ["setuptools", "qyn1"]\nbuild-backend = "setuptools.build_meta"\n'
                '[project]\nname = "my-shop"\nversion = "1.2"\n'
                '[tool.setuptools.package-data]\nshop = ["data/*.json"]\n'
            ),
            "README.md": "# Shop\n",
            "src/shop/__init__.py": "from . import prices\nfrom .goods import apple\n\nTOTAL = prices.of(apple.NAME)\n",
            "src/shop/__main__.py": "import shop\n\nprint('total', shop.TOTAL)\n",
            "src/shop/prices.py": "SECRET_RATE = 3\n\n\ndef of(name):\n    return SECRET_RATE * len(name)\n",
            "src/shop/goods/__init__.py": "",
            "src/shop/goods/apple.py": "NAME = 'apple'\n",
            "src/shop/data/list.json": "{}\n",
            "tests/test_shop.py": "def test_nothing(): pass\n",
        },
    )
