"""Opening: from an age file and identities to its authentic content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from qyn1_core.envelope.armor import ArmorReader, looks_armored
from qyn1_core.envelope.derivation import PAYLOAD_NONCE_SIZE, has_header_mac, payload_key
from qyn1_core.envelope.facts import STANZA_TYPE, PublicFacts, facts_of
from qyn1_core.envelope.failures import HeaderError, HeaderMacError, NoMatch
from qyn1_core.envelope.header import MAGIC, Header, read_header
from qyn1_core.envelope.recipients import Identity, ScryptRecipient, check_alone
from qyn1_core.envelope.stream import StreamReader, plaintext_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from qyn1_plugins.spec import CipherProvider

__all__ = ["HEAD_SIZE", "EnvelopeInfo", "OpenedEnvelope", "inspect", "is_age", "open_envelope"]

HEAD_SIZE: Final = 1100
"""Bytes at the start of a file from which `is_age` decides."""


class OpenedEnvelope(NamedTuple):
    """``facts`` (authentic) and ``payload``, the content: readable, seekable, authenticated."""

    facts: PublicFacts | None
    payload: StreamReader


class EnvelopeInfo(NamedTuple):
    """What an envelope says without a key, and so without authentication.

    ``recipients`` are the stanza types in the order of the header, without the facts;
    sizes are bytes, ``payload_size`` that of the plaintext.
    """

    armored: bool
    recipients: tuple[str, ...]
    facts: PublicFacts | None
    header_size: int
    payload_size: int


def is_age(head: bytes) -> bool:
    """Whether a file that starts with ``head`` (its first `HEAD_SIZE` bytes) claims to be an age file."""
    return head.startswith(MAGIC) or looks_armored(head)


def open_envelope(source: BinaryIO, identities: Sequence[Identity], *, cipher: CipherProvider) -> OpenedEnvelope:
    """Open the age file in ``source`` (seekable; it stays open and belongs to the result).

    The header and the payload's last chunk are authenticated before this returns, every
    other byte before it is read. Identities are tried in order. Raises `NoMatch` when none
    of them is the right one, and `ArmorError`, `HeaderError`, `HeaderMacError` or
    `PayloadError` for a file that is malformed, changed or cut off.
    """
    plain, _ = _without_armor(source)
    header, start = _read_header(plain)
    # Before any passphrase is derived, and whatever the identities are.
    check_alone(header.stanzas)
    file_key = _unwrap(header, identities)
    if not has_header_mac(file_key, header.authenticated, header.mac):
        raise HeaderMacError("the header of the package was changed after it was sealed")
    facts = facts_of(header.stanzas)
    plain.seek(header.size)
    key = payload_key(file_key, plain.read(PAYLOAD_NONCE_SIZE))
    return OpenedEnvelope(facts, StreamReader(key, plain, start, cipher))


def _unwrap(header: Header, identities: Sequence[Identity]) -> bytes:
    for identity in identities:
        file_key = identity.unwrap(header.stanzas)
        if file_key is not None:
            return file_key
    if not identities:
        raise NoMatch("no key was given to open the package; give an identity (-i) or the passphrase")
    if header.stanzas[0].type == ScryptRecipient.kind:
        raise NoMatch("the package is sealed with a passphrase, and none that was given opens it")
    kinds = sorted({stanza.type for stanza in header.stanzas} - {STANZA_TYPE})
    raise NoMatch(
        f"none of the keys tried ({len(identities)}) opens the package, which is sealed to recipients of the kind "
        f"{', '.join(kinds[:8])}; give the right identity (-i)"
    )


def inspect(source: BinaryIO) -> EnvelopeInfo:
    """What the age file in ``source`` (seekable) shows without a key; nothing of it is authenticated."""
    plain, armored = _without_armor(source)
    header, start = _read_header(plain)
    check_alone(header.stanzas)
    return EnvelopeInfo(
        armored=armored,
        recipients=tuple(stanza.type for stanza in header.stanzas if stanza.type != STANZA_TYPE),
        facts=facts_of(header.stanzas),
        header_size=header.size,
        payload_size=plaintext_size(plain.seek(0, os.SEEK_END) - start),
    )


def _without_armor(source: BinaryIO) -> tuple[BinaryIO, bool]:
    source.seek(0)
    if not looks_armored(source.read(HEAD_SIZE)):
        source.seek(0)
        return source, False
    return cast("BinaryIO", ArmorReader(source)), True


def _read_header(plain: BinaryIO) -> tuple[Header, int]:
    """The header, and the offset of the first chunk."""
    header = read_header(plain)
    if len(plain.read(PAYLOAD_NONCE_SIZE)) != PAYLOAD_NONCE_SIZE:
        raise HeaderError("the package is truncated right behind its header")
    return header, header.size + PAYLOAD_NONCE_SIZE
