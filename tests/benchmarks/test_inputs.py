"""What is measured is the same bytes on every machine."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.inputs import Project, SourceFile, concatenation, interleaved, small_files, source_files, tar_of


def files(count: int, size: int = 2000, prefix: str = "f") -> tuple[SourceFile, ...]:
    return tuple(SourceFile(f"{prefix}{number:04}", bytes([number % 251]) * size) for number in range(count))


def test_only_files_of_the_language_come_sorted_by_path(tmp_path: Path) -> None:
    for name in ("z.py", "a/é.py", "a.txt", "a.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = source_files(tmp_path, "python", lambda path, head: "python" if path.endswith(".py") else "text")
    assert [file.path for file in found] == ["a.py", "a/é.py", "z.py"]
    assert concatenation(found) == "a.pya/é.pyz.py".encode()


def test_a_tar_holds_the_files_and_no_trace_of_the_machine() -> None:
    chosen = files(3)
    archive = tar_of(chosen)
    assert archive == tar_of(chosen)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [file.path for file in chosen]
        assert {(member.mtime, member.uid, member.gid, member.uname, member.mode) for member in members} == {
            (0, 0, 0, "", 0o644)
        }


def test_small_files_come_evenly_from_all_projects_of_the_language() -> None:
    one, two = (
        Project("one", "rust", files(300)),
        Project("two", "rust", files(60) + files(60, size=30_000, prefix="g")),
    )
    other = Project("other", "python", files(100))
    chosen = small_files([one, other, two], "rust")
    assert len(chosen) == 60
    assert sum(file.path.startswith("one/") for file in chosen) == 50
    assert all(len(file.data) == 2000 for file in chosen)
    assert len(small_files([Project("few", "rust", files(7))], "rust")) == 7


@given(st.lists(st.integers(0, 40), max_size=5), st.integers(0, 100_000))
def test_interleaving_takes_from_every_package_each_file_once_and_keeps_the_limit(
    counts: list[int], limit: int
) -> None:
    packages = [files(count, size=1000, prefix=f"p{number}-") for number, count in enumerate(counts)]
    taken = interleaved(packages, limit)
    assert sum(len(file.data) for file in taken) <= limit
    assert len({file.path for file in taken}) == len(taken) == min(limit // 1000, sum(counts))
    if taken:
        heads = [file.path.split("-")[0] for file in taken[: sum(count > 0 for count in counts)]]
        assert len(set(heads)) == len(heads)
