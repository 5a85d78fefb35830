"""Key text: what age writes is read, what is wrong is named by its line, and no secret is ever shown."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core import envelope
from qyn1_core.envelope import ScryptIdentity, ScryptRecipient, X25519Identity, bech32
from qyn1_core.envelope.hybrid import UNAVAILABLE
from qyn1_core.signing import SigningKey
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.errors import ConfigError, KeyUnavailable, Qyn1Error

# From the age test kit.
SECRET_LINE = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
PUBLIC_LINE = str(X25519Identity(bech32.decode(SECRET_LINE)[1]).to_recipient())

post_quantum = pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))


@pytest.mark.parametrize("pq", [False, pytest.param(True, marks=post_quantum)])
def test_a_generated_identity_survives_its_file(pq: bool) -> None:
    identity = envelope.generate_identity(pq=pq)
    text = envelope.identity_file_text(identity)
    [again] = envelope.parse_identities_text(text)
    assert again.to_recipient() == identity.to_recipient()
    assert envelope.parse_recipient(str(identity.to_recipient())) == identity.to_recipient()
    assert len({identity.to_recipient(), again.to_recipient()}) == 1
    assert text.splitlines()[0] == f"# public key: {identity.to_recipient()}"
    assert str(identity.to_recipient()).startswith("age1pq1" if pq else "age1")


def test_comments_blank_lines_and_crlf_are_fine() -> None:
    text = f"\ufeff# a comment\r\n\r\n  {SECRET_LINE}\r\n#{SECRET_LINE}\n"
    assert len(envelope.parse_identities_text(text)) == 1
    assert [str(each) for each in envelope.parse_recipients_text(f"# x\n{PUBLIC_LINE}\n\n{PUBLIC_LINE}\n")] == [
        PUBLIC_LINE,
        PUBLIC_LINE,
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (SECRET_LINE[:-1] + "1", "no secret key"),
        (SECRET_LINE[:-1], "checksum"),
        (SECRET_LINE.lower(), "upper case"),
        (SECRET_LINE[:30] + SECRET_LINE[30:].lower(), "mixes"),
        (PUBLIC_LINE, "upper case"),
        (PUBLIC_LINE.upper(), "of a kind"),
        ("hunter2", "no valid prefix"),
        ("hunter2" * 1000, "too long"),
        ("a1b", "characters"),
    ],
)
def test_a_bad_identity_line_is_named_and_never_quoted(line: str, message: str) -> None:
    with pytest.raises(KeyUnavailable, match=message) as caught:
        envelope.parse_identities_text(f"# fine\n{line}\n", "keys.txt")
    assert "keys.txt, line 2:" in str(caught.value)
    assert line not in str(caught.value)
    assert SECRET_LINE[16:30].lower() not in str(caught.value).lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SECRET_LINE, "secret key was given as a recipient"),
        (SECRET_LINE.lower(), "secret key was given as a recipient"),
        (PUBLIC_LINE[:-1] + ("q" if PUBLIC_LINE[-1] != "q" else "p"), "checksum"),
        (PUBLIC_LINE.upper(), "lower case"),
        ("ssh-ed25519 AAAA", "SSH"),
        ("my secret passphrase", "public key"),
        (bech32.encode("age", bytes(31)), "of a kind"),
        (bech32.encode("age", bytes(32)), "no valid X25519 key"),
        (bech32.encode("age1tag", bytes(32)), "of a kind"),
        ("", "public key"),
    ],
)
def test_a_bad_recipient_says_why(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        envelope.parse_recipient(text)
    if not text.lower().startswith("age1"):
        assert not text or text not in str(caught.value)


@post_quantum
def test_a_bad_post_quantum_recipient_is_refused() -> None:
    for data in (bytes(1216), bytes(1215), b"\xff" * 1216):
        with pytest.raises(ConfigError):
            envelope.parse_recipient(bech32.encode("age1pq", data))


def test_empty_files_say_so() -> None:
    with pytest.raises(ConfigError, match="holds no recipient"):
        envelope.parse_recipients_text("# nothing\n")
    with pytest.raises(KeyUnavailable, match="holds no secret key"):
        envelope.parse_identities_text("")
    with pytest.raises(ConfigError, match="line 1"):
        envelope.parse_recipients_text("age1")


def test_key_files_of_other_kinds_are_told_apart() -> None:
    with pytest.raises(KeyUnavailable, match="sealed with a passphrase"):
        envelope.parse_identities_text("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n")
    with pytest.raises(KeyUnavailable, match="SSH keys are not supported"):
        envelope.parse_identities_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n")


@given(st.text(max_size=200))
def test_any_text_gives_keys_or_one_of_our_errors(text: str) -> None:
    for parse in (envelope.parse_recipients_text, envelope.parse_identities_text, envelope.parse_recipient):
        with pytest.raises(Qyn1Error):
            parse(text)


prefixes = st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True)


@given(prefixes, st.binary(max_size=100))
def test_bech32_comes_back_in_either_case(prefix: str, data: bytes) -> None:
    text = bech32.encode(prefix, data)
    assert bech32.decode(text) == (prefix, data)
    assert bech32.decode(text.upper()) == (prefix, data)


@given(prefixes, st.binary(max_size=60), st.data())
def test_bech32_notices_every_single_wrong_character(prefix: str, data: bytes, draw: st.DataObject) -> None:
    text = bech32.encode(prefix, data)
    at = draw.draw(st.integers(len(prefix) + 1, len(text) - 1))
    other = draw.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
    if other != text[at]:
        with pytest.raises(ValueError, match="checksum"):
            bech32.decode(text[:at] + other + text[at + 1 :])


def test_bech32_passes_the_vectors_of_bip_173() -> None:
    for text in (
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    ):
        prefix, data = bech32.decode(text)
        assert bech32.encode(prefix, data) == text
    # Valid checksum, but five bits of padding or set padding bits: no whole bytes.
    for text in (
        "\x201nwldj5",
        "pzry9x0s0muk",
        "1pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "a1g7sgd8",
        "10a06t8",
        "1qzzfhee",
    ):
        with pytest.raises(ValueError, match="it "):
            bech32.decode(text)


# -- secrets stay secret ----------------------------------------------------------

MARK = "correct horse battery staple"


def holders() -> list[tuple[object, list[str]]]:
    identity = X25519Identity(b"0123456789abcdef0123456789abcdef")
    found: list[tuple[object, list[str]]] = [
        (identity, [identity.secret_text(), "0123456789abcdef"]),
        (ScryptIdentity(MARK), [MARK]),
        (ScryptRecipient(MARK, 10), [MARK]),
        (SigningKey(b"identity", b"0123456789abcdef0123456789abcdef"), ["0123456789abcdef"]),
    ]
    if UNAVAILABLE is None:
        hybrid = envelope.HybridIdentity(b"0123456789abcdef0123456789abcdef")
        found.append((hybrid, [hybrid.secret_text(), "0123456789abcdef"]))
    return found


@pytest.mark.parametrize(("holder", "secrets"), holders(), ids=lambda value: type(value).__name__)
def test_no_secret_is_in_a_repr(holder: object, secrets: list[str]) -> None:
    shown = f"{holder!r} {holder} {[holder]!r}"
    for secret in secrets:
        assert secret not in shown
        assert secret.encode().hex() not in shown
    moves: tuple[Callable[[object], object], ...] = (pickle.dumps, copy.copy, copy.deepcopy)
    for move in moves:
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            move(holder)


def test_no_secret_is_in_a_traceback_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    out = io.BytesIO()
    with caplog.at_level(logging.DEBUG):
        with envelope.seal(out, [ScryptRecipient(MARK, 4)], cipher=OpenSSL(), facts=None) as writer:
            writer.write(MARK.encode())
        for identities in ([ScryptIdentity(MARK + "?")], [X25519Identity(MARK[:14].encode() * 2 + b"four")]):
            try:
                envelope.open(out, identities, cipher=OpenSSL())
            except KeyUnavailable:
                shown = traceback.format_exc()
                assert "battery" not in shown
        damaged = io.BytesIO(out.getvalue()[:-1])
        try:
            envelope.open(damaged, [ScryptIdentity(MARK)], cipher=OpenSSL())
        except envelope.PayloadError:
            assert "battery" not in traceback.format_exc()
    assert "battery" not in caplog.text
    assert "battery" not in repr(writer)


def test_an_open_envelope_shows_neither_key_nor_text() -> None:
    identity = X25519Identity(bytes(range(32)))
    out = io.BytesIO()
    with envelope.seal(out, [identity.to_recipient()], cipher=OpenSSL(), facts=None) as writer:
        writer.write(MARK.encode())
    opened = envelope.open(out, [identity], cipher=OpenSSL())
    assert "battery" not in repr(opened)
    for holder in (opened, opened.payload, writer):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(holder)
