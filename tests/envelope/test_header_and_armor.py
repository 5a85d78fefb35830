"""Header and armor: one spelling for each value, limits, and no other error for any bytes at all."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core import envelope
from qyn1_core.envelope import ArmorError, HeaderError
from qyn1_core.envelope.armor import ArmorReader, ArmorWriter
from qyn1_core.envelope.header import (
    MAXIMUM_HEADER,
    MAXIMUM_STANZAS,
    Stanza,
    decode_base64,
    encode_base64,
    read_header,
    serialise_mac,
    serialise_stanzas,
)
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.errors import AuthenticationError, FormatError, KeyUnavailable

MAC = bytes(range(32))
arguments = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
stanzas = st.builds(Stanza, arguments, st.lists(arguments, max_size=3).map(tuple), st.binary(max_size=150))


def header_of(*parts: Stanza) -> bytes:
    return serialise_stanzas(parts) + serialise_mac(MAC)


@given(st.lists(stanzas, min_size=1, max_size=5), st.binary(max_size=20))
def test_every_header_comes_back(parts: list[Stanza], payload: bytes) -> None:
    source = io.BytesIO(header_of(*parts) + payload)
    header = read_header(source)
    assert header.stanzas == tuple(parts)
    assert header.mac == MAC
    assert header.authenticated == serialise_stanzas(tuple(parts))
    assert source.read() == payload
    assert header.size == source.tell() - len(payload)


@given(st.lists(stanzas, min_size=1, max_size=3), st.data())
def test_a_changed_header_is_refused_or_read_as_what_it_says(parts: list[Stanza], data: st.DataObject) -> None:
    good = bytearray(header_of(*parts))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        header = read_header(io.BytesIO(good))
    except HeaderError:
        return
    assert serialise_stanzas(header.stanzas) + serialise_mac(header.mac) == bytes(good[: header.size])


@given(
    st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda tail: b"age-encryption.org/v1\n-> " + tail))
)
def test_any_bytes_give_a_header_or_a_header_error(data: bytes) -> None:
    try:
        header = read_header(io.BytesIO(data))
    except HeaderError:
        return
    assert serialise_stanzas(header.stanzas) + serialise_mac(header.mac) == data[: header.size]


@given(st.binary(max_size=100))
def test_base64_has_one_spelling(data: bytes) -> None:
    text = encode_base64(data)
    assert decode_base64(text) == data
    for other in (text + b"=", text + b"\n", b" " + text, text + b"A"):
        try:
            assert encode_base64(decode_base64(other)) == other
        except ValueError:
            continue


def test_a_header_over_the_limits_is_refused() -> None:
    many = header_of(*[Stanza("x", (), b"")] * (MAXIMUM_STANZAS + 1))
    with pytest.raises(HeaderError, match="more than 1024 stanzas"):
        read_header(io.BytesIO(many))
    long_body = header_of(Stanza("x", (), bytes(MAXIMUM_HEADER)))
    with pytest.raises(HeaderError, match="longer than"):
        read_header(io.BytesIO(long_body))
    long_line = header_of(Stanza("x", ("a" * 10_000,), b""))
    with pytest.raises(HeaderError, match="too long"):
        read_header(io.BytesIO(long_line))
    with pytest.raises(HeaderError, match="cut off"):
        read_header(io.BytesIO(b"age-encryption.org/v1\n-> x"))


def test_an_endless_source_is_not_read_to_its_end() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object, /) -> int:
            view = memoryview(buffer)  # type: ignore[arg-type]
            start = b"age-encryption.org/v1\n-> x\n" if self.given == 0 else (b"A" * 64 + b"\n") * 200
            count = min(len(view), len(start))
            view[:count] = start[:count]
            self.given += count
            return count

    source = Endless()
    with pytest.raises(HeaderError):
        read_header(io.BufferedReader(source))
    assert source.given < 2 * MAXIMUM_HEADER


def test_another_version_is_named_as_such() -> None:
    with pytest.raises(HeaderError, match="another version"):
        read_header(io.BytesIO(b"age-encryption.org/v2\n-> X25519 a\n"))
    with pytest.raises(HeaderError, match="no sealed package"):
        read_header(io.BytesIO(b"PK\x03\x04 and so on"))


# -- armor ------------------------------------------------------------------------


def armored(data: bytes, newline: bytes = b"\n") -> bytes:
    out = io.BytesIO()
    writer = ArmorWriter(out)
    for at in range(0, len(data), 7):
        writer.write(data[at : at + 7])
    writer.close()
    return out.getvalue().replace(b"\n", newline)


@given(st.binary(max_size=400), st.sampled_from([b"\n", b"\r\n"]), st.sampled_from([b"", b"\n", b" \r\n\t"]))
def test_armor_comes_back(data: bytes, newline: bytes, around: bytes) -> None:
    reader = ArmorReader(io.BytesIO(around + armored(data, newline) + around))
    assert reader.size == len(data)
    assert reader.read() == data


@given(st.binary(max_size=400), st.lists(st.tuples(st.integers(0, 450), st.integers(0, 100)), max_size=6))
def test_armor_reads_at_any_position(data: bytes, reads: list[tuple[int, int]]) -> None:
    reader = ArmorReader(io.BytesIO(armored(data)))
    for position, size in reads:
        reader.seek(position)
        assert reader.read(size) == data[position : position + size]


def test_large_armor_is_decoded_in_windows() -> None:
    data = bytes(range(256)) * 3000
    reader = ArmorReader(io.BytesIO(armored(data)))
    assert reader.read() == data
    reader.seek(500_001)
    assert reader.read(300_000) == data[500_001:][:300_000]


@given(st.binary(min_size=1, max_size=200), st.data())
def test_changed_armor_is_refused_or_decodes_to_its_own_text(data: bytes, draw: st.DataObject) -> None:
    text = bytearray(armored(data))
    at = draw.draw(st.integers(0, len(text) - 1))
    text[at : at + draw.draw(st.integers(0, 2))] = draw.draw(st.binary(max_size=2))
    try:
        decoded = ArmorReader(io.BytesIO(text)).read()
    except ArmorError:
        return
    assert armored(decoded) == bytes(text).strip().replace(b"\r\n", b"\n") + b"\n"


@given(st.binary(max_size=300).map(lambda tail: b"-----BEGIN AGE ENCRYPTED FILE-----\n" + tail))
def test_any_bytes_in_armor_give_one_of_our_errors(data: bytes) -> None:
    with pytest.raises((FormatError, AuthenticationError, KeyUnavailable)):
        envelope.open(io.BytesIO(data), [], cipher=OpenSSL())


def test_mixed_line_ends_are_refused() -> None:
    text = armored(bytes(200))
    mixed = text.replace(b"\n", b"\r\n", 1)
    with pytest.raises(ArmorError):
        ArmorReader(io.BytesIO(mixed)).read()


def test_too_much_white_space_is_refused() -> None:
    for spaced in (b" " * 1025 + armored(b"data"), armored(b"data") + b" " * 1100):
        with pytest.raises(ArmorError):
            ArmorReader(io.BytesIO(spaced)).read()
