"""The same builds by machines that share a real server: BuildGrid, for remote caching and remote execution."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import OBJECTS, Keys, fill
from .remote import server_command, serving
from .workspaces import Workspace

pytestmark = [
    pytest.mark.bazel,
    pytest.mark.skipif(
        server_command() is None,
        reason="no bgd on PATH: REMOTE CACHE AND EXECUTION ARE NOT TESTED (pip install buildgrid==0.0.97, apart)",
    ),
]


@pytest.fixture
def machines(tmp_path: Path, keys: Keys) -> Iterator[list[Workspace]]:
    """Two machines with the same sources, that share nothing."""
    made = [Workspace(tmp_path / name / "monorepo", tmp_path / name / "base") for name in ("first", "second")]
    for workspace in made:
        fill(workspace, keys)
    yield made
    for workspace in made:
        workspace.close()


def test_a_clean_machine_gets_everything_from_the_remote_cache(machines: list[Workspace], tmp_path: Path) -> None:
    first, second = machines
    with serving(tmp_path / "server", workers=0) as address:
        remote = f"--remote_cache=grpc://{address}"
        done = first.build("//:everything", remote)
        assert done.ran("Qyn1Compile") == OBJECTS
        secret = tmp_path / "sealing-secret"
        secret.write_bytes(b"0123456789abcdef" * 2)
        first.build("//:repeatable", remote, f"--@qyn1//:sealing_secret_file={secret}")
        done = second.build("//:everything", remote)
        assert done.ran("Qyn1Compile") == []
        assert done.ran("Qyn1Package") == []
        assert done.hits("Qyn1Compile") == OBJECTS
        assert done.hits("Qyn1Package") == ["everything.qyn1"]
        stored = {path.name for path in (tmp_path / "server/storage").rglob("*") if path.is_file()}
    assert second.objects() == first.objects()
    for name, shared in (("everything", True), ("repeatable", False)):
        # What was made with a secret is not given away.
        digest = hashlib.sha256(first.output(f"{name}.qyn1").read_bytes()).hexdigest()
        assert (digest[2:] in stored) == shared  # the first two digits are a folder's name
    assert second.output("everything.qyn1").read_bytes() == first.output("everything.qyn1").read_bytes()


def test_remote_workers_give_the_bytes_that_this_machine_gives(
    machines: list[Workspace], tmp_path: Path, keys: Keys
) -> None:
    first, second = machines
    first.build("//:everything")
    with serving(tmp_path / "server", workers=2) as address:
        remote = f"--remote_executor=grpc://{address}"
        done = second.build("//:everything", remote)
        kinds = [spawn for spawn in done.spawns if spawn["mnemonic"].startswith("Qyn1")]
        assert len(kinds) == len(OBJECTS) + 1
        assert {spawn["runner"] for spawn in kinds} == {"remote"}
        assert done.ran("Qyn1Compile") == OBJECTS
        assert second.objects() == first.objects()
        tested = second.call("test", "//:roundtrip_test", remote, "--test_output=errors")
        assert tested.exit_code == 0, tested.output
        assert "remote" in {spawn["runner"] for spawn in tested.spawns if spawn["mnemonic"] == "TestRunner"}
        # What needs a key stays here.
        opened = second.build("//:opened", remote, f"--@qyn1//:identity_file={keys.identity}")
        [runner] = [spawn["runner"] for spawn in opened.spawns if spawn["mnemonic"] == "Qyn1Unpack"]
        assert "remote" not in runner
        # A machine that starts now runs nothing, not even elsewhere.
        second.call("clean")
        again = second.build("//:everything", remote)
        assert [spawn["mnemonic"] for spawn in again.spawns if not spawn.get("remoteCacheHit")] == []
