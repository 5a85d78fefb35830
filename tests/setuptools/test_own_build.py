"""The build of qyn1 itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_nothing_of_an_earlier_build_is_installed(tmp_path: Path) -> None:
    """As `pip install .` does in a folder that has a ``build`` of an older commit."""
    stale = ("qyn1_presets/priors/older.qprior", "qyn1_core/removed.py", "qyn1_native.abi3.so")
    for name in (*stale, "other/kept.py"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, timeout=120)
    built = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert built.isdisjoint(stale)
    priors = {path.name for path in (PROJECT / "presets/priors").glob("*.qprior")}
    assert {Path(name).name for name in built if name.endswith(".qprior")} == priors
    assert {"qyn1_core/linking.py", "other/kept.py"} <= built
