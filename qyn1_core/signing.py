"""Detached signatures in the format of minisign (https://jedisct1.github.io/minisign/).

A signature says who made a sealed file, which the envelope cannot: whoever knows a
recipient can seal to it. Ed25519 signs the BLAKE2b-512 digest of the file (algorithm
``ED``), and then signature and trusted comment together. Verification also knows the
older form that signs the file itself (``Ed``). Either side may be minisign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from qyn1_core.envelope.secrecy import HoldsSecret
from qyn1_core.errors import AuthenticationError, ConfigError, FormatError, KeyUnavailable

__all__ = ["SigningKey", "VerifyingKey", "scrypt_cost", "verify_ed25519"]

_ALGORITHM: Final = b"Ed"
_PREHASHED: Final = b"ED"
_SCRYPT: Final = b"Sc"
_NO_KDF: Final = b"\0\0"
_CHECKSUM: Final = b"B2"
_KEY_ID_SIZE: Final = 8
_SIGNATURE_SIZE: Final = 64
_UNTRUSTED: Final = "untrusted comment: "
_TRUSTED: Final = "trusted comment: "
_MAXIMUM_UNTRUSTED: Final = 1024 - len(_UNTRUSTED) - 1
_MAXIMUM_TRUSTED: Final = 8192 - len(_TRUSTED) - 1
"""Bytes, from minisign's line buffers."""
_READ_SIZE: Final = 1 << 20
_MAXIMUM_LEGACY: Final = 1 << 30
"""Bytes: the older form needs the whole file in memory; minisign has the same limit."""
_MAXIMUM_TEXT: Final = 32 * 1024

# scrypt for new key files, in libsodium's units: N = 2**17, r = 8, p = 1, 128 MiB.
_OPERATIONS: Final = 1 << 22
_MEMORY: Final = 1 << 27
_MAXIMUM_LOG_N: Final = 20
"""N of minisign's own key files (1 GiB); a file that wants more is refused."""
_MAXIMUM_P: Final = 16


