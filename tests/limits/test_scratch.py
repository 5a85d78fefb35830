"""A deterministic package larger than 16 MiB waits where `scratch` says; a place without room ends in one line."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qyn1_core import sealing
from qyn1_core.errors import Qyn1Error

SIZE = 18 << 20

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX limits and mounts")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project that does not compress, a secret, an identity, and a folder for output."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project/noise.bin").write_bytes(random.Random(7).randbytes(SIZE))
    (tmp_path / "secret").write_bytes(bytes(32))
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def small_tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A real tmpfs of 4 MiB."""
    folder = tmp_path / "tmpfs"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here: A FULL TMPFS IS NOT TESTED")
    if done.returncode:
        pytest.skip(f"only root may mount one: A FULL TMPFS IS NOT TESTED ({done.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _pack(tree: Path, *options: str | Path, before: str = "") -> subprocess.CompletedProcess[str]:
    program = f"import sys\n{before}\nfrom qyn1_core.cli import run\nsys.exit(run(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", program, "pack", tree / "project", "-o", tree / "out/p.qyn1", "--deterministic", "-q",
         "--sealing-secret-file", tree / "secret", "--mode", "fast", "--compressor", "binary=store", *options],
        env={**os.environ, "XDG_CONFIG_HOME": str(tree / "home"), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_full_tmpfs_is_one_clear_line_and_leaves_nothing(tree: Path, small_tmpfs: Path) -> None:
    done = _pack(tree, "--scratch", small_tmpfs)
    assert done.stderr == f"qyn1: scratch: {small_tmpfs}: No space left on device; name another folder with --scratch\n"
    assert done.returncode == 1
    assert list((tree / "out").iterdir()) == []
    assert list(small_tmpfs.iterdir()) == []
    assert os.statvfs(small_tmpfs).f_bfree == os.statvfs(small_tmpfs).f_blocks


def test_a_limit_on_file_sizes_is_one_clear_line(tree: Path) -> None:
    limit = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    )
    done = _pack(tree, "--scratch", tree / "out", before=limit)
    assert done.stderr == f"qyn1: scratch: {tree / 'out'}: File too large; name another folder with --scratch\n"
    assert done.returncode == 1
    assert list((tree / "out").iterdir()) == []


def test_every_place_gives_the_same_bytes(tree: Path) -> None:
    made = set()
    for scratch in ("auto", "memory", tree):
        done = _pack(tree, "--scratch", scratch, "-f")
        assert (done.returncode, done.stderr) == (0, "")
        made.add((tree / "out/p.qyn1").read_bytes())
    assert len(made) == 1
    assert len(made.pop()) > SIZE


def test_the_file_of_a_spool_has_no_name_and_holds_what_was_written(tmp_path: Path) -> None:
    with sealing._spool(str(tmp_path), SIZE) as file:
        for _ in range(SIZE >> 20):
            file.write(bytes(range(256)) * 4096)
        assert list(tmp_path.iterdir()) == []
        file.seek(0)
        assert file.read() == bytes(range(256)) * 4096 * (SIZE >> 20)


def test_memory_touches_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", None)
    with sealing._spool("memory", SIZE) as file:
        assert file.write(bytes(SIZE)) == SIZE


def test_a_folder_that_vanished_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with sealing._spool(str(folder), SIZE) as file:
        folder.rmdir()
        with pytest.raises(Qyn1Error, match=f"scratch: {folder}: No such file or directory; name another"):
            file.write(bytes(SIZE))
