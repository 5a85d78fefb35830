"""What is written into an archive comes out of it, and what was tampered with does not."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qyn1_core.archive import (
    ArchiveReader,
    ArchiveWriter,
    Block,
    Directory,
    Entry,
    EntryKind,
    Limits,
    Method,
    checksum,
)
from qyn1_core.archive.layout import TRAILER_SIZE, Cursor, padme, put_varint
from qyn1_core.errors import FormatError, Qyn1Error
from qyn1_plugins.host import Host, default_host

STORE = Method("store", 1, "text", b"", 0)


@pytest.fixture(scope="module")
def host() -> Host:
    return default_host()


def archive_of(host: Host, files: dict[str, bytes], *, block_size: int = 7, padded: bool = False) -> bytes:
    out = io.BytesIO()
    writer = ArchiveWriter(out, host, padded=padded)
    whole = b"".join(files.values())
    for begin in range(0, len(whole), block_size):
        part = whole[begin : begin + block_size]
        writer.add_block(STORE, len(part), checksum(part), part)
    entries = tuple(Entry(path, EntryKind.FILE, 0o644, len(data)) for path, data in files.items())
    writer.finish(entries, {})
    return out.getvalue()


def read_all(archive: bytes, host: Host) -> None:
    reader = ArchiveReader(io.BytesIO(archive), host)
    for number in range(len(reader.directory.blocks)):
        reader.block(number)


FILES = {"a.txt": b"alpha", "b/c.txt": b"", "b/d.txt": b"a longer one that spans blocks", "b/e.txt": b"!"}


@pytest.mark.parametrize("padded", [False, True])
def test_every_file_comes_out_as_it_went_in(host: Host, padded: bool) -> None:
    reader = ArchiveReader(io.BytesIO(archive_of(host, FILES, padded=padded)), host)
    for number, entry in enumerate(reader.directory.entries):
        assert b"".join(reader.file(number)) == FILES[entry.path]


def test_a_padded_archive_has_a_padme_length(host: Host) -> None:
    for size in (0, 1, 100, 5000):
        archive = archive_of(host, {"a": bytes(size)}, block_size=4096, padded=True)
        assert len(archive) == padme(len(archive))


def test_every_truncation_is_refused(host: Host) -> None:
    archive = archive_of(host, FILES)
    for size in range(len(archive)):
        with pytest.raises(Qyn1Error) as caught:
            ArchiveReader(io.BytesIO(archive[:size]), host)
        assert caught.value.exit_code == 6


def test_every_flipped_bit_is_noticed(host: Host) -> None:
    archive = archive_of(host, FILES, padded=True)
    for place in range(len(archive)):
        for bit in range(8):
            damaged = bytearray(archive)
            damaged[place] ^= 1 << bit
            with pytest.raises(Qyn1Error) as caught:
                read_all(bytes(damaged), host)
            assert caught.value.exit_code == 6


def test_appended_and_prepended_bytes_are_refused(host: Host) -> None:
    archive = archive_of(host, FILES)
    for damaged in (archive + b"\0", b"\0" + archive, archive[:8] + b"\0" + archive[8:], archive * 2):
        with pytest.raises(FormatError):
            ArchiveReader(io.BytesIO(damaged), host)


def test_swapped_blocks_are_noticed(host: Host) -> None:
    archive = bytearray(archive_of(host, FILES))
    archive[8:15], archive[15:22] = archive[15:22], archive[8:15]
    reader = ArchiveReader(io.BytesIO(bytes(archive)), host)
    with pytest.raises(Qyn1Error):
        reader.block(0)


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_crash_the_reader(raw: bytes) -> None:
    with pytest.raises(FormatError):
        Directory.unpack(raw + b"\xff")


def parts(directory: Directory) -> tuple[object, ...]:
    return directory.methods, directory.blocks, directory.entries, directory.facts


SOUND = Directory(
    (STORE, Method("rans", 1, "python", b"12345678", 9)),
    (Block(0, 5, 5, b"12345678"), Block(1, 900, 100, b"87654321")),
    (
        Entry("a/b.py", EntryKind.FILE, 0o644, 5),
        Entry("a/c.py", EntryKind.FILE, 0o600, 900),
        Entry("a/d.py", EntryKind.COPY, 0o644, 900, 1),
        Entry("l", EntryKind.SYMLINK, 0o777, target="a/b.py"),
        Entry("z", EntryKind.DIRECTORY, 0o755),
    ),
    {"fidelity": "canonical"},
).pack()


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 3)
)
def test_a_mutated_directory_is_sound_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    raw = bytearray(SOUND)
    for place, value in changes:
        raw[place] = value
    try:
        directory = Directory.unpack(bytes(raw[: len(raw) - cut]))
    except FormatError:
        return
    for number, entry in enumerate(directory.entries):
        extents = directory.extents(number)
        assert sum(extent.size for extent in extents) == (0 if entry.kind is EntryKind.DIRECTORY else entry.size)
        for extent in extents:
            assert 0 <= extent.offset < extent.offset + extent.size <= directory.blocks[extent.block].raw_size
            assert directory.extent(number, extent.block) == extent


entries = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20).map("p-{}".format),
        st.sampled_from(list(EntryKind)),
        st.integers(0, 0o777),
        st.integers(0, 1 << 33),
    ),
    unique_by=lambda item: item[0],
    max_size=12,
)


@given(entries)
def test_a_directory_survives_its_bytes(items: list[tuple[str, EntryKind, int, int]]) -> None:
    built: list[Entry] = []
    for path, kind, mode, size in items:
        files = [i for i, entry in enumerate(built) if entry.kind is EntryKind.FILE]
        if kind is EntryKind.COPY and files:
            original = files[size % len(files)]
            built.append(Entry(path, kind, mode, built[original].size, original))
        elif kind is EntryKind.SYMLINK:
            built.append(Entry(path, kind, mode, target="nowhere"))
        elif kind is EntryKind.FILE:
            built.append(Entry(path, kind, mode, size))
        else:
            built.append(Entry(path, EntryKind.DIRECTORY, mode))
    total = sum(entry.size for entry in built if entry.kind is EntryKind.FILE)
    blocks = (Block(0, total, 5, b"12345678"),) if total else ()
    directory = Directory((STORE,), blocks, tuple(built), {"name": "x"})
    roomy = Limits(block_size=1 << 62, total_size=1 << 62, ratio=1 << 62)
    assert parts(Directory.unpack(directory.pack(), limits=roomy, portable_names=False)) == parts(directory)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(entries=1), "entries"),
        (Limits(block_size=3), "bytes in one block"),
        (Limits(total_size=10), "bytes when unpacked"),
        (Limits(names_size=10), "bytes of names"),
        (Limits(directory_size=5), "bytes of directory"),
        (Limits(ratio=0, ratio_from=0), "packed size"),
    ],
)
def test_what_is_over_a_limit_is_refused_before_it_is_used(host: Host, limits: Limits, what: str) -> None:
    with pytest.raises(FormatError, match=what):
        ArchiveReader(io.BytesIO(archive_of(host, FILES)), host, limits=limits)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "C:/x", "nul", "a\\b"])
def test_hostile_paths_are_refused_by_the_reader(host: Host, path: str) -> None:
    with pytest.raises(FormatError):
        ArchiveReader(io.BytesIO(archive_of(host, {path: b"x"})), host)


def _directory(**changes: object) -> bytes:
    base = {
        "methods": (STORE,),
        "blocks": (Block(0, 5, 5, b"12345678"),),
        "entries": (Entry("a", EntryKind.FILE, 0o644, 5),),
    }
    return Directory(**{**base, **changes}).pack()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "raw",
    [
        _directory(blocks=()),
        _directory(blocks=(Block(3, 5, 5, b"12345678"),)),
        _directory(blocks=(Block(0, 6, 5, b"12345678"),)),
        _directory(entries=(Entry("a", EntryKind.FILE, 0o644, 4),)),
        _directory(methods=(Method("store", 1, "text", b"", 1 << 40),)),
        _directory() + b"\x05\x00",
        _directory()[2:],
        b"",
    ],
    ids=["no-blocks", "unknown-method", "larger", "smaller", "memory", "unknown-section", "cut", "nothing"],
)
def test_a_directory_that_contradicts_itself_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        Directory.unpack(raw)


def test_unknown_optional_sections_are_skipped() -> None:
    extended = bytearray(_directory())
    put_varint(extended, 200)
    extended += b"\x03abc"
    assert parts(Directory.unpack(bytes(extended))) == parts(Directory.unpack(_directory()))


@given(st.integers(0, (1 << 62) - 1))
def test_varints_are_canonical(value: int) -> None:
    out = bytearray()
    put_varint(out, value)
    assert Cursor(bytes(out), "test").varint() == value
    with pytest.raises(FormatError):
        Cursor(bytes(out[:-1]) + bytes([out[-1] | 0x80, 0]), "test").varint()


@given(st.integers(0, 1 << 50))
def test_padme_adds_at_most_an_eighth(size: int) -> None:
    assert size <= padme(size) <= size + size // 8 + 1
    assert padme(padme(size)) == padme(size)


def test_the_trailer_has_the_size_the_format_states() -> None:
    assert TRAILER_SIZE == 29
