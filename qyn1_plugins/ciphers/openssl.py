"""ChaCha20-Poly1305 by OpenSSL, through pyca/cryptography."""

from __future__ import annotations

from typing import Final

from qyn1_plugins.ciphers.arguments import check_open, check_seal, wrong_tag

try:
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    _PROBLEM: str | None = None
    try:
        ChaCha20Poly1305(bytes(32))
    except UnsupportedAlgorithm:  # a FIPS build of OpenSSL
        _PROBLEM = "this OpenSSL has no ChaCha20-Poly1305; use the cipher 'libsodium' or 'pure'"
except ImportError:
    _PROBLEM = "install cryptography (python3 -m pip install cryptography)"

__all__ = ["OpenSSL"]

_SPEED_RANK: Final = 10


class OpenSSL:
    """The cipher provider ``openssl``."""

    name = "openssl"
    version = 1

    def unavailable(self) -> str | None:
        """Why cryptography, or its OpenSSL, cannot do it here."""
        return _PROBLEM

    def speed_rank(self) -> int:
        """The fastest of the built-in ones."""
        return _SPEED_RANK

    def seal(self, key: bytes, nonces: list[bytes], plaintexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext's ciphertext and tag."""
        check_seal(key, nonces, plaintexts)
        cipher = ChaCha20Poly1305(key)
        return [cipher.encrypt(nonce, text, aad) for nonce, text in zip(nonces, plaintexts, strict=True)]

    def open(self, key: bytes, nonces: list[bytes], ciphertexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext, or `AuthenticationError`."""
        check_open(key, nonces, ciphertexts)
        cipher = ChaCha20Poly1305(key)
        try:
            return [cipher.decrypt(nonce, text, aad) for nonce, text in zip(nonces, ciphertexts, strict=True)]
        except InvalidTag:
            raise wrong_tag() from None
