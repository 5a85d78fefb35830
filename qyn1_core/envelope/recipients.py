"""Who a package is sealed to: age's recipient types, and the identities that open them.

Two methods are the whole interface, as in age: a recipient wraps the file key into a
stanza, an identity looks for its stanza and unwraps it. `Identity.unwrap` returns None
when no stanza is its own, so that the next identity is tried; everything malformed raises
`HeaderError` and ends the attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qyn1_core.envelope import bech32
from qyn1_core.envelope.failures import HeaderError
from qyn1_core.envelope.header import Stanza, decode_base64, encode_base64
from qyn1_core.envelope.secrecy import HoldsSecret
from qyn1_core.errors import ConfigError, KeyUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FILE_KEY_SIZE",
    "HYBRID_IDENTITY_PREFIX",
    "HYBRID_RECIPIENT_PREFIX",
    "HYBRID_SEED_SIZE",
    "Identity",
    "Randomness",
    "Recipient",
    "ScryptIdentity",
    "ScryptRecipient",
    "X25519Identity",
    "X25519Recipient",
]

FILE_KEY_SIZE: Final = 16
_WRAPPED_SIZE: Final = FILE_KEY_SIZE + 16

# Of the post-quantum type, which is a module of its own: whoever has no such key does without it.
HYBRID_RECIPIENT_PREFIX: Final = "age1pq"
HYBRID_IDENTITY_PREFIX: Final = "age-secret-key-pq-"
HYBRID_SEED_SIZE: Final = 32

Randomness: TypeAlias = Callable[[int], bytes]
"""Gives as many unpredictable bytes as it is asked for, like `os.urandom`."""


@runtime_checkable
class Recipient(Protocol):
    """Whom a package is sealed to.

    ``kind`` is the type of its stanza. ``derivable`` says that everything random in the
    stanza comes from the ``randomness`` it was given, which deterministic sealing needs.
    ``binding`` names the recipient for the digest of a deterministic package: different
    recipients have different ones. It may be secret.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102

    @property
    def derivable(self) -> bool: ...  # noqa: D102

    @property
    def binding(self) -> bytes: ...  # noqa: D102

    def wrap(self, file_key: bytes, randomness: Randomness) -> Stanza:
        """The stanza from which the matching identity gets ``file_key`` (16 bytes) back."""


@runtime_checkable
class Identity(Protocol):
    """What opens a package."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None when no stanza is this identity's.

        Raises `HeaderError` for a stanza of its type that is malformed.
        """


def wrap_key(key: bytes, file_key: bytes) -> bytes:
    """The body of a stanza; ``key`` is used this once, so that a nonce of zeros is right (age §X25519)."""
    return ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)


def unwrap_key(key: bytes, body: bytes) -> bytes | None:
    """The file key, or None when ``key`` is the wrong one."""
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)
    except InvalidTag:
        return None


def check_wrapped(stanza: Stanza, arguments: int) -> None:
    """Raise `HeaderError` unless the stanza has so many arguments, and the body of a wrapped file key.

    The size is checked before anything is decrypted: it keeps a body from opening under
    two keys (age's partitioning oracle defence).
    """
    if len(stanza.arguments) != arguments:
        raise HeaderError(f"a stanza {stanza.type} has {len(stanza.arguments)} arguments, not {arguments}")
    if len(stanza.body) != _WRAPPED_SIZE:
        raise HeaderError(f"a stanza {stanza.type} does not hold a file key of {FILE_KEY_SIZE} bytes")


def decode_argument(stanza: Stanza, number: int, size: int) -> bytes:
    """An argument of ``size`` bytes in base64."""
    try:
        data = decode_base64(stanza.arguments[number].encode("ascii"))
    except ValueError as error:
        raise HeaderError(f"an argument of a stanza {stanza.type} is {error}") from None
    if len(data) != size:
        raise HeaderError(f"an argument of a stanza {stanza.type} has {len(data)} bytes, not {size}")
    return data


# -- X25519 -----------------------------------------------------------------------

_X25519: Final = "X25519"
_X25519_INFO: Final = b"age-encryption.org/v1/X25519"
_X25519_PREFIX: Final = "age"
_X25519_IDENTITY_PREFIX: Final = "age-secret-key-"


def x25519_wrapping_key(shared: bytes, share: bytes, recipient: bytes) -> bytes:
    """The key for the file key, from the shared secret, the ephemeral share and the public key."""
    return HKDF(SHA256(), 32, salt=share + recipient, info=_X25519_INFO).derive(shared)


def check_x25519_public(public: bytes) -> None:
    """Raise `ConfigError` for a point of low order: its shared secrets are zero, so everyone could open the package."""
    try:
        X25519PrivateKey.from_private_bytes(b"\x01" * 32).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise ConfigError("the recipient is no valid X25519 key") from None


class X25519Recipient:
    """``age1…``: a Curve25519 public key (32 bytes)."""

    kind = _X25519
    derivable = True

    def __init__(self, public: bytes) -> None:
        self.public = public
        check_x25519_public(public)

    @property
    def binding(self) -> bytes:
        """The public key's text."""
        return str(self).encode("ascii")

    def wrap(self, file_key: bytes, randomness: Randomness) -> Stanza:
        """A stanza with an ephemeral share."""
        ephemeral = X25519PrivateKey.from_private_bytes(randomness(32))
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public))
        key = x25519_wrapping_key(shared, share, self.public)
        return Stanza(_X25519, (encode_base64(share).decode("ascii"),), wrap_key(key, file_key))

    def __str__(self) -> str:
        return bech32.encode(_X25519_PREFIX, self.public)

    def __repr__(self) -> str:
        return f"X25519Recipient({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, X25519Recipient) and other.public == self.public

    def __hash__(self) -> int:
        return hash(self.public)


