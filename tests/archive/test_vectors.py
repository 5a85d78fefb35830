"""The reader agrees with vectors that were made from docs/format.md alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from qyn1_core import open_package
from qyn1_core.archive import EntryKind
from qyn1_core.errors import Qyn1Error
from qyn1_plugins.host import Host, default_host

VECTORS = Path(__file__).parents[1] / "vectors/archive"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))}


@pytest.fixture(scope="module")
def host() -> Host:
    return default_host()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["expect"] == "success"])
def test_a_sound_archive_is_read(name: str, host: Host) -> None:
    case = CASES[name]
    with open_package(io.BytesIO(bytes.fromhex(case["archive"])), host=host) as package:
        package.verify()
        entries = package.entries
        files = {
            e.path: [f"{e.mode:04o}", package.read(e.path).hex()]
            for e in entries
            if e.kind in (EntryKind.FILE, EntryKind.COPY)
        }
        assert files == case.get("files", {})
        assert {e.path: e.target for e in entries if e.kind is EntryKind.SYMLINK} == case.get("links", {})
        assert {e.path: f"{e.mode:04o}" for e in entries if e.kind is EntryKind.DIRECTORY} == case.get(
            "directories", {}
        )


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["expect"] == "refused"])
def test_an_unsound_archive_is_refused(name: str, host: Host) -> None:
    with pytest.raises(Qyn1Error) as caught:
        open_package(io.BytesIO(bytes.fromhex(CASES[name]["archive"])), host=host).verify()
    assert caught.value.exit_code == 6


def test_the_vectors_are_what_their_generator_makes(tmp_path: Path) -> None:
    (tmp_path / "generate.py").write_bytes((VECTORS / "generate.py").read_bytes())
    subprocess.run([sys.executable, tmp_path / "generate.py"], check=True)
    assert {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")} == CASES