def _decode(text: str, size: int, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError(f"{what} is malformed: a line is not base64") from None
    if len(data) != size:
        raise FormatError(f"{what} is malformed: a line holds {len(data)} bytes, not {size}")
    return data


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _lines(text: str, what: str, count: int) -> list[str]:
    """Exactly ``count`` lines; the last one's line break is optional, CR LF allowed."""
    lines = text.removesuffix("\n").split("\n")
    if len(text) > _MAXIMUM_TEXT or len(lines) != count:
        raise FormatError(f"{what} does not have the {count} lines that minisign writes")
    return [line.removesuffix("\r") for line in lines]


def _check_comment(comment: str, maximum: int, what: str) -> str:
    if len(comment.encode("utf-8", "surrogatepass")) > maximum or re.search(
        "[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", comment
    ):
        raise ConfigError(f"a {what} is one line of at most {maximum} bytes without control characters")
    return comment


def _key_id_text(key_id: bytes) -> str:
    return f"{int.from_bytes(key_id, 'little'):016X}"


def _prehash(stream: BinaryIO) -> bytes:
    digest = hashlib.blake2b(digest_size=64)
    while data := stream.read(_READ_SIZE):
        digest.update(data)
    return digest.digest()


def _whole(stream: BinaryIO) -> bytes:
    data = stream.read(_MAXIMUM_LEGACY + 1)
    if len(data) > _MAXIMUM_LEGACY:
        raise FormatError(f"a signature in the older form covers files of up to {_MAXIMUM_LEGACY} bytes; sign it anew")
    return data


def verify_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` (64 bytes) of ``message`` is good under the key ``public`` (32 bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class VerifyingKey:
    """A minisign public key: ``key_id`` (8 bytes) and the Ed25519 key ``public`` (32 bytes)."""

    key_id: bytes
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifyingKey:
        """From a public key file, or from its second line alone. Raises `FormatError`."""
        what = "the public key"
        text = text.strip()
        line = text if "\n" not in text else _lines(text, what, 2)[1]
        data = _decode(line, 2 + _KEY_ID_SIZE + 32, what)
        if data[:2] != _ALGORITHM:
            raise FormatError(f"{what} is of an unknown kind; a minisign Ed25519 key was expected")
        return cls(data[2 : 2 + _KEY_ID_SIZE], data[2 + _KEY_ID_SIZE :])

    def to_text(self) -> str:
        """The public key file."""
        return f"{_UNTRUSTED}minisign public key {_key_id_text(self.key_id)}\n{self}\n"

    def __str__(self) -> str:
        return _encode(_ALGORITHM + self.key_id + self.public)

    def verify(self, stream: BinaryIO, signature: str) -> str:
        """The trusted comment of ``signature``, the text of a ``.minisig`` file, if it is good for ``stream``.

        Raises `AuthenticationError` when file, comment or signature were changed,
        `KeyUnavailable` when another key made it, and `FormatError` when it is malformed.
        """
        what = "the signature"
        untrusted, first, trusted, second = _lines(signature, what, 4)
        if not untrusted.startswith(_UNTRUSTED) or not trusted.startswith(_TRUSTED):
            raise FormatError(f"{what} is malformed: its comments are missing")
        data = _decode(first, 2 + _KEY_ID_SIZE + _SIGNATURE_SIZE, what)
        global_signature = _decode(second, _SIGNATURE_SIZE, what)
        algorithm, key_id, file_signature = data[:2], data[2 : 2 + _KEY_ID_SIZE], data[2 + _KEY_ID_SIZE :]
        if algorithm not in (_ALGORITHM, _PREHASHED):
            raise FormatError(f"{what} is of an unknown kind; one of minisign was expected")
        if key_id != self.key_id:
            raise KeyUnavailable(
                f"the signature was made with the key {_key_id_text(key_id)}, and the key given is "
                f"{_key_id_text(self.key_id)}"
            )
        comment = trusted.removeprefix(_TRUSTED)
        signed = _prehash(stream) if algorithm == _PREHASHED else _whole(stream)
        try:
            commented = file_signature + comment.encode()
        except UnicodeEncodeError:
            raise FormatError(f"{what} is malformed: its trusted comment is no UTF-8 text") from None
        if not verify_ed25519(self.public, file_signature, signed):
            raise AuthenticationError("the signature does not fit: the file or the signature was changed")
        if not verify_ed25519(self.public, global_signature, commented):
            raise AuthenticationError("the signature does not fit: its trusted comment was changed")
        return comment


class SigningKey(HoldsSecret):
    """A minisign secret key: ``key_id`` (8 bytes) and an Ed25519 seed (32 bytes)."""

    def __init__(self, key_id: bytes, seed: bytes) -> None:
        self._key_id = key_id
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def __repr__(self) -> str:
        return f"<SigningKey {_key_id_text(self._key_id)}>"

    @classmethod
    def generate(cls, randomness: Callable[[int], bytes] = os.urandom) -> SigningKey:
        """A new key."""
        return cls(randomness(_KEY_ID_SIZE), randomness(32))

    @property
    def verifying_key(self) -> VerifyingKey:
        """The public half."""
        return VerifyingKey(self._key_id, self._key.public_key().public_bytes_raw())

    def sign(self, stream: BinaryIO, *, trusted_comment: str = "", untrusted_comment: str = "") -> str:
        """The text of a ``.minisig`` file for what is left in ``stream``.

        The trusted comment is signed too. No time is put in unless the caller does, so the
        same file and key give the same signature.
        """
        _check_comment(trusted_comment, _MAXIMUM_TRUSTED, "trusted comment")
        _check_comment(untrusted_comment, _MAXIMUM_UNTRUSTED, "untrusted comment")
        signature = self._key.sign(_prehash(stream))
        global_signature = self._key.sign(signature + trusted_comment.encode())
        return (
            f"{_UNTRUSTED}{untrusted_comment or 'signature from a qyn1 secret key'}\n"
            f"{_encode(_PREHASHED + self._key_id + signature)}\n"
            f"{_TRUSTED}{trusted_comment}\n"
            f"{_encode(global_signature)}\n"
        )

    # -- key files ----------------------------------------------------------------

    def to_text(self, passphrase: str | None, randomness: Callable[[int], bytes] = os.urandom) -> str:
        """A secret key file, encrypted under ``passphrase``, or in clear when that is None. Secret."""
        public = self.verifying_key.public
        kept = self._key_id + self._seed + public
        kdf, salt, operations, memory = _NO_KDF, bytes(32), 0, 0
        if passphrase is None:
            kept += bytes(32)
        elif not passphrase:
            raise ConfigError("the passphrase is empty")
        else:
            kdf, salt, operations, memory = _SCRYPT, randomness(32), _OPERATIONS, _MEMORY
            kept += hashlib.blake2b(_ALGORITHM + kept, digest_size=32).digest()
            kept = _exclusive_or(kept, _key_stream(passphrase, salt, operations, memory, len(kept)))
        data = b"".join(
            (_ALGORITHM, kdf, _CHECKSUM, salt, operations.to_bytes(8, "little"), memory.to_bytes(8, "little"), kept)
        )
        return f"{_UNTRUSTED}minisign {'encrypted ' if passphrase is not None else ''}secret key\n{_encode(data)}\n"

    @classmethod
    def parse(cls, text: str, passphrase: str | None = None) -> SigningKey:
        """From the text of a secret key file.

        Raises `FormatError` when it is none, and `KeyUnavailable` when the passphrase is
        missing or wrong.
        """
        what = "the signing key"
        data = _decode(_lines(text, what, 2)[1], 54 + 104, what)
        algorithm, kdf, checksum, salt = data[:2], data[2:4], data[4:6], data[6:38]
        operations, memory = (int.from_bytes(data[at : at + 8], "little") for at in (38, 46))
        kept = data[54:]
        if algorithm != _ALGORITHM or checksum != _CHECKSUM or kdf not in (_SCRYPT, _NO_KDF):
            raise FormatError(f"{what} is of an unknown kind; a minisign Ed25519 key was expected")
        if kdf == _SCRYPT:
            if not passphrase:
                raise KeyUnavailable(f"{what} is encrypted, and no passphrase was given")
            kept = _exclusive_or(kept, _key_stream(passphrase, salt, operations, memory, len(kept)))
        body, found = kept[:72], kept[72:]
        expected = hashlib.blake2b(_ALGORITHM + body, digest_size=32).digest()
        # Like minisign: a key in clear has no checksum.
        if not hmac.compare_digest(found, expected) and (kdf == _SCRYPT or any(found)):
            reason = "the passphrase is wrong" if kdf == _SCRYPT else "its checksum is wrong"
            raise KeyUnavailable(f"{what} cannot be used: {reason}")
        key = cls(body[:8], body[8:40])
        if key.verifying_key.public != body[40:]:
            raise KeyUnavailable(f"{what} cannot be used: its halves do not belong together")
        return key


def _exclusive_or(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def scrypt_cost(operations: int, memory: int) -> tuple[int, int]:
    """log2 of scrypt's N, and p (r is 8), for the two limits in a key file.

    The rule of libsodium's crypto_pwhash_scryptsalsa208sha256. Raises `FormatError` for
    more than 1 GiB of memory.
    """
    operations = max(operations, 32768)
    by_memory = operations >= memory // 32
    log_n = max(((memory // 1024 if by_memory else operations // 32) // 2).bit_length(), 1)
    if log_n > _MAXIMUM_LOG_N:
        raise FormatError(f"the signing key wants 2**{log_n} rounds of scrypt; the limit is 2**{_MAXIMUM_LOG_N}")
    p = (operations // 4 >> log_n) // 8 if by_memory else 1
    if not 1 <= p <= _MAXIMUM_P:
        raise FormatError("the signing key wants an unusual amount of work for its passphrase")
    return log_n, p


def _key_stream(passphrase: str, salt: bytes, operations: int, memory: int, size: int) -> bytes:
    log_n, p = scrypt_cost(operations, memory)
    try:
        return Scrypt(salt, size, n=1 << log_n, r=8, p=p).derive(passphrase.encode())
    except MemoryError:
        raise KeyUnavailable("the passphrase of the signing key needs more memory than there is") from None
