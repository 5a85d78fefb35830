"""Sealing and opening: who can open, what is public, what equal input gives, what cannot be combined."""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core import envelope
from qyn1_core.envelope import NoMatch, PublicFacts, ScryptIdentity, ScryptRecipient, X25519Identity
from qyn1_core.envelope.facts import decode_facts, encode_facts, facts_of
from qyn1_core.envelope.header import Stanza, encode_base64, read_header
from qyn1_core.envelope.hybrid import UNAVAILABLE, HybridIdentity
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.ciphers.pure import Pure
from qyn1_plugins.errors import ConfigError, Qyn1Error
from qyn1_plugins.spec import CipherProvider

ALICE = X25519Identity(bytes(range(32)))
BOB = X25519Identity(bytes(range(1, 33)))
FACTS = PublicFacts(1, ("rans/1", "store/1"), "demo")
SECRET = b"a sealing secret of 32 bytes, ok"

post_quantum = pytest.mark.skipif(UNAVAILABLE is not None, reason=str(UNAVAILABLE))


def sealed(
    plaintext: bytes,
    *recipients: envelope.Recipient,
    facts: PublicFacts | None = FACTS,
    armor: bool = False,
    cipher: CipherProvider | None = None,
) -> bytes:
    out = io.BytesIO()
    with envelope.seal(out, recipients, cipher=cipher or OpenSSL(), facts=facts, armor=armor) as writer:
        writer.write(plaintext)
    return out.getvalue()


def opened(file: bytes, *identities: envelope.Identity) -> bytes:
    return envelope.open(io.BytesIO(file), identities, cipher=OpenSSL()).payload.read()


def deterministic(plaintext: bytes, *recipients: envelope.Recipient, **options: object) -> bytes:
    out = io.BytesIO()
    arguments: dict[str, object] = {"cipher": OpenSSL(), "facts": FACTS, "sealing_secret": SECRET, **options}
    envelope.seal_deterministic(out, io.BytesIO(plaintext), recipients, **arguments)  # type: ignore[arg-type]
    return out.getvalue()


def convergent(plaintext: bytes, *recipients: envelope.Recipient) -> bytes:
    out = io.BytesIO()
    envelope.seal_convergent(out, io.BytesIO(plaintext), recipients, cipher=OpenSSL(), facts=FACTS)
    return out.getvalue()


# -- who can open -----------------------------------------------------------------


@given(st.binary(max_size=200), st.booleans())
def test_every_recipient_opens_it_and_nobody_else(plaintext: bytes, armor: bool) -> None:
    file = sealed(plaintext, ALICE.to_recipient(), BOB.to_recipient(), armor=armor)
    assert opened(file, ALICE) == opened(file, BOB) == plaintext
    stranger = X25519Identity(bytes(32))
    assert opened(file, stranger, BOB) == plaintext
    with pytest.raises(NoMatch, match="none of the keys tried"):
        opened(file, stranger)


@post_quantum
def test_a_post_quantum_recipient_opens_it() -> None:
    identity = envelope.generate_identity(pq=True)
    assert isinstance(identity, HybridIdentity)
    file = sealed(b"text", identity.to_recipient())
    assert opened(file, ALICE, identity) == b"text"
    with pytest.raises(NoMatch):
        opened(file, envelope.generate_identity(pq=True))


def test_a_passphrase_opens_it_and_shows_no_facts() -> None:
    file = sealed(b"text", ScryptRecipient("correct horse", 10))
    assert opened(file, ALICE, ScryptIdentity("wrong"), ScryptIdentity("correct horse")) == b"text"
    assert envelope.inspect(io.BytesIO(file)).facts is None
    with pytest.raises(NoMatch, match="sealed with a passphrase"):
        opened(file, ScryptIdentity("wrong"))


def test_no_identity_at_all_says_what_to_give() -> None:
    with pytest.raises(NoMatch, match="no key was given"):
        opened(sealed(b"", ALICE.to_recipient()))


