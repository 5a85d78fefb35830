"""What the cache promises: the same bytes, little work after a small change, nothing readable, nothing trusted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core import PackReport, Sealing, cli, pack, resolve
from qyn1_core import plan as planning
from qyn1_core.cache import SealedStore, cache_key, cache_key_path, make_cache_folder
from qyn1_core.errors import ConfigError, KeyUnavailable, SourceError
from qyn1_core.file_index import FileIndex, Known
from qyn1_core.plan import make_plan, read_block
from qyn1_core.plan_tables import Material, Materials
from qyn1_core.project import ProjectEntry, discover
from qyn1_plugins.frontends.python import PythonFrontend
from qyn1_plugins.host import default_host

HOST = default_host()
KEY = bytes(range(32))


pytestmark = pytest.mark.usefixtures("own_configuration")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for number in range(50):
        folder = root / f"package{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"def function_{number}_{i}(argument):\n    return argument + {number * i}\n" for i in range(number % 9 * 2)
        ]
        (folder / f"module{number}.py").write_text("# A module of secret_plans.\n" + "".join(lines))
    (root / "large.py").write_text("".join(f"value_{i} = {i * i}\n" for i in range(500)))
    (root / "copy.py").write_bytes((root / "large.py").read_bytes())
    (root / "empty.py").write_bytes(b"")
    return root


def packed(project: Path, output: Path, cache: Path | None = None, **settings: str | int) -> tuple[bytes, PackReport]:
    values: dict[str, object] = {"mode": "fast", "block_size": 4096, "workers": 1, **settings}
    if cache is not None:
        values["cache"] = str(cache)
    priors = resolve(project, command_line=values, environ={}, host=HOST)
    report = pack(project, output, Sealing.open(), priors=priors, host=HOST, force=True)
    return output.read_bytes(), report


@pytest.mark.parametrize("settings", [{}, {"mode": "security"}, {"fidelity": "canonical"}, {"workers": 3}])
def test_cold_and_warm_and_without_a_cache_give_the_same_bytes(
    project: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    plain, _ = packed(project, tmp_path / "a", **settings)
    cold, first = packed(project, tmp_path / "b", tmp_path / "cache", **settings)
    warm, second = packed(project, tmp_path / "c", tmp_path / "cache", **settings)
    assert plain == cold == warm
    assert second.cached_blocks == second.blocks > 5
    assert first.cached_blocks < first.blocks


def test_a_change_costs_the_blocks_around_it(project: Path, tmp_path: Path) -> None:
    packed(project, tmp_path / "a", tmp_path / "cache")
    (project / "package3/module10.py").write_text("changed = True\n" * 7)
    edited, report = packed(project, tmp_path / "b", tmp_path / "cache")
    assert 0 < report.blocks - report.cached_blocks <= 2
    assert edited == packed(project, tmp_path / "c")[0]
    (project / "package5/new.py").write_text("new = True\n" * 40)
    (project / "package1/module1.py").unlink()
    moved, report = packed(project, tmp_path / "d", tmp_path / "cache")
    assert report.cached_blocks >= report.blocks // 2
    assert moved == packed(project, tmp_path / "e")[0]


def test_nothing_in_the_cache_can_be_read(project: Path, tmp_path: Path) -> None:
    packed(project, tmp_path / "a", tmp_path / "cache")
    entries = [entry for entry in (tmp_path / "cache").iterdir() if entry.name != "CACHEDIR.TAG"]
    assert len(entries) > 5
    archive = (tmp_path / "a").read_bytes()
    for entry in entries:
        content = entry.read_bytes()
        assert entry.stat().st_mode & 0o777 == 0o600
        assert b"secret_plans" not in content
        assert b"module" not in content
        assert content[-200:-150] not in archive  # nor are the compressed blocks there as they are
    assert cache_key_path().stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_every_write_is_sealed_with_a_key_of_its_own(tmp_path: Path) -> None:
    store = SealedStore(tmp_path, KEY, HOST.cipher(), limit=1 << 20)
    seen = set()
    for _ in range(3):
        store.put(store.name(b"x"), b"the same content")
        seen.add((tmp_path / store.name(b"x")).read_bytes())
    assert len(seen) == 3
    assert store.get(store.name(b"x")) == b"the same content"


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "swap", "junk"])
def test_damage_is_found_and_made_good(project: Path, tmp_path: Path, damage: str) -> None:
    plain, _ = packed(project, tmp_path / "a", tmp_path / "cache")
    entries = sorted(entry for entry in (tmp_path / "cache").iterdir() if entry.name != "CACHEDIR.TAG")
    for entry, other in zip(entries[::2], entries[1::2], strict=False):
        content = entry.read_bytes()
        entry.write_bytes(
            {
                "flip": content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
                "truncate": content[: len(content) // 2],
                "empty": b"",
                "swap": other.read_bytes(),
                "junk": os.urandom(300),
            }[damage]
        )
    again, report = packed(project, tmp_path / "b", tmp_path / "cache")
    assert again == plain
    assert any("damaged cache entries" in note for note in report.notes)
    healed, report = packed(project, tmp_path / "c", tmp_path / "cache")
    assert healed == plain
    assert report.cached_blocks == report.blocks
    assert not report.notes


def test_another_key_finds_nothing(tmp_path: Path) -> None:
    store = SealedStore(tmp_path, KEY, HOST.cipher(), limit=1 << 20)
    store.put(store.name(b"x"), b"content")
    other = SealedStore(tmp_path, KEY[::-1], HOST.cipher(), limit=1 << 20)
    assert other.get(other.name(b"x")) is None
    assert other.get(store.name(b"x")) is None


def test_many_writers_at_once(project: Path, tmp_path: Path) -> None:
    plain, _ = packed(project, tmp_path / "plain")
    results: list[bytes] = []

    def run(number: int) -> None:
        results.append(packed(project, tmp_path / f"out{number}", tmp_path / "cache")[0])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [plain] * 4
    assert not [entry for entry in (tmp_path / "cache").iterdir() if entry.name.endswith(".tmp")]


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    limit = 1 << 20
    store = SealedStore(tmp_path, KEY, HOST.cipher(), limit=limit)
    names = [store.name(bytes([number])) for number in range(12)]
    for age, name in enumerate(names):
        store.put(name, bytes(100_000))
        os.utime(tmp_path / name, (1_000_000 + age, 1_000_000 + age))
    assert store.get(names[0]) is not None  # the oldest, but used now
    store.trim()
    kept = {entry.name for entry in tmp_path.iterdir()}
    assert sum(entry.stat().st_size for entry in tmp_path.iterdir()) <= limit
    assert names[0] in kept
    assert names[1] not in kept
    assert set(names[-7:]) <= kept


def test_what_a_crash_left_is_no_entry_and_goes_in_the_end(tmp_path: Path) -> None:
    abandoned, fresh = tmp_path / ".qyn1-0123456789abcdef.tmp", tmp_path / ".qyn1-1123456789abcdef.tmp"
    abandoned.write_bytes(b"half an entry")
    fresh.write_bytes(b"somebody is writing this")
    os.utime(abandoned, (time.time() - 86400,) * 2)
    store = SealedStore(tmp_path, KEY, HOST.cipher(), limit=1 << 20)
    store.put(store.name(b"x"), b"content")
    store.trim()
    assert not abandoned.exists()
    assert fresh.exists()


def test_a_cache_that_cannot_be_written_costs_a_note_and_not_the_package(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = packed(project, tmp_path / "a")
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if self.parent == tmp_path / "cache":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    again, report = packed(project, tmp_path / "b", tmp_path / "cache")
    assert again == plain
    assert report.notes == ["the cache could not be written: No space left on device; the package is complete"]
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == ["CACHEDIR.TAG"]


def test_the_cache_is_not_packed(project: Path, tmp_path: Path) -> None:
    _, first = packed(project, tmp_path / "a", project / ".cache")
    _, second = packed(project, tmp_path / "b", project / ".cache")
    assert first.files == second.files


def test_bad_places_are_refused_in_one_line(
    project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    command = ["pack", str(project), "-o", str(tmp_path / "p.qyn1"), "--no-encrypt", "-q", "--mode", "fast"]
    assert cli.run([*command, "--cache", str(tmp_path / "file")]) == 2
    said = capfd.readouterr().err
    assert said == f"qyn1: command line: cache: {tmp_path / 'file'} is not a folder; name another one\n"
    assert cli.run([*command, "--cache", str(tmp_path / "cache")]) == 0
    cache_key_path().chmod(0o644)
    assert cli.run([*command, "-f", "--cache", str(tmp_path / "cache")]) == 5
    assert capfd.readouterr().err == (
        f"qyn1: others can read the cache key {cache_key_path()}; run: chmod 600 {cache_key_path()}\n"
    )
    monkeypatch.setenv("QYN1_CACHE_KEY_FILE", str(tmp_path / "short"))
    (tmp_path / "short").write_text("abc\n")
    (tmp_path / "short").chmod(0o600)
    with pytest.raises(KeyUnavailable, match="holds no cache key"):
        cache_key()
    with pytest.raises(ConfigError):
        make_cache_folder(tmp_path / "file/below")


# -- files that need not be read -----------------------------------------------------


def _later() -> int:
    return time.time_ns() + 60 * 10**9


def _index(project: Path, content: bytes | None = None) -> tuple[FileIndex, list[str]]:
    """The index after planning ``project``, and the files that were read for it."""
    priors = resolve(project, command_line={"mode": "fast", "block_size": 4096}, environ={}, host=HOST)
    read: list[str] = []
    original = planning._read

    def watched(entry: ProjectEntry, offset: int, size: int, *, last: bool = False) -> bytes:
        read.append(entry.path)
        return original(entry, offset, size, last=last)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "_read", watched)
        index = FileIndex(content, now=_later)
        make_plan(discover(project), priors, HOST, index=index)
    return index, sorted(set(read))


def test_unchanged_files_are_not_read(project: Path) -> None:
    index, read = _index(project)
    assert len(read) == 53
    again, read = _index(project, index.pack())
    assert read == []
    assert not again.changed()
    assert again.pack() == index.pack()


@given(
    st.lists(
        st.tuples(st.binary(min_size=16, max_size=16), st.sampled_from(["rust", "cpp", "text"])),
        unique_by=lambda f: f[0],
    )
)
def test_the_index_keeps_what_was_met_and_forgets_the_rest(files: list[tuple[bytes, str]]) -> None:
    status = Path(__file__).stat()
    first = FileIndex(now=_later)
    for number, (signature, language) in enumerate(files):
        first.remember(signature, status, first.begin(), Known(language, number, (b"%032d" % number,) * (number % 3)))
    again = FileIndex(first.pack(), now=_later)
    for number, (signature, language) in enumerate(files[::2]):
        assert again.find(signature) == Known(language, 2 * number, (b"%032d" % (2 * number),) * (2 * number % 3))
    assert again.find(b"never seen......") is None
    assert again.changed() is (len(files) > 1)
    new = Known("python", 1, ())
    again.remember(b"new file........", status, again.begin(), new)
    last = FileIndex(again.pack())
    assert last.find(b"new file........") == new
    assert [last.find(signature) is not None for signature, _ in files] == [i % 2 == 0 for i in range(len(files))]
    assert sorted(last._languages) == sorted({"python", *(language for _, language in files[::2])})


def test_a_change_that_hides_its_size_and_time_is_seen(project: Path) -> None:
    index, _ = _index(project)
    path = project / "package3/module10.py"
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"secret", b"public"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    again, read = _index(project, index.pack())
    assert read == ["package3/module10.py"]
    assert again.changed()


def test_a_file_that_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    status = path.stat()
    signature = FileIndex.signature("a.py", status)
    known = Known("python", 6, (bytes(32),))
    for seconds, remembered in ((1, False), (3, True)):
        index = FileIndex()
        index.remember(signature, status, status.st_ctime_ns + seconds * 10**9, known)
        assert (FileIndex(index.pack()).find(signature) == known) is remembered


def becomes_another(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"secret", b"public"))


def becomes_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)  # whoever opens it waits for a writer, if he does not look out


@pytest.mark.parametrize("change", [becomes_another, becomes_a_pipe])
def test_a_file_that_changes_after_planning_is_an_error(project: Path, change: Callable[[Path], None]) -> None:
    priors = resolve(project, command_line={"mode": "fast", "block_size": 4096}, environ={}, host=HOST)
    plan = make_plan(discover(project), priors, HOST, index=FileIndex())
    path = project / "package3/module10.py"
    change(path)
    block = next(
        block
        for block in plan.blocks
        if any(plan.materials[p.material].entry.source == str(path) for p in block.pieces)
    )
    with pytest.raises(SourceError, match="changed while it was being packed"):
        read_block(plan, block)


def test_a_canonical_form_that_is_not_kept_is_made_once_for_all_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("".join(f"value_{number} = {number}\n" for number in range(3000)))
    made: list[str] = []
    original = PythonFrontend.canonicalise

    def watched(self: PythonFrontend, data: bytes, path: str) -> bytes:
        made.append(path)
        return original(self, data, path)

    monkeypatch.setattr(PythonFrontend, "canonicalise", watched)
    monkeypatch.setattr(planning, "_KEPT", 0)
    settings = {"mode": "fast", "block_size": 4096, "fidelity": "canonical"}
    priors = resolve(tmp_path, command_line=settings, environ={}, host=HOST)
    plan = make_plan(discover(tmp_path), priors, HOST, index=FileIndex())
    assert len(plan.blocks) > 10
    assert made == ["a.py", "a.py"]  # for its size, and for the digests of its pieces


# -- where blocks end ----------------------------------------------------------------


def _materials(sizes: Sequence[int]) -> Materials:
    entries = [ProjectEntry(f"f{number:03}", "file", 0o644, size, "", "/x") for number, size in enumerate(sizes)]
    materials = Materials(entries)
    for number, entry in enumerate(entries):
        materials.append(number, Material(entry, "text", entry.size))
    return materials


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 16), st.booleans())
def test_blocks_hold_every_byte_once_and_in_order(sizes: list[int], block_size: int, isolated: bool) -> None:
    materials = _materials(sizes)
    blocks = list(planning._blocks(materials, range(len(materials)), block_size, isolated=isolated))
    assert all(0 < block.raw_size <= block_size for block in blocks)
    assert all(block.raw_size == sum(piece.size for piece in block.pieces) for block in blocks)
    laid = [(piece.material, piece.offset + i) for block in blocks for piece in block.pieces for i in range(piece.size)]
    assert laid == [(number, i) for number, size in enumerate(sizes) for i in range(size)]
    assert all(piece.offset % block_size == 0 for block in blocks for piece in block.pieces)
    if isolated:
        assert all(len(block.pieces) == 1 for block in blocks)


def test_a_change_of_one_file_stays_local() -> None:
    sizes = [(number * 7919) % 900 + 100 for number in range(400)]
    before = {block.pieces for block in planning._blocks(_materials(sizes), range(400), 16384, isolated=False)}
    costs = []
    for number in range(0, 400, 10):
        changed = [*sizes[:number], sizes[number] + 300, *sizes[number + 1 :]]
        after = [block.pieces for block in planning._blocks(_materials(changed), range(400), 16384, isolated=False)]
        costs.append(sum(pieces not in before for pieces in after))
    assert sum(costs) / len(costs) < 2.5
    assert max(costs) < len(before)  # blocks behind the change are found again, however far
