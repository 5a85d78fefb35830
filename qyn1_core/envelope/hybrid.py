"""``age1pq1…``: the post-quantum recipient type, ML-KEM-768 and X25519 together in HPKE (RFC 9180).

The KEM is MLKEM768-X25519 (X-Wing, draft-connolly-cfrg-xwing-kem), the KDF HKDF-SHA256 and
the AEAD ChaCha20-Poly1305, all by pyca/cryptography. An identity is X-Wing's 32-byte seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from qyn1_core.envelope import bech32
from qyn1_core.envelope.failures import HeaderError
from qyn1_core.envelope.header import Stanza, encode_base64
from qyn1_core.envelope.recipients import (
    HYBRID_IDENTITY_PREFIX,
    HYBRID_RECIPIENT_PREFIX,
    Randomness,
    check_wrapped,
    check_x25519_public,
    decode_argument,
)
from qyn1_core.envelope.secrecy import HoldsSecret
from qyn1_core.errors import ConfigError, KeyUnavailable

try:
    from cryptography.hazmat.primitives import hpke as _hpke
    from cryptography.hazmat.primitives.asymmetric import mlkem as _mlkem

    _SUITE = _hpke.Suite(_hpke.KEM.MLKEM768_X25519, _hpke.KDF.HKDF_SHA256, _hpke.AEAD.CHACHA20_POLY1305)
    _mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes(64))
    _AVAILABLE = True
except (ImportError, AttributeError, UnsupportedAlgorithm):
    _AVAILABLE = False

__all__ = ["UNAVAILABLE", "HybridIdentity", "HybridRecipient"]

UNAVAILABLE: Final[str | None] = (
    None
    if _AVAILABLE
    else "post-quantum keys need cryptography 48 or later with ML-KEM (python3 -m pip install -U cryptography)"
)
"""Why hybrid keys cannot be used here, or None."""

_TYPE: Final = "mlkem768x25519"
_INFO: Final = b"age-encryption.org/mlkem768x25519"
_MLKEM_PUBLIC_SIZE: Final = 1184
_MLKEM_CIPHERTEXT_SIZE: Final = 1088
_X25519_SIZE: Final = 32
_ENCAPSULATION_SIZE: Final = _MLKEM_CIPHERTEXT_SIZE + _X25519_SIZE


class HybridRecipient:
    """A public key of 1216 bytes: ML-KEM-768's, then X25519's.

    Not ``derivable``: pyca/cryptography draws the randomness of an encapsulation itself.
    """

    kind = _TYPE
    derivable = False

    def __init__(self, public: bytes) -> None:
        if UNAVAILABLE is not None:
            raise ConfigError(UNAVAILABLE)
        if len(public) != _MLKEM_PUBLIC_SIZE + _X25519_SIZE:
            raise ConfigError("the recipient is no valid post-quantum key: its length is wrong")
        self._public = public
        check_x25519_public(public[_MLKEM_PUBLIC_SIZE:])
        try:
            self._key = _hpke.MLKEM768X25519PublicKey(
                _mlkem.MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_SIZE]),
                X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_SIZE:]),
            )
        except ValueError:
            raise ConfigError("the recipient is no valid post-quantum key") from None

    @property
    def binding(self) -> bytes:
        """The public key's text."""
        return str(self).encode("ascii")

    def wrap(self, file_key: bytes, randomness: Randomness) -> Stanza:
        """A stanza with the HPKE encapsulation; ``randomness`` is not used."""
        sealed = _SUITE.encrypt(file_key, self._key, info=_INFO)
        encapsulation, body = sealed[:_ENCAPSULATION_SIZE], sealed[_ENCAPSULATION_SIZE:]
        return Stanza(_TYPE, (encode_base64(encapsulation).decode("ascii"),), body)

    def __str__(self) -> str:
        return bech32.encode(HYBRID_RECIPIENT_PREFIX, self._public)

    def __repr__(self) -> str:
        return f"HybridRecipient({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HybridRecipient) and other._public == self._public

    def __hash__(self) -> int:
        return hash(self._public)


class HybridIdentity(HoldsSecret):
    """``AGE-SECRET-KEY-PQ-1…``: a seed of 32 bytes, from which both secret keys are expanded."""

    def __init__(self, seed: bytes) -> None:
        if UNAVAILABLE is not None:
            raise KeyUnavailable(UNAVAILABLE)
        self._seed = seed
        # X-Wing §5.2: SHAKE-256 gives ML-KEM's d and z, then X25519's secret key.
        expanded = hashlib.shake_256(seed).digest(64 + _X25519_SIZE)
        mlkem_key = _mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self._x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._key = _hpke.MLKEM768X25519PrivateKey(mlkem_key, self._x25519)
        self._public = mlkem_key.public_key().public_bytes_raw() + self._x25519.public_key().public_bytes_raw()

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Try every hybrid stanza: they do not say whose they are."""
        for stanza in stanzas:
            if stanza.type != _TYPE:
                continue
            check_wrapped(stanza, 1)
            encapsulation = decode_argument(stanza, 0, _ENCAPSULATION_SIZE)
            try:
                # HPKE reports a share of low order like a wrong key; age wants it refused.
                self._x25519.exchange(X25519PublicKey.from_public_bytes(encapsulation[_MLKEM_CIPHERTEXT_SIZE:]))
            except ValueError:
                raise HeaderError(f"a stanza {_TYPE} holds a share of low order") from None
            try:
                return _SUITE.decrypt(encapsulation + stanza.body, self._key, info=_INFO)
            except InvalidTag:
                continue
        return None

    def to_recipient(self) -> HybridRecipient:
        """The public half."""
        return HybridRecipient(self._public)

    def secret_text(self) -> str:
        """The line for an identity file. Secret."""
        return bech32.encode(HYBRID_IDENTITY_PREFIX, self._seed).upper()

    def __repr__(self) -> str:
        return f"<HybridIdentity for {str(self.to_recipient())[:24]}…>"
