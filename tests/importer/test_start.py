"""A program that starts from a package waits for what opening needs, and for nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = ("numpy", "pluggy", "importlib.metadata", "importlib.resources", "platformdirs", "click", "rich", "subprocess")


@pytest.mark.native
def test_importing_brings_nothing_that_only_packing_needs(seal: Callable[..., Path], identity_file: Path) -> None:
    package = seal({"app/__init__.py": "from . import one\n", "app/one.py": "VALUE = 1\n" * 100})
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        "import qyn1_core.importer\n"
        f"qyn1_core.importer.install({str(package)!r}, identity={str(identity_file)!r})\n"
        "import app\n"
        f"print(sorted(set({HEAVY!r}) & (set(sys.modules) - before)), app.one.VALUE)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[] 1\n"
