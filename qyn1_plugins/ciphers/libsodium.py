"""ChaCha20-Poly1305 by libsodium, through PyNaCl (optional)."""

from __future__ import annotations

from typing import Final

from qyn1_plugins.ciphers.arguments import check_open, check_seal, wrong_tag

try:
    from nacl.bindings import (
        crypto_aead_chacha20poly1305_ietf_decrypt as _decrypt,
    )
    from nacl.bindings import (
        crypto_aead_chacha20poly1305_ietf_encrypt as _encrypt,
    )
    from nacl.exceptions import CryptoError

    _PROBLEM: str | None = None
except ImportError:
    _PROBLEM = "install PyNaCl (python3 -m pip install 'qyn1[libsodium]')"

__all__ = ["Libsodium"]

_SPEED_RANK: Final = 20


class Libsodium:
    """The cipher provider ``libsodium``."""

    name = "libsodium"
    version = 1

    def unavailable(self) -> str | None:
        """Says what to install where PyNaCl is missing."""
        return _PROBLEM

    def speed_rank(self) -> int:
        """Behind OpenSSL."""
        return _SPEED_RANK

    def seal(self, key: bytes, nonces: list[bytes], plaintexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext's ciphertext and tag."""
        check_seal(key, nonces, plaintexts)
        return [_encrypt(text, aad, nonce, key) for nonce, text in zip(nonces, plaintexts, strict=True)]

    def open(self, key: bytes, nonces: list[bytes], ciphertexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext, or `AuthenticationError`."""
        check_open(key, nonces, ciphertexts)
        try:
            return [_decrypt(text, aad, nonce, key) for nonce, text in zip(nonces, ciphertexts, strict=True)]
        except CryptoError:
            raise wrong_tag() from None
