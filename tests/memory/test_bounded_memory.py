"""Memory depends on the block size and the workers, not on how large the input is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest

from qyn1_core import Sealing, open_package, pack, resolve
from qyn1_core.archive import Entry, EntryKind, EntryTable
from qyn1_core.file_index import FileIndex, Known
from qyn1_core.plan_tables import Material, Materials
from qyn1_core.project_entries import ProjectEntries
from qyn1_plugins.host import default_host

pytest.importorskip("resource", reason="peak memory is asked of getrusage")

MEBIBYTE = 1 << 20
_PROGRAM = """
import json, sys
from pathlib import Path
from qyn1_core import Sealing, pack, resolve, unpack, envelope
from qyn1_core.report import peak_rss
from qyn1_plugins.host import default_host

action, source, target, secret = sys.argv[1:]
host = default_host()
identity = envelope.generate_identity(randomness=lambda size: bytes([7]) * size)
if action == "pack":
    languages = {frontend.name: "store" for frontend in host.frontends()}
    priors = resolve(None, command_line={"compressors": languages, "workers": 1}, environ={}, host=host)
    to = [identity.to_recipient()]
    sealing = Sealing.deterministic(to, b"s" * 32) if secret == "1" else Sealing.to(to)
    pack(Path(source), Path(target), sealing, priors=priors, host=host)
else:
    unpack(Path(source), Path(target), [identity], workers=1, host=host)
print(peak_rss())
"""


def _peak(action: str, source: Path, target: Path, *, deterministic: bool = False) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, action, str(source), str(target), "1" if deterministic else "0"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return int(done.stdout)


def _text(size: int, seed: int) -> bytes:
    lines = b"".join(b"value_%d_%d = compute(%d)\n" % (seed, number, number * number) for number in range(4000))
    return (lines * (size // len(lines) + 1))[:size]


@pytest.mark.parametrize("deterministic", [False, True])
def test_one_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path, deterministic: bool) -> None:
    peaks: dict[str, list[int]] = {"pack": [], "unpack": []}
    for size in (24 * MEBIBYTE, 120 * MEBIBYTE):
        source = tmp_path / f"{size}.py"
        with source.open("wb") as file:
            for number in range(size // (8 * MEBIBYTE)):
                file.write(_text(8 * MEBIBYTE, number))
        package, out = tmp_path / f"{size}.qyn1", tmp_path / f"{size}.out"
        peaks["pack"].append(_peak("pack", source, package, deterministic=deterministic))
        peaks["unpack"].append(_peak("unpack", package, out))
        assert (out / source.name).stat().st_size == size
        package.unlink()
    for small, large in peaks.values():
        assert large - small < 8 * MEBIBYTE, peaks


def test_decoded_blocks_stay_only_while_they_are_few_and_small(tmp_path: Path) -> None:
    for size, kept in ((64 << 10, 4), (3 * MEBIBYTE, 2), (12 * MEBIBYTE, 0)):
        source = tmp_path / f"{size}.py"
        source.write_bytes(_text(6 * size, size))
        host = default_host()
        languages = {frontend.name: "store" for frontend in host.frontends()}
        settings: dict[str, object] = {"compressors": languages, "block_size": size}
        pack(
            source, tmp_path / f"{size}.qyn1", Sealing.open(),
            priors=resolve(None, command_line=settings, environ={}, host=host), host=host,
        )  # fmt: skip
        with open_package(tmp_path / f"{size}.qyn1", host=host) as package:
            package.verify(workers=1)
            assert len(package.reader._cache) == kept
            assert package.reader.block(5) == _text(6 * size, size)[5 * size :]


def test_very_many_files_take_little_memory_each() -> None:
    count = 20_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        entries = ProjectEntries("/project/")
        for number in range(count):
            entries.append(f"package/folder{number // 100}/a_module_of_some_name_{number}.py", "file", 0o644, 1000)
        materials = Materials(entries)
        for number in range(count):
            materials.append(number, Material(entries[number], "python", 1000))
        materials.sort()
        listed = EntryTable(Entry(entry.path, EntryKind.FILE, entry.mode, entry.size) for entry in entries)
        each = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert [entry.path for entry in listed] == [entry.path for entry in entries]
    assert each < 200  # bytes; as objects of their own they took some 900


def test_the_index_of_very_many_files_takes_little_memory_each(tmp_path: Path) -> None:
    count = 20_000
    (tmp_path / "a").write_bytes(b"a")
    status = (tmp_path / "a").stat()
    known = Known("python", 1000, (bytes(32),))
    names = [sha256(b"%d" % number).digest()[:16] for number in range(count)]
    content: bytes | None = None
    for _ in range(2):  # all is new, then all is known
        tracemalloc.start()
        try:
            index = FileIndex(content, now=lambda: status.st_ctime_ns + 10**10)
            for name in names:
                if index.find(name) is None:
                    index.remember(name, status, index.begin(), known)
            each = tracemalloc.get_traced_memory()[0] / count
        finally:
            tracemalloc.stop()
        assert each < 90  # bytes
        packed = index.pack()
        assert content in (None, packed)
        content = packed


def test_doctor_reckons_with_what_a_worker_takes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qyn1_core", "doctor", "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["memory_per_worker"] > 4 * MEBIBYTE
    free = found["machine"]["memory_free"]
    assert found["workers"] == 1 or found["workers"] * found["memory_per_worker"] <= free