def test_a_malformed_stanza_ends_the_attempt_even_when_a_later_identity_would_fit() -> None:
    class Damaged:
        kind = "X25519"
        derivable = True
        binding = b""

        def wrap(self, file_key: bytes, randomness: object) -> Stanza:
            return Stanza("X25519", ("AAAA",), bytes(32))

    file = sealed(b"text", Damaged(), ClearRecipient(), facts=None)
    with pytest.raises(envelope.HeaderError):
        opened(file, ALICE, ClearIdentity())
    assert opened(file, ClearIdentity(), ALICE) == b"text"


class ClearRecipient:
    """A third party's recipient type: its body is the file key in clear."""

    kind = "clear"
    derivable = True
    binding = b""

    def wrap(self, file_key: bytes, randomness: object) -> Stanza:
        return Stanza("clear", (), file_key)


class ClearIdentity:
    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        return next((stanza.body for stanza in stanzas if stanza.type == "clear"), None)


def test_a_work_factor_over_the_limit_is_refused_before_it_is_computed() -> None:
    file = sealed(b"text", ScryptRecipient("word", 12))
    identity = ScryptIdentity("word", maximum_work_factor=11)
    with pytest.raises(envelope.HeaderError, match="the limit is"):
        opened(file, identity)
    with pytest.raises(ConfigError, match="work factor"):
        ScryptRecipient("word", 40)
    with pytest.raises(ConfigError, match="empty"):
        ScryptRecipient("")


# -- combinations -----------------------------------------------------------------


def test_recipients_that_do_not_go_together_are_refused() -> None:
    for recipients, message in (
        ((), "no recipient"),
        ((ScryptRecipient("word", 10), ALICE.to_recipient()), "cannot be combined"),
        ((ScryptRecipient("word", 10), ScryptRecipient("word", 10)), "cannot be combined"),
        ([ALICE.to_recipient()] * 1024, "1024 recipients"),
    ):
        out = io.BytesIO()
        with pytest.raises(ConfigError, match=message):
            envelope.seal(out, recipients, cipher=OpenSSL(), facts=None)
        assert out.getvalue() == b""


@post_quantum
def test_a_classical_recipient_does_not_weaken_a_post_quantum_package() -> None:
    recipient = envelope.generate_identity(pq=True).to_recipient()
    with pytest.raises(ConfigError, match="post-quantum"):
        sealed(b"", recipient, ALICE.to_recipient())


def test_only_age_files_are_taken_for_sealed() -> None:
    assert envelope.is_age(sealed(b"", ALICE.to_recipient())[: envelope.HEAD_SIZE])
    assert envelope.is_age(b"\n\n" + sealed(b"", ALICE.to_recipient(), armor=True)[:60])
    for head in (b"", b"age", b"QYN1\x01\0\0\0", b"#!/bin/sh\n", b"PK\x03\x04"):
        assert not envelope.is_age(head)


# -- public facts -----------------------------------------------------------------


def test_facts_are_readable_without_a_key_and_authenticated_with_one() -> None:
    file = sealed(b"text", ALICE.to_recipient())
    info = envelope.inspect(io.BytesIO(file))
    assert info.facts == FACTS
    assert info.recipients == ("X25519",)
    assert info.payload_size == 4
    assert envelope.open(io.BytesIO(file), [ALICE], cipher=OpenSSL()).facts == FACTS
    header = read_header(io.BytesIO(file))
    body = next(stanza.body for stanza in header.stanzas if stanza.type == "qyn1")
    assert body == b"\x00\x01\x02\x06rans/1\x07store/1\x04demo"
    # 'demo' made 'demp', still well-formed: only the MAC tells.
    other = PublicFacts(1, FACTS.plugins, "demp")
    forged = file.replace(_stanza_text(FACTS), _stanza_text(other))
    assert forged != file
    assert envelope.inspect(io.BytesIO(forged)).facts == other
    with pytest.raises(envelope.HeaderMacError):
        opened(forged, ALICE)


def _stanza_text(facts: PublicFacts) -> bytes:
    return encode_base64(encode_facts(facts).body)


texts = st.text(min_size=1, max_size=40)


