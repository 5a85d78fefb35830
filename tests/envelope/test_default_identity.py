"""The default identity: made once, private from its first moment, and refused when it is not."""

from __future__ import annotations

import os
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import pytest

from qyn1_core import envelope
from qyn1_plugins.errors import KeyUnavailable, PermissionDenied
from qyn1_plugins.keys.file import FileKeys

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


def test_the_variable_names_it_and_xdg_comes_next(tmp_path: Path) -> None:
    named = envelope.default_identity_path({"QYN1_IDENTITY_FILE": str(tmp_path / "mine.txt"), "XDG_CONFIG_HOME": "/x"})
    assert named == tmp_path / "mine.txt"
    if sys.platform != "win32":
        assert envelope.default_identity_path({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "qyn1" / "keys.txt"
    assert envelope.default_identity_path({"XDG_CONFIG_HOME": "relative"}).is_absolute()
    assert envelope.default_identity_path({}).name == "keys.txt"


def test_the_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    expected = platformdirs.user_config_path("qyn1", appauthor=False) / "keys.txt"
    assert envelope.default_identity_path({}) == expected


def ensure(folder: Path) -> tuple[Path, bool]:
    """With ``folder`` for the user's configuration."""
    return envelope.ensure_default_identity({"XDG_CONFIG_HOME": str(folder)})


def read(path: Path) -> list[envelope.KeyPair]:
    return list(envelope.parse_identities_text(FileKeys().read(str(path))))


def test_it_is_made_on_first_use_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "config" / "qyn1" / "keys.txt"
    assert ensure(tmp_path / "config") == (path, True)
    text = path.read_text("utf-8")
    assert ensure(tmp_path / "config") == (path, False)
    assert path.read_text("utf-8") == text
    [identity] = read(path)
    assert str(identity.to_recipient()) in text
    assert [each.name for each in path.parent.iterdir()] == ["keys.txt"]


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_its_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        path, _ = ensure(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o622])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path, _ = ensure(tmp_path)
    path.chmod(mode)
    with pytest.raises(KeyUnavailable, match=f"mode {mode:04o}.*chmod 600"):
        read(path)


@posix
@pytest.mark.parametrize("first_use", [True, False])
def test_a_folder_that_others_can_reach_is_refused(tmp_path: Path, first_use: bool) -> None:
    folder = tmp_path / "qyn1"
    if first_use:
        folder.mkdir()
    else:
        ensure(tmp_path)
    folder.chmod(0o755)
    before = sorted(folder.iterdir())
    with pytest.raises(KeyUnavailable, match=r"mode 0755.*chmod go-rwx"):
        ensure(tmp_path)
    assert sorted(folder.iterdir()) == before


@posix
def test_a_named_file_may_be_in_a_folder_that_others_can_read_but_not_write(tmp_path: Path) -> None:
    named = {"QYN1_IDENTITY_FILE": str(tmp_path / "open" / "mine.txt")}
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    path, made = envelope.ensure_default_identity(named)
    assert made
    assert len(read(path)) == 1
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(KeyUnavailable, match="mode 0777"):
        envelope.ensure_default_identity(named)


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    with pytest.raises(PermissionDenied, match="QYN1_IDENTITY_FILE"):
        ensure(blocker)


def test_of_many_threads_one_makes_it(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def make() -> bool:
        start.wait()
        return ensure(tmp_path)[1]

    with ThreadPoolExecutor(8) as executor:
        made = [future.result() for future in [executor.submit(make) for _ in range(8)]]
    assert sorted(made) == [False] * 7 + [True]
    assert len(read(tmp_path / "qyn1" / "keys.txt")) == 1
    assert [each.name for each in (tmp_path / "qyn1").iterdir()] == ["keys.txt"]
