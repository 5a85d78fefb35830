"""The age test kit (C2SP/CCTV): 143 files, each through decrypt, random access, inspect and re-encoding.

The expectation of a vector is the class of its failure, so that a low-level fault cannot
hide behind a higher one.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from qyn1_core import envelope
from qyn1_core.envelope.armor import ArmorReader, ArmorWriter
from qyn1_core.envelope.derivation import header_mac, payload_key
from qyn1_core.envelope.header import read_header, serialise_mac, serialise_stanzas
from qyn1_core.envelope.hybrid import UNAVAILABLE
from qyn1_core.envelope.stream import StreamWriter
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.ciphers.pure import Pure
from qyn1_plugins.errors import Qyn1Error

FOLDER = Path(__file__).parent.parent / "vectors" / "age"
FAILURES: dict[str, type[Qyn1Error]] = {
    "no match": envelope.NoMatch,
    "HMAC failure": envelope.HeaderMacError,
    "header failure": envelope.HeaderError,
    "payload failure": envelope.PayloadError,
    "armor failure": envelope.ArmorError,
}


@dataclass(frozen=True)
class Vector:
    name: str
    expect: str
    payload: str | None
    armored: bool
    file_key: bytes
    keys: tuple[tuple[str, str], ...]
    file: bytes

    def identities(self) -> list[envelope.Identity]:
        found: list[envelope.Identity] = []
        for kind, text in self.keys:
            if kind == "passphrase":
                found.append(envelope.ScryptIdentity(text))
            else:
                found.extend(envelope.parse_identities_text(text))
        return found

    def open(self) -> envelope.OpenedEnvelope:
        return envelope.open(io.BytesIO(self.file), self.identities(), cipher=OpenSSL())


def load(path: Path) -> Vector:
    head, file = path.read_bytes().split(b"\n\n", 1)
    fields = [cast("tuple[str, str]", tuple(line.split(": ", 1))) for line in head.decode().split("\n")]
    known = dict(fields)
    if known.get("compressed") == "zlib":
        file = zlib.decompress(file)
    else:
        assert "compressed" not in known
    return Vector(
        path.name,
        known["expect"],
        known.get("payload"),
        known.get("armored") == "yes",
        bytes.fromhex(known["file key"]),
        tuple((kind, text) for kind, text in fields if kind in ("identity", "passphrase")),
        file,
    )


VECTORS = [load(path) for path in sorted(FOLDER.iterdir()) if not path.name.startswith(".")]


def usable(vector: Vector) -> Vector:
    if UNAVAILABLE is not None and any("-PQ-" in text for _, text in vector.keys):
        pytest.skip(UNAVAILABLE)
    return vector


def test_the_kit_is_whole() -> None:
    assert len(VECTORS) == 143
    assert {vector.expect for vector in VECTORS} == {"success", *FAILURES}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_decrypts_or_fails_in_the_expected_class(vector: Vector) -> None:
    usable(vector)
    if vector.expect == "success":
        assert hashlib.sha256(vector.open().payload.read()).hexdigest() == vector.payload
    else:
        with pytest.raises(FAILURES[vector.expect]) as caught:
            vector.open().payload.read()
        assert type(caught.value) is FAILURES[vector.expect]
        for _, secret in vector.keys:
            assert secret not in str(caught.value)


SUCCESSFUL = [vector for vector in VECTORS if vector.expect == "success"]


@pytest.mark.parametrize("vector", SUCCESSFUL, ids=lambda vector: vector.name)
def test_reads_at_any_position(vector: Vector) -> None:
    payload = usable(vector).open().payload
    whole = payload.read()
    assert payload.size == len(whole)
    edges = {0, 1, len(whole) // 2, len(whole) - 1, len(whole), len(whole) + 5, 65535, 65536, 65537, 131072}
    for position in sorted(edges, reverse=True):
        if position < 0:
            continue
        assert payload.seek(position) == position == payload.tell()
        assert payload.read(70_000) == whole[position : position + 70_000]
    buffer = bytearray(100)
    payload.seek(0)
    filled = payload.readinto(buffer)
    assert buffer[:filled] == whole[:100]


@pytest.mark.parametrize("vector", SUCCESSFUL, ids=lambda vector: vector.name)
def test_inspects_without_a_key(vector: Vector) -> None:
    info = envelope.inspect(io.BytesIO(vector.file))
    assert envelope.is_age(vector.file[: envelope.HEAD_SIZE])
    assert info.armored is vector.armored
    assert info.payload_size == usable(vector).open().payload.size
    assert info.facts is None
    assert info.recipients


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_inspecting_agrees_with_opening_on_what_is_malformed(vector: Vector) -> None:
    # What concerns neither a key nor authentication is refused without a key too, in the same class.
    expected = (FAILURES[vector.expect],) if vector.expect in FAILURES else ()
    with contextlib.suppress(*expected):
        assert envelope.inspect(io.BytesIO(vector.file)).header_size > 0


@pytest.mark.parametrize("vector", SUCCESSFUL, ids=lambda vector: vector.name)
def test_encodes_again_to_the_same_bytes(vector: Vector) -> None:
    file = vector.file
    if vector.armored:
        file = ArmorReader(io.BytesIO(vector.file)).read()
        out = io.BytesIO()
        armor = ArmorWriter(out)
        armor.write(file)
        armor.close()
        assert out.getvalue() == vector.file.strip().replace(b"\r\n", b"\n") + b"\n"
    header = read_header(io.BytesIO(file))
    again = serialise_stanzas(header.stanzas)
    assert again == header.authenticated
    assert again + serialise_mac(header.mac) == file[: header.size]
    nonce = file[header.size : header.size + 16]
    sealed = io.BytesIO()
    with StreamWriter(payload_key(vector.file_key, nonce), sealed, OpenSSL(), lambda: None) as writer:
        writer.write(usable(vector).open().payload.read())
    assert header_mac(vector.file_key, again) == header.mac
    assert sealed.getvalue() == file[header.size + 16 :]


@pytest.mark.parametrize(
    "vector", [vector for vector in SUCCESSFUL if vector.name.startswith("stream")], ids=lambda vector: vector.name
)
def test_the_pure_cipher_opens_streams_too(vector: Vector) -> None:
    payload = envelope.open(io.BytesIO(vector.file), vector.identities(), cipher=Pure()).payload
    assert hashlib.sha256(payload.read()).hexdigest() == vector.payload
