"""A program that starts from a package waits for what opening needs, and for nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = (
    "numpy", "pluggy", "click", "rich", "platformdirs", "dataclasses", "hashlib", "inspect", "importlib.metadata",
    "importlib.resources", "importlib.util", "json", "logging", "pathlib", "subprocess", "tempfile", "zipfile",
)  # fmt: skip
OWN = 45
"""Most modules of qyn1 that opening a package may load; each one costs a quarter of a millisecond."""


@pytest.mark.native
@pytest.mark.parametrize("named", [True, False])
def test_importing_brings_nothing_that_only_packing_needs(
    seal: Callable[..., Path], identity_file: Path, named: bool
) -> None:
    package = seal({"app/__init__.py": "from . import one\n", "app/one.py": "VALUE = 1\n" * 100}, compile=True)
    identity = f", identity={str(identity_file)!r}" if named else ""  # else the one of the environment
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        "import qyn1_core.importer\n"
        f"qyn1_core.importer.install({str(package)!r}{identity})\n"
        "import app\n"
        "new = set(sys.modules) - before\n"
        f"print(sorted(set({HEAVY!r}) & new), len([name for name in new if name.startswith('qyn1')]) <= {OWN}, "
        "app.one.VALUE)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True 1\n"
