"""Whatever is done to a package: the right text, or one of the three errors a command can explain."""

from __future__ import annotations

import io

import pytest

from qyn1_core import envelope
from qyn1_core.envelope import PublicFacts, ScryptIdentity, ScryptRecipient, X25519Identity
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.errors import AuthenticationError, FormatError, KeyUnavailable

IDENTITY = X25519Identity(bytes(range(32)))
PLAINTEXT = b"def main() -> None:\n    return None\n"
EXPECTED = (KeyUnavailable, AuthenticationError, FormatError)


def package(*, armor: bool) -> bytes:
    out = io.BytesIO()
    facts = PublicFacts(1, ("rans/1",), "demo")
    with envelope.seal(out, [IDENTITY.to_recipient()], cipher=OpenSSL(), facts=facts, armor=armor) as writer:
        writer.write(PLAINTEXT)
    return out.getvalue()


def read(file: bytes) -> bytes:
    return envelope.open(io.BytesIO(file), [IDENTITY], cipher=OpenSSL()).payload.read()


@pytest.mark.parametrize("armor", [False, True])
def test_no_truncation_opens(armor: bool) -> None:
    file = package(armor=armor)
    # Without its last line break an armored file is whole.
    for size in range(len(file) - armor):
        with pytest.raises(EXPECTED) as caught:
            read(file[:size])
        assert isinstance(caught.value, EXPECTED)


@pytest.mark.parametrize("change", [0x01, 0x20, 0x80, 0xFF])
def test_no_flipped_byte_opens(change: int) -> None:
    file = package(armor=False)
    for at in range(len(file)):
        with pytest.raises(EXPECTED):
            read(file[:at] + bytes([file[at] ^ change]) + file[at + 1 :])


def test_no_flipped_byte_of_armor_gives_another_text() -> None:
    file = package(armor=True)
    survived = 0
    for at in range(len(file)):
        try:
            assert read(file[:at] + bytes([file[at] ^ 0x01]) + file[at + 1 :]) == PLAINTEXT
        except EXPECTED:
            continue
        survived += 1
    # Only the final line break may become another white-space character: \n ^ 1 is \v.
    assert survived <= 1


def test_inspecting_damage_raises_nothing_else() -> None:
    file = package(armor=False)
    for at in range(len(file)):
        for damaged in (file[:at], file[:at] + bytes([file[at] ^ 0x04]) + file[at + 1 :]):
            try:
                envelope.inspect(io.BytesIO(damaged))
            except EXPECTED:
                continue


def test_no_damage_to_a_passphrase_package_opens() -> None:
    out = io.BytesIO()
    with envelope.seal(out, [ScryptRecipient("word", 2)], cipher=OpenSSL(), facts=None) as writer:
        writer.write(PLAINTEXT)
    file = out.getvalue()
    identity = ScryptIdentity("word", maximum_work_factor=10)
    for at in range(len(file)):
        for damaged in (file[:at], file[:at] + bytes([file[at] ^ 0x01]) + file[at + 1 :]):
            with pytest.raises(EXPECTED):
                envelope.open(io.BytesIO(damaged), [identity], cipher=OpenSSL()).payload.read()


@pytest.mark.parametrize("data", [b"", b"\0", b"QYN1", b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"])
def test_short_inputs_are_no_package(data: bytes) -> None:
    with pytest.raises(FormatError):
        read(data)
    with pytest.raises(FormatError):
        envelope.inspect(io.BytesIO(data))


def test_another_file_s_payload_does_not_fit() -> None:
    first, second = package(armor=False), package(armor=False)
    size = envelope.inspect(io.BytesIO(first)).header_size
    assert size == envelope.inspect(io.BytesIO(second)).header_size
    with pytest.raises(envelope.PayloadError):
        read(first[:size] + second[size:])
