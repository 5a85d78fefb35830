"""Sealing: from recipients and an archive to an age file."""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from typing import BinaryIO, Final

from qyn1_core.envelope.armor import ArmorWriter
from qyn1_core.envelope.derivation import PAYLOAD_NONCE_SIZE, Derivation, InputDigest, header_mac, payload_key
from qyn1_core.envelope.facts import PublicFacts, encode_facts
from qyn1_core.envelope.header import MAXIMUM_HEADER, MAXIMUM_STANZAS, Stanza, serialise_mac, serialise_stanzas
from qyn1_core.envelope.hybrid import HybridRecipient
from qyn1_core.envelope.recipients import FILE_KEY_SIZE, Randomness, Recipient, ScryptRecipient
from qyn1_core.envelope.stream import Sink, StreamWriter
from qyn1_core.errors import ConfigError
from qyn1_plugins.spec import CipherProvider

__all__ = ["MINIMUM_SEALING_SECRET", "seal", "seal_convergent", "seal_deterministic"]

MINIMUM_SEALING_SECRET: Final = 16
"""Bytes: 128 bits, if they are random."""
_COPY_SIZE: Final = 1024 * 1024
_KEYED: Final = b"keyed"
_CONVERGENT: Final = b"convergent"


def seal(
    out: BinaryIO,
    recipients: Sequence[Recipient],
    *,
    cipher: CipherProvider,
    facts: PublicFacts | None,
    randomness: Randomness = os.urandom,
    armor: bool = False,
) -> StreamWriter:
    """Write a header for ``recipients`` to ``out``; what is written to the result becomes the payload.

    The result must be closed, or used as a context manager, to complete the package;
    ``out`` stays open. A passphrase recipient stands alone, and its package
    shows no ``facts``.
    Raises `ConfigError` for recipients that cannot be combined.
    """
    _check_recipients(recipients)
    file_key = randomness(FILE_KEY_SIZE)
    stanzas = [recipient.wrap(file_key, randomness) for recipient in recipients]
    return _begin(out, file_key, stanzas, facts, randomness(PAYLOAD_NONCE_SIZE), cipher, armor=armor)


def seal_deterministic(
    out: BinaryIO,
    archive: BinaryIO,
    recipients: Sequence[Recipient],
    *,
    cipher: CipherProvider,
    facts: PublicFacts | None,
    sealing_secret: bytes,
    armor: bool = False,
) -> None:
    """Seal ``archive`` (seekable, read twice from its start) so that equal input gives equal bytes.

    Every random value is derived from ``sealing_secret`` (at least 16 random bytes, to be
    kept like an identity) and a keyed digest of archive, recipients and facts. Whoever
    sees two packages learns whether their input is equal, and nothing else. Raises
    `ConfigError` for recipients whose sealing cannot be derived.
    """
    if len(sealing_secret) < MINIMUM_SEALING_SECRET:
        raise ConfigError(
            f"the sealing secret has {len(sealing_secret)} bytes; give at least {MINIMUM_SEALING_SECRET} random ones "
            "(for example: head -c 32 /dev/urandom > FILE)"
        )
    _seal_derived(out, archive, recipients, cipher, facts, sealing_secret, _KEYED, armor=armor)


def seal_convergent(
    out: BinaryIO,
    archive: BinaryIO,
    recipients: Sequence[Recipient],
    *,
    cipher: CipherProvider,
    facts: PublicFacts | None,
    armor: bool = False,
) -> None:
    """Like `seal_deterministic` without a secret: anyone who can guess the whole input can confirm the guess.

    For code that is not secret, or to share a cache among strangers. A passphrase is
    refused: its guesses could be tested without scrypt.
    """
    if any(isinstance(recipient, ScryptRecipient) for recipient in recipients):
        raise ConfigError("convergent sealing takes no passphrase: it would make the passphrase easy to guess")
    _seal_derived(out, archive, recipients, cipher, facts, b"", _CONVERGENT, armor=armor)


def _check_recipients(recipients: Sequence[Recipient]) -> None:
    """Raise `ConfigError` for recipients that cannot stand in one header."""
    if not recipients:
        raise ConfigError("no recipient was given: nobody could open the package")
    if len(recipients) >= MAXIMUM_STANZAS:
        raise ConfigError(f"{len(recipients)} recipients were given; a package can have {MAXIMUM_STANZAS - 1}")
    kinds = {recipient.kind for recipient in recipients}
    if ScryptRecipient.kind in kinds and len(recipients) > 1:
        raise ConfigError("a passphrase cannot be combined with other recipients")
    if len(kinds) > 1 and HybridRecipient.kind in kinds:
        raise ConfigError(
            "post-quantum recipients (age1pq1…) cannot be combined with others, which would take the protection away"
        )


def _seal_derived(
    out: BinaryIO,
    archive: BinaryIO,
    recipients: Sequence[Recipient],
    cipher: CipherProvider,
    facts: PublicFacts | None,
    secret: bytes,
    mode: bytes,
    *,
    armor: bool,
) -> None:
    _check_recipients(recipients)
    for recipient in recipients:
        if not recipient.derivable:
            raise ConfigError(
                f"a recipient of the kind {recipient.kind} cannot be sealed to deterministically: the installed "
                "libraries draw its randomness themselves; use age1… recipients, or leave out --deterministic"
            )
    first = InputDigest(secret, mode, recipients, facts)
    archive.seek(0)
    while data := archive.read(_COPY_SIZE):
        first.update(data)
    derivation = Derivation(secret, mode, first.digest())
    file_key = derivation.randomness("file-key")(FILE_KEY_SIZE)
    stanzas = [
        recipient.wrap(file_key, derivation.randomness(f"recipient/{number}"))
        for number, recipient in enumerate(recipients)
    ]
    nonce = derivation.randomness("payload-nonce")(PAYLOAD_NONCE_SIZE)
    second = InputDigest(secret, mode, recipients, facts)
    archive.seek(0)
    with _begin(out, file_key, stanzas, facts, nonce, cipher, armor=armor) as writer:
        while data := archive.read(_COPY_SIZE):
            second.update(data)
            writer.write(data)
        # Another content under the same key and nonce would give both away.
        if not hmac.compare_digest(first.digest(), second.digest()):
            raise ConfigError("the archive changed while it was sealed; discard the output and seal again")


def _begin(
    out: BinaryIO,
    file_key: bytes,
    stanzas: list[Stanza],
    facts: PublicFacts | None,
    nonce: bytes,
    cipher: CipherProvider,
    *,
    armor: bool,
) -> StreamWriter:
    # A passphrase stanza must stand alone (age §scrypt): such a package shows nothing without its passphrase.
    if facts is not None and all(stanza.type != ScryptRecipient.kind for stanza in stanzas):
        stanzas = [encode_facts(facts), *stanzas]
    authenticated = serialise_stanzas(tuple(stanzas))
    header = authenticated + serialise_mac(header_mac(file_key, authenticated))
    if len(header) > MAXIMUM_HEADER:
        raise ConfigError(f"the header would have {len(header)} bytes, more than {MAXIMUM_HEADER}: too many recipients")
    sink: Sink = out
    finish = _nothing
    if armor:
        armored = ArmorWriter(out)
        sink, finish = armored, armored.close
    sink.write(header + nonce)
    return StreamWriter(payload_key(file_key, nonce), sink, cipher, finish)


def _nothing() -> None:
    """A bare envelope ends with its last chunk."""
