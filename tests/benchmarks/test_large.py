"""Large inputs are made of real code, no two files alike, and packing again is measured on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import large


@pytest.fixture(autouse=True)
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "corpora/train/python/package"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"module{number}.py").write_text(
            f"def function{number}():\n    return {number}\n" * (1 + 20 * number)
        )
    monkeypatch.setenv("QYN1_CORPORA", str(tmp_path / "corpora"))


def test_a_tree_has_so_many_files_and_no_two_alike(tmp_path: Path) -> None:
    size = large.make_tree(tmp_path / "tree", 8, largest=1000)
    files = [path for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    contents = {path.read_bytes() for path in files}
    assert len(files) == len(contents) == 8
    assert sum(map(len, contents)) == size
    assert max(map(len, contents)) <= 1000 + len("# 3\n")


def test_a_file_has_at_least_so_many_bytes(tmp_path: Path) -> None:
    large.make_file(tmp_path / "one.py", 5000)
    assert 5000 <= (tmp_path / "one.py").stat().st_size < 8000


def test_memory_and_packing_again_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # what the command changes goes back
    monkeypatch.setattr(large, "ROUNDS", 1)
    large.make_tree(tmp_path / "tree", 4)
    large.main(["repack", str(tmp_path / "tree"), "--mode", "fast"])
    large.main(["memory", str(tmp_path / "tree"), "--mode", "fast"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "tree fast cold", "tree fast unchanged", "tree fast one file changed", "tree fast pack", "tree fast unpack",
    ]  # fmt: skip
    assert all("s CPU" in line for line in lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpora", "tree"]