class X25519Identity(HoldsSecret):
    """``AGE-SECRET-KEY-1…``: a Curve25519 secret key (32 bytes)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self._public = self._key.public_key().public_bytes_raw()

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Try every X25519 stanza: they do not say whose they are."""
        for stanza in stanzas:
            if stanza.type != _X25519:
                continue
            check_wrapped(stanza, 1)
            share = decode_argument(stanza, 0, 32)
            try:
                shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
            except ValueError:
                raise HeaderError("a stanza X25519 holds a share of low order") from None
            file_key = unwrap_key(x25519_wrapping_key(shared, share, self._public), stanza.body)
            if file_key is not None:
                return file_key
        return None

    def to_recipient(self) -> X25519Recipient:
        """The public half."""
        return X25519Recipient(self._public)

    def secret_text(self) -> str:
        """The line for an identity file. Secret."""
        return bech32.encode(_X25519_IDENTITY_PREFIX, self._secret).upper()

    def __repr__(self) -> str:
        return f"<X25519Identity for {self.to_recipient()}>"


# -- scrypt -----------------------------------------------------------------------

_SCRYPT: Final = "scrypt"
_SCRYPT_LABEL: Final = b"age-encryption.org/v1/scrypt"
_SALT_SIZE: Final = 16
DEFAULT_WORK_FACTOR: Final = 18
"""log2 of scrypt's N: 256 MiB of memory and about a second, age's own choice."""
MAXIMUM_WORK_FACTOR: Final = 20
"""The most that is accepted from a header: 1 GiB."""


def _scrypt(passphrase: bytes, salt: bytes, work_factor: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415  (most packages have no passphrase)

    try:
        return Scrypt(_SCRYPT_LABEL + salt, 32, n=1 << work_factor, r=8, p=1).derive(passphrase)
    except MemoryError:
        raise KeyUnavailable(
            f"the passphrase needs {1 << work_factor >> 10} MiB of memory to be checked, and there is less"
        ) from None


def _passphrase_bytes(passphrase: str) -> bytes:
    if not passphrase:
        raise ConfigError("the passphrase is empty")
    return passphrase.encode("utf-8", "surrogateescape")


class ScryptRecipient(HoldsSecret):
    """A passphrase. It stands alone in a header, so the package has no public facts."""

    kind = _SCRYPT
    derivable = True

    def __init__(self, passphrase: str, work_factor: int = DEFAULT_WORK_FACTOR) -> None:
        self._passphrase = _passphrase_bytes(passphrase)
        if not 1 <= work_factor <= MAXIMUM_WORK_FACTOR:
            raise ConfigError(f"the scrypt work factor {work_factor} is not between 1 and {MAXIMUM_WORK_FACTOR}")
        self._work_factor = work_factor

    @property
    def binding(self) -> bytes:
        """The work factor and the passphrase. Secret."""
        return bytes([self._work_factor]) + self._passphrase

    def wrap(self, file_key: bytes, randomness: Randomness) -> Stanza:
        """A stanza with a salt and the work factor."""
        salt = randomness(_SALT_SIZE)
        key = _scrypt(self._passphrase, salt, self._work_factor)
        arguments = (encode_base64(salt).decode("ascii"), str(self._work_factor))
        return Stanza(_SCRYPT, arguments, wrap_key(key, file_key))

    def __repr__(self) -> str:
        return "<ScryptRecipient>"


class ScryptIdentity(HoldsSecret):
    """A passphrase. ``maximum_work_factor`` bounds what a header may make us compute."""

    def __init__(self, passphrase: str, maximum_work_factor: int = MAXIMUM_WORK_FACTOR) -> None:
        self._passphrase = _passphrase_bytes(passphrase)
        self._maximum = maximum_work_factor

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Derive the key from the passphrase, if the package was sealed with one."""
        for stanza in stanzas:
            if stanza.type != _SCRYPT:
                continue
            check_wrapped(stanza, 2)
            salt = decode_argument(stanza, 0, _SALT_SIZE)
            factor = self._work_factor(stanza.arguments[1])
            file_key = unwrap_key(_scrypt(self._passphrase, salt, factor), stanza.body)
            if file_key is not None:
                return file_key
        return None

    def _work_factor(self, text: str) -> int:
        # The grammar of age: no sign, no leading zero, decimal; two digits bound the number before it is parsed.
        if not (text.isascii() and text.isdigit()) or text.startswith("0") or len(text) > 2:
            raise HeaderError("a stanza scrypt has a malformed work factor")
        factor = int(text)
        if factor > self._maximum:
            raise HeaderError(
                f"the package wants 2**{factor} rounds of scrypt for its passphrase; the limit is 2**{self._maximum}"
            )
        return factor

    def __repr__(self) -> str:
        return "<ScryptIdentity>"


def check_alone(stanzas: Sequence[Stanza]) -> None:
    """Raise `HeaderError` when a scrypt stanza has company.

    A passphrase package is authenticated by the passphrase: another recipient could have
    made one that both open (age §scrypt).
    """
    if len(stanzas) > 1 and any(stanza.type == _SCRYPT for stanza in stanzas):
        raise HeaderError("the header has a passphrase stanza beside others; it must stand alone")
