"""The default identity: made once, private from its first moment, and refused when it is not."""

from __future__ import annotations

import multiprocessing
import os
import stat
import sys
from pathlib import Path

import pytest

from qyn1_core import envelope
from qyn1_core.envelope.default_identity import read_default_identity
from qyn1_plugins.errors import KeyUnavailable, PermissionDenied

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


def test_the_variable_names_it_and_xdg_comes_next(tmp_path: Path) -> None:
    named = envelope.default_identity_path({"QYN1_IDENTITY_FILE": str(tmp_path / "mine.txt"), "XDG_CONFIG_HOME": "/x"})
    assert named == tmp_path / "mine.txt"
    if sys.platform != "win32":
        assert envelope.default_identity_path({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "qyn1" / "keys.txt"
    assert envelope.default_identity_path({"XDG_CONFIG_HOME": "relative"}).is_absolute()
    assert envelope.default_identity_path({}).name == "keys.txt"


def test_it_is_made_on_first_use_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "config" / "qyn1" / "keys.txt"
    assert envelope.ensure_default_identity(path) == (path, True)
    text = path.read_text("utf-8")
    assert envelope.ensure_default_identity(path) == (path, False)
    assert path.read_text("utf-8") == text
    [identity] = read_default_identity(path)
    assert str(identity.to_recipient()) in text
    assert [each.name for each in path.parent.iterdir()] == ["keys.txt"]


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_its_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "qyn1" / "keys.txt"
    before = os.umask(mask)
    try:
        envelope.ensure_default_identity(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o622])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "qyn1" / "keys.txt"
    envelope.ensure_default_identity(path)
    path.chmod(mode)
    with pytest.raises(KeyUnavailable, match=f"mode {mode:04o}.*chmod 600"):
        read_default_identity(path)


@posix
def test_a_folder_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "qyn1"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(KeyUnavailable, match=r"mode 0755.*chmod 700"):
        envelope.ensure_default_identity(folder / "keys.txt")
    assert list(folder.iterdir()) == []


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    with pytest.raises(PermissionDenied, match="QYN1_IDENTITY_FILE"):
        envelope.ensure_default_identity(blocker / "qyn1" / "keys.txt")


def test_a_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="does not exist"):
        read_default_identity(tmp_path / "keys.txt")


def _make(path: Path, start: object, results: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    results.put(envelope.ensure_default_identity(path)[1])  # type: ignore[attr-defined]


def test_of_many_processes_one_makes_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "qyn1" / "keys.txt"
    start, results = context.Event(), context.Queue()
    workers = [context.Process(target=_make, args=(path, start, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    start.set()
    made = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    results.close()
    results.join_thread()
    assert sorted(made) == [False, False, False, True]
    assert len(read_default_identity(path)) == 1
    assert [each.name for each in path.parent.iterdir()] == ["keys.txt"]
