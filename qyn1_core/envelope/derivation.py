"""HKDF-SHA256 with a label for every purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qyn1_core.envelope.facts import encode_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qyn1_core.envelope.facts import PublicFacts
    from qyn1_core.envelope.recipients import Randomness, Recipient

__all__ = ["PAYLOAD_NONCE_SIZE", "Derivation", "InputDigest", "has_header_mac", "header_mac", "hkdf", "payload_key"]

PAYLOAD_NONCE_SIZE: Final = 16
_LABEL: Final = b"qyn1/deterministic/v1/"


def hkdf(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA256 (RFC 5869), ``size`` bytes."""
    return HKDF(SHA256(), size, salt=salt, info=info).derive(secret)


def header_mac(file_key: bytes, authenticated: bytes) -> bytes:
    """The MAC of a header (age §Header MAC), 32 bytes."""
    return _header_mac(file_key, authenticated).finalize()


def has_header_mac(file_key: bytes, authenticated: bytes, mac: bytes) -> bool:
    """Whether ``mac`` is that of a header; the time taken does not tell how much of it is right."""
    try:
        _header_mac(file_key, authenticated).verify(mac)
    except InvalidSignature:
        return False
    return True


def _header_mac(file_key: bytes, authenticated: bytes) -> HMAC:
    mac = HMAC(hkdf(file_key, b"", b"header", 32), SHA256())
    mac.update(authenticated)
    return mac


def payload_key(file_key: bytes, nonce: bytes) -> bytes:
    """The STREAM key (age §Payload), 32 bytes."""
    return hkdf(file_key, nonce, b"payload", 32)


class InputDigest:
    """A keyed digest of everything that goes into a deterministic package.

    HMAC-SHA256, so that whoever sees derived values learns nothing about the input
    without the sealing secret. Each field is preceded by its length, and the archive,
    which has none, comes last: no two inputs look alike.
    """

    def __init__(self, secret: bytes, mode: bytes, recipients: Sequence[Recipient], facts: PublicFacts | None) -> None:
        key = hkdf(secret, mode, _LABEL + b"digest", 32)
        self._mac = HMAC(key, SHA256())
        self._field(b"" if facts is None else encode_facts(facts).body)
        self._mac.update(len(recipients).to_bytes(8, "big"))
        for recipient in recipients:
            self._field(recipient.kind.encode("ascii"))
            self._field(recipient.binding)

    def _field(self, data: bytes) -> None:
        self._mac.update(len(data).to_bytes(8, "big"))
        self._mac.update(data)

    def update(self, archive: bytes | memoryview) -> None:
        """The next bytes of the archive."""
        self._mac.update(archive)

    def digest(self) -> bytes:
        """The digest of it all, 32 bytes."""
        return self._mac.copy().finalize()


class Derivation:
    """Every random value of one package, from the sealing secret and the digest of its input."""

    def __init__(self, secret: bytes, mode: bytes, digest: bytes) -> None:
        self._secret = hkdf(secret, digest, _LABEL + mode, 32)

    def randomness(self, purpose: str) -> Randomness:
        """The randomness for ``purpose``: call n for s bytes is HKDF with the purpose, n and s in its label."""
        calls = 0

        def derive(size: int) -> bytes:
            nonlocal calls
            info = _LABEL + purpose.encode("ascii") + b"/" + str(calls).encode() + b"/" + str(size).encode()
            calls += 1
            return hkdf(self._secret, b"", info, size)

        return derive