@given(st.integers(0, 65535), st.lists(texts, max_size=6), st.none() | texts)
def test_facts_have_one_encoding(version: int, plugins: list[str], name: str | None) -> None:
    try:
        facts = PublicFacts(version, tuple(plugins), name)
    except ConfigError:
        return
    stanza = encode_facts(facts)
    assert decode_facts(stanza) == facts
    assert encode_facts(PublicFacts(version, tuple(reversed(plugins)), name)) == stanza


@given(st.binary(max_size=60))
def test_any_body_is_facts_or_a_header_error(body: bytes) -> None:
    stanza = Stanza("qyn1", ("1",), body)
    try:
        facts = decode_facts(stanza)
    except envelope.HeaderError:
        return
    assert facts is not None
    assert encode_facts(facts) == stanza


def test_facts_of_a_later_encoding_are_skipped() -> None:
    assert decode_facts(Stanza("qyn1", ("2", "new"), b"whatever")) is None
    with pytest.raises(envelope.HeaderError, match="more than one"):
        facts_of([Stanza("qyn1", ("1",), b""), Stanza("qyn1", ("1",), b"")])


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[31mb", "\u202egnp.exe", "x" * 256, "\ud800"])
def test_facts_cannot_fake_what_inspect_prints(name: str) -> None:
    with pytest.raises(ConfigError):
        PublicFacts(1, (), name)
    with pytest.raises(ConfigError):
        PublicFacts(1, (name,))


# -- deterministic ----------------------------------------------------------------


def test_equal_input_gives_equal_bytes_with_every_cipher() -> None:
    first = deterministic(b"archive" * 20_000, ALICE.to_recipient(), BOB.to_recipient())
    assert first == deterministic(b"archive" * 20_000, ALICE.to_recipient(), BOB.to_recipient(), cipher=Pure())
    assert opened(first, ALICE) == opened(first, BOB) == b"archive" * 20_000
    armored = deterministic(b"archive", ALICE.to_recipient(), armor=True)
    assert opened(armored, ALICE) == b"archive"


def test_the_bytes_of_a_deterministic_package_never_change() -> None:
    # A golden file: a change here would make every cache and every comparison fail.
    file = deterministic(b"archive", ALICE.to_recipient())
    assert hashlib.sha256(file).hexdigest() == GOLDEN_KEYED
    assert hashlib.sha256(convergent(b"archive", ALICE.to_recipient())).hexdigest() == GOLDEN_CONVERGENT
    assert hashlib.sha256(deterministic(b"archive", ScryptRecipient("word", 10))).hexdigest() == GOLDEN_PASSPHRASE


GOLDEN_KEYED = "f60370f2d78fb6f7e3657917f8e0f619afd77793e8939c381cbb3400c29fabce"
GOLDEN_CONVERGENT = "2de756e175d2b395600a2041efc724421751bf78b8a6601341c16f4f032e0b18"
GOLDEN_PASSPHRASE = "309aac76918113c59c8c8760bea5d106cb65a9baf1f8be96dcec1b4372e1015d"


def test_the_specification_alone_derives_the_same_package() -> None:
    """docs/envelope.md, "Deterministic packages", from the standard library's HMAC."""

    def hkdf(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
        pseudorandom = hmac.digest(salt or bytes(32), secret, "sha256")
        return hmac.digest(pseudorandom, info + b"\x01", "sha256")[:size]

    def prefixed(data: bytes) -> bytes:
        return len(data).to_bytes(8, "big") + data

    prefix = b"qyn1/deterministic/v1/"
    public = str(ALICE.to_recipient()).encode()
    for mode, secret, file in (
        (b"keyed", SECRET, deterministic(b"archive", ALICE.to_recipient())),
        (b"convergent", b"", convergent(b"archive", ALICE.to_recipient())),
    ):
        facts = b"\x00\x01\x02\x06rans/1\x07store/1\x04demo"
        fields = prefixed(facts) + (1).to_bytes(8, "big") + prefixed(b"X25519") + prefixed(public) + b"archive"
        digest = hmac.digest(hkdf(secret, mode, prefix + b"digest", 32), fields, "sha256")
        derived = hkdf(secret, digest, prefix + mode, 32)
        ephemeral = X25519Identity(hkdf(derived, b"", prefix + b"recipient/0/0/32", 32))
        header = read_header(io.BytesIO(file))
        assert header.stanzas[1].arguments[0].encode() == encode_base64(ephemeral.to_recipient().public)
        assert file[header.size :][:16] == hkdf(derived, b"", prefix + b"payload-nonce/0/16", 16)
        assert ALICE.unwrap(header.stanzas) == hkdf(derived, b"", prefix + b"file-key/0/16", 16)


def test_whatever_differs_gives_another_key_and_nonce() -> None:
    alice, bob = ALICE.to_recipient(), BOB.to_recipient()
    files = [
        deterministic(b"archive", alice),
        deterministic(b"archivf", alice),
        deterministic(b"", alice),
        deterministic(b"archive", bob),
        deterministic(b"archive", alice, bob),
        deterministic(b"archive", bob, alice),
        deterministic(b"archive", alice, facts=None),
        deterministic(b"archive", alice, facts=PublicFacts(1, (), "demo")),
        deterministic(b"archive", alice, sealing_secret=SECRET[::-1]),
        deterministic(b"archive", ScryptRecipient("word", 10)),
        deterministic(b"archive", ScryptRecipient("sword", 10)),
        deterministic(b"archive", ScryptRecipient("word", 11)),
        convergent(b"archive", alice),
        convergent(b"archive", bob),
    ]
    headers = [read_header(io.BytesIO(file)) for file in files]
    nonces = {file[header.size : header.size + 16] for file, header in zip(files, headers, strict=True)}
    # A share or a salt is derived like the file key, from the same digest.
    shares = {header.stanzas[-1].arguments[0] for header in headers}
    assert len(nonces) == len(files)
    assert len(shares) == len(files)


def test_a_package_of_many_draws_never_repeats_a_share() -> None:
    file = deterministic(b"archive", *[ALICE.to_recipient()] * 50)
    stanzas = read_header(io.BytesIO(file)).stanzas[1:]
    assert len({stanza.arguments for stanza in stanzas}) == 50


def test_deterministic_sealing_refuses_what_would_make_it_weak() -> None:
    with pytest.raises(ConfigError, match="at least 16"):
        deterministic(b"", ALICE.to_recipient(), sealing_secret=b"short")
    with pytest.raises(ConfigError, match="no passphrase"):
        convergent(b"", ScryptRecipient("word", 10))


@post_quantum
def test_post_quantum_recipients_cannot_be_sealed_to_deterministically() -> None:
    with pytest.raises(ConfigError, match="deterministic"):
        deterministic(b"", envelope.generate_identity(pq=True).to_recipient())


def test_an_archive_that_changes_between_the_passes_leaves_nothing_that_opens() -> None:
    class Changing(io.BytesIO):
        passes = 0

        def seek(self, offset: int, whence: int = 0, /) -> int:
            self.passes += 1
            if self.passes == 2:
                self.getbuffer()[0] ^= 1
            return super().seek(offset, whence)

    out = io.BytesIO()
    with pytest.raises(ConfigError, match="changed while it was sealed"):
        envelope.seal_deterministic(
            out, Changing(b"archive"), [ALICE.to_recipient()], cipher=OpenSSL(), facts=None, sealing_secret=SECRET
        )
    with pytest.raises(Qyn1Error):
        opened(out.getvalue(), ALICE)


def test_fresh_sealing_uses_all_its_randomness_and_no_other() -> None:
    def pinned() -> tuple[bytes, int]:
        drawn = 0

        def randomness(size: int) -> bytes:
            nonlocal drawn
            drawn += size
            return bytes((drawn + at) % 256 for at in range(size))

        out = io.BytesIO()
        with envelope.seal(out, [ALICE.to_recipient()], cipher=OpenSSL(), facts=FACTS, randomness=randomness) as writer:
            writer.write(b"text")
        return out.getvalue(), drawn

    assert pinned() == pinned()
    assert pinned()[1] == 16 + 32 + 16
    assert sealed(b"text", ALICE.to_recipient()) != sealed(b"text", ALICE.to_recipient())
