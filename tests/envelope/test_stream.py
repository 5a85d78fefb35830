"""The payload: any plaintext comes back, from any position, and only whole and authentic."""

from __future__ import annotations

import contextlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.envelope import PayloadError, StreamReader, StreamWriter
from qyn1_core.envelope.stream import CHUNK_SIZE, ENCRYPTED_CHUNK_SIZE, plaintext_size
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.spec import CipherProvider

KEY = bytes(range(32))
PATTERN = (bytes(range(251)) * (40 * CHUNK_SIZE // 251 + 1))[: 40 * CHUNK_SIZE]


class CountingCipher(OpenSSL):
    """Counts calls and chunks."""

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.sealed: list[int] = []

    def seal(self, key: bytes, nonces: list[bytes], plaintexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        self.sealed.append(len(nonces))
        return super().seal(key, nonces, plaintexts, aad)

    def open(self, key: bytes, nonces: list[bytes], ciphertexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        self.opened.append(len(nonces))
        return super().open(key, nonces, ciphertexts, aad)


def seal(plaintext: bytes, cuts: list[int] | None = None, cipher: CipherProvider | None = None) -> bytes:
    out = io.BytesIO()
    with StreamWriter(KEY, out, cipher or OpenSSL(), lambda: None) as writer:
        at = 0
        for cut in cuts or []:
            writer.write(plaintext[at : at + cut])
            at += cut
        writer.write(plaintext[at:])
    return out.getvalue()


def reader(sealed: bytes, cipher: CipherProvider | None = None) -> StreamReader:
    return StreamReader(KEY, io.BytesIO(sealed), 0, cipher or OpenSSL())


sizes = st.one_of(
    st.integers(0, 300),
    st.integers(0, 3).flatmap(lambda chunks: st.integers(-2, 2).map(lambda near: max(chunks * CHUNK_SIZE + near, 0))),
    st.integers(15, 17).map(lambda chunks: chunks * CHUNK_SIZE),
)


@given(sizes, st.lists(st.integers(0, 2 * CHUNK_SIZE), max_size=4))
def test_the_bytes_do_not_depend_on_how_they_were_written(size: int, cuts: list[int]) -> None:
    plaintext = PATTERN[:size]
    sealed = seal(plaintext, cuts)
    assert sealed == seal(plaintext)
    assert plaintext_size(len(sealed)) == size
    assert reader(sealed).read() == plaintext


@given(sizes, st.lists(st.tuples(st.integers(0, 20 * CHUNK_SIZE), st.integers(0, 2 * CHUNK_SIZE)), max_size=8))
def test_reads_like_a_plain_file_from_any_position(size: int, reads: list[tuple[int, int]]) -> None:
    plain = io.BytesIO(PATTERN[:size])
    sealed = reader(seal(PATTERN[:size]))
    for position, count in reads:
        assert sealed.seek(position) == plain.seek(position)
        assert sealed.read(count) == plain.read(count)
        assert sealed.tell() == (plain.tell() if position <= size else position)
    assert sealed.seek(-min(size, 3), os.SEEK_END) == plain.seek(-min(size, 3), os.SEEK_END)
    assert sealed.read() == plain.read()


def test_seeking_before_the_start_is_refused() -> None:
    sealed = reader(seal(b"text"))
    with pytest.raises(ValueError, match="negative"):
        sealed.seek(-1)
    with pytest.raises(ValueError, match="whence"):
        sealed.seek(0, 9)


def test_a_closed_payload_gives_nothing() -> None:
    sealed = reader(seal(b"text"))
    sealed.close()
    with pytest.raises(ValueError, match="closed"):
        sealed.read(1)


def test_many_chunks_go_through_one_call_of_the_cipher() -> None:
    cipher = CountingCipher()
    sealed = seal(PATTERN, cipher=cipher)
    assert sum(cipher.sealed) == 40
    assert len(cipher.sealed) == 4
    assert max(cipher.sealed) == 16
    stream = reader(sealed, cipher)
    while stream.read(1000):
        pass
    assert cipher.opened[0] == 1  # the last chunk, which tells the size
    assert len(cipher.opened) <= 5
    assert max(cipher.opened) == 16


def test_a_read_in_the_middle_opens_only_the_chunk_it_needs() -> None:
    cipher = CountingCipher()
    stream = reader(seal(PATTERN), cipher)
    stream.seek(10 * CHUNK_SIZE + 5)
    assert stream.read(10) == PATTERN[10 * CHUNK_SIZE + 5 :][:10]
    assert cipher.opened == [1, 1]


@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 3 * CHUNK_SIZE + 9])
def test_truncation_and_extension_are_refused_before_anything_is_read(size: int) -> None:
    sealed = seal(PATTERN[:size])
    cuts = {0, 1, 15, 16, len(sealed) - 1, len(sealed) - 16, len(sealed) - 17, ENCRYPTED_CHUNK_SIZE}
    cuts |= {ENCRYPTED_CHUNK_SIZE + 16, 2 * ENCRYPTED_CHUNK_SIZE}
    damaged = [sealed[:cut] for cut in cuts if 0 <= cut < len(sealed)]
    damaged += [sealed + b"\0", sealed + bytes(16), sealed + sealed, sealed + bytes(ENCRYPTED_CHUNK_SIZE)]
    for file in damaged:
        with pytest.raises(PayloadError):
            reader(file)


def test_swapped_repeated_and_dropped_chunks_are_refused() -> None:
    sealed = seal(PATTERN[: 4 * CHUNK_SIZE + 7])
    chunks = [sealed[at : at + ENCRYPTED_CHUNK_SIZE] for at in range(0, len(sealed), ENCRYPTED_CHUNK_SIZE)]
    for order in ([1, 0, 2, 3, 4], [0, 0, 2, 3, 4], [0, 2, 3, 4], [0, 1, 2, 3, 3, 4], [4]):
        with pytest.raises(PayloadError):
            reader(b"".join(chunks[number] for number in order)).read()


def test_a_damaged_chunk_gives_none_of_its_bytes_and_spares_the_others() -> None:
    sealed = bytearray(seal(PATTERN[: 3 * CHUNK_SIZE]))
    sealed[ENCRYPTED_CHUNK_SIZE + 100] ^= 1
    stream = reader(bytes(sealed))
    assert stream.read(CHUNK_SIZE) == PATTERN[:CHUNK_SIZE]
    with pytest.raises(PayloadError):
        stream.read(1)
    stream.seek(2 * CHUNK_SIZE)
    assert stream.read() == PATTERN[2 * CHUNK_SIZE : 3 * CHUNK_SIZE]


def test_an_exception_leaves_a_file_that_does_not_open() -> None:
    out = io.BytesIO()
    writer = StreamWriter(KEY, out, OpenSSL(), lambda: None)
    with contextlib.suppress(RuntimeError), writer:
        writer.write(PATTERN[: 20 * CHUNK_SIZE])
        raise RuntimeError("packing failed")
    assert out.getvalue()
    with pytest.raises(PayloadError):
        reader(out.getvalue())
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
    writer.close()
    with pytest.raises(PayloadError):
        reader(out.getvalue())


def test_closing_twice_writes_one_last_chunk() -> None:
    out = io.BytesIO()
    writer = StreamWriter(KEY, out, OpenSSL(), lambda: None)
    writer.write(b"text")
    writer.close()
    writer.close()
    assert reader(out.getvalue()).read() == b"text"


def test_a_source_that_shrinks_while_it_is_read_is_noticed() -> None:
    source = io.BytesIO(seal(PATTERN[: 3 * CHUNK_SIZE]))
    stream = StreamReader(KEY, source, 0, OpenSSL())
    source.truncate(ENCRYPTED_CHUNK_SIZE)
    stream.seek(CHUNK_SIZE)
    with pytest.raises(PayloadError, match="shorter"):
        stream.read(1)
