"""Objects are deterministic, and linking them loses, changes and recompresses nothing."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qyn1_core.archive import ArchiveReader, EntryKind
from qyn1_core.configuration.priors import resolve
from qyn1_core.errors import ConfigError, SourceError
from qyn1_core.linking import ObjectFile, SourceFile, compile_object, link_objects
from qyn1_core.package import open_package
from qyn1_core.sealing import Sealing
from qyn1_plugins.host import default_host

HOST = default_host()


def compiled(folder: Path, name: str, files: dict[str, bytes], mode: str = "fast", executable: str = "") -> ObjectFile:
    """An object of ``files``, whose names are also their paths."""
    sources = []
    for number, (path, content) in enumerate(files.items()):
        place = folder / f"{name}-{number}"
        place.write_bytes(content)
        sources.append(SourceFile(path, str(place), path == executable))
    priors = resolve(None, command_line={"mode": mode, "workers": 1}, environ={}, host=HOST)
    output = folder / f"{name}.qyn1o"
    compile_object(sources, output, priors=priors, host=HOST, force=True)
    return ObjectFile(output, f"//:{name}")


def linked(objects: list[ObjectFile], mode: str = "fast") -> io.BytesIO:
    priors = resolve(None, command_line={"mode": mode}, environ={}, host=HOST)
    out = io.BytesIO()
    link_objects(objects, out, Sealing.open(), priors=priors, host=HOST)
    return out


def contents(package: io.BytesIO) -> dict[str, bytes]:
    with open_package(io.BytesIO(package.getvalue()), host=HOST, portable_names=False) as opened:
        return {entry.path: opened.read(entry.path) for entry in opened.entries}


NAMES = st.text("abc", min_size=1, max_size=4)
FILES = st.dictionaries(NAMES, st.sampled_from([b"", b"x = 1\n", b"def f():\n    pass\n" * 30, bytes(range(256))]))


@settings(max_examples=40)
@given(parts=st.lists(FILES, max_size=4), mode=st.sampled_from(["fast", "security"]))
def test_a_package_of_objects_has_all_their_files(
    tmp_path_factory: pytest.TempPathFactory, parts: list[dict[str, bytes]], mode: str
) -> None:
    folder = tmp_path_factory.mktemp("link")
    named = [{f"{i}/{name}.py": data for name, data in part.items()} for i, part in enumerate(parts)]
    objects = [compiled(folder, f"part{i}", part, mode) for i, part in enumerate(named)]
    expected = {path: data for part in named for path, data in part.items()}
    assert contents(linked(objects)) == expected


def test_equal_sources_give_equal_objects_whatever_their_modes_and_order(tmp_path: Path) -> None:
    files = {"a.py": b"x = 1\n" * 100, "b.js": b"let x = 1\n" * 100, "c.py": b"x = 1\n" * 100}
    first = compiled(tmp_path, "first", files).file.read_bytes()
    for path in tmp_path.glob("first-*"):
        path.chmod(0o777)
    assert compiled(tmp_path, "first", files).file.read_bytes() == first
    assert compiled(tmp_path, "second", dict(reversed(files.items()))).file.read_bytes() == first


def test_only_what_a_build_cannot_make_again_is_forced_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[int] = []
    monkeypatch.setattr(os, "fsync", forced.append)
    item = compiled(tmp_path, "object", {"a.py": b"x = 1\n"})
    assert not forced
    priors = resolve(None, command_line={"mode": "fast"}, environ={}, host=HOST)
    link_objects([item], tmp_path / "package.qyn1", Sealing.open(), priors=priors, host=HOST)
    assert forced


def test_payloads_are_copied_as_they_are(tmp_path: Path) -> None:
    objects = [compiled(tmp_path, name, {f"{name}.py": f"{name} = 1\n".encode() * 200}) for name in "abc"]
    package = ArchiveReader(linked(objects), HOST)
    payloads = [package.payload(number) for number in range(len(package.directory.blocks))]
    expected: list[bytes] = []
    for item in objects:
        with item.file.open("rb") as file:
            reader = ArchiveReader(file, HOST)
            expected.extend(reader.payload(number) for number in range(len(reader.directory.blocks)))
    assert payloads == expected
    # Blocks that were made alike share one method.
    assert len(package.directory.methods) == 1


def test_linking_is_deterministic_and_keeps_the_order(tmp_path: Path) -> None:
    objects = [compiled(tmp_path, name, {f"{name}.py": b"x = 1\n" * 9}) for name in "ab"]
    assert linked(objects).getvalue() == linked(objects).getvalue()
    assert [entry.path for entry in ArchiveReader(linked(objects[::-1]), HOST).directory.entries] == ["b.py", "a.py"]


def test_executable_bits_come_from_the_source_list_alone(tmp_path: Path) -> None:
    item = compiled(tmp_path, "part", {"run.sh": b"#!/bin/sh\n", "plain.sh": b"echo\n"}, executable="run.sh")
    modes = {entry.path: entry.mode for entry in ArchiveReader(linked([item]), HOST).directory.entries}
    assert modes == {"run.sh": 0o755, "plain.sh": 0o644}


def test_copies_inside_an_object_stay_copies(tmp_path: Path) -> None:
    same = b"y = 2\n" * 40
    objects = [compiled(tmp_path, name, {f"{name}/1.py": same, f"{name}/2.py": same}) for name in "ab"]
    package = linked(objects)
    kinds = [entry.kind for entry in ArchiveReader(package, HOST).directory.entries]
    assert kinds == [EntryKind.FILE, EntryKind.COPY] * 2
    assert set(contents(package).values()) == {same}


def test_one_secure_object_pads_the_package(tmp_path: Path) -> None:
    plain = compiled(tmp_path, "plain", {"a.py": b"x = 1\n"})
    padded = compiled(tmp_path, "padded", {"b.py": b"x = 1\n"}, "security")
    assert not ArchiveReader(linked([plain]), HOST).padded
    assert ArchiveReader(linked([plain, padded]), HOST).padded
    assert ArchiveReader(linked([plain], "security"), HOST).padded


def test_two_files_of_one_path_are_refused_naming_both_targets(tmp_path: Path) -> None:
    objects = [compiled(tmp_path, name, {"same.py": name.encode()}) for name in ("left", "right")]
    with pytest.raises(ConfigError, match=r"both //:left and //:right have same\.py"):
        linked(objects)
    below = compiled(tmp_path, "below", {"same.py/x.py": b""})
    with pytest.raises(ConfigError, match=r"same\.py"):
        linked([objects[0], below])
    sources = [SourceFile("a.py", str(objects[0].file)), SourceFile("a.py", str(objects[1].file))]
    priors = resolve(None, environ={}, host=HOST)
    with pytest.raises(SourceError, match="come to this path"):
        compile_object(sources, tmp_path / "x", priors=priors, host=HOST)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("line", "path", "file", "executable"),
    [
        ("a.py", "a.py", "a.py", False),
        ("a.py\tout/a.py", "a.py", "out/a.py", False),
        ("lib/a.py\tlib/a.py\t755\tlib\tsrc/x", "src/x/a.py", "lib/a.py", True),
        ("../other/lib/a.py\texternal/other/lib/a.py\t644\tlib/\t", "a.py", "external/other/lib/a.py", False),
    ],
)
def test_lines_of_a_source_list(line: str, path: str, file: str, executable: bool) -> None:
    assert SourceFile.parse(line) == SourceFile(path, file, executable)
