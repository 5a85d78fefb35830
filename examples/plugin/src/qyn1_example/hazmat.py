"""A cipher provider on the AEAD class of pyca/cryptography."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from qyn1_plugins.errors import AuthenticationError


class HazmatCipher:
    """ChaCha20-Poly1305 (RFC 8439), one call a chunk."""

    name = "hazmat"
    version = 1

    def unavailable(self) -> str | None:
        return None

    def speed_rank(self) -> int:
        return 90  # behind the built-in ones: chosen only by name

    def seal(self, key: bytes, nonces: list[bytes], plaintexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        if len(set(nonces)) != len(nonces):
            raise ValueError("a nonce occurs twice")
        aead = ChaCha20Poly1305(key)
        return [aead.encrypt(nonce, text, aad) for nonce, text in zip(nonces, plaintexts, strict=True)]

    def open(self, key: bytes, nonces: list[bytes], ciphertexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        aead = ChaCha20Poly1305(key)
        try:
            return [aead.decrypt(nonce, text, aad) for nonce, text in zip(nonces, ciphertexts, strict=True)]
        except InvalidTag:
            raise AuthenticationError("a chunk is not authentic") from None
