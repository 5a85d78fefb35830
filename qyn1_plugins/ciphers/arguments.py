"""What every cipher provider checks before it touches a byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qyn1_plugins.errors import AuthenticationError

__all__ = ["KEY_SIZE", "MAXIMUM_PLAINTEXT", "NONCE_SIZE", "TAG_SIZE", "check_open", "check_seal", "wrong_tag"]

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
MAXIMUM_PLAINTEXT: Final = (2**32 - 1) * 64
"""RFC 8439 §2.8: the block counter has 32 bits, and block 0 makes the Poly1305 key."""


def check_seal(key: bytes, nonces: Sequence[bytes], plaintexts: Sequence[bytes]) -> None:
    """Raise `ValueError` unless the sizes are right and no nonce comes twice."""
    _check_sizes(key, nonces, plaintexts)
    if len(set(nonces)) != len(nonces):
        raise ValueError("a nonce comes twice in one call: it must never be used again under the same key")
    if any(len(plaintext) > MAXIMUM_PLAINTEXT for plaintext in plaintexts):
        raise ValueError(f"a plaintext is longer than {MAXIMUM_PLAINTEXT} bytes, the limit of ChaCha20-Poly1305")


def check_open(key: bytes, nonces: Sequence[bytes], ciphertexts: Sequence[bytes]) -> None:
    """Raise `ValueError` unless the sizes of key and nonces are right.

    A ciphertext that cannot be one (shorter than a tag, or over the cipher's limit)
    raises `AuthenticationError`.
    """
    _check_sizes(key, nonces, ciphertexts)
    for ciphertext in ciphertexts:
        if not TAG_SIZE <= len(ciphertext) <= MAXIMUM_PLAINTEXT + TAG_SIZE:
            raise wrong_tag()


def wrong_tag() -> AuthenticationError:
    """The one error for every ciphertext that does not authenticate."""
    return AuthenticationError("the data was changed after it was sealed, or the key is another one")


def _check_sizes(key: bytes, nonces: Sequence[bytes], texts: Sequence[bytes]) -> None:
    if len(key) != KEY_SIZE:
        raise ValueError(f"a key has {KEY_SIZE} bytes, not {len(key)}")
    if len(nonces) != len(texts):
        raise ValueError(f"{len(nonces)} nonces for {len(texts)} texts")
    for nonce in nonces:
        if len(nonce) != NONCE_SIZE:
            raise ValueError(f"a nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
