"""The cipher provider `pure`: needs no library but numpy, which is imported when it is used."""

from __future__ import annotations

import hmac

from qyn1_plugins.ciphers.arguments import TAG_SIZE, check_open, check_seal, wrong_tag

__all__ = ["Pure"]


class Pure:
    """The cipher provider ``pure``."""

    name = "pure"
    version = 1

    def unavailable(self) -> str | None:
        """Works everywhere."""
        return None

    def speed_rank(self) -> int:
        """The slowest of the built-in ones."""
        return 90

    def seal(self, key: bytes, nonces: list[bytes], plaintexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext's ciphertext and tag."""
        check_seal(key, nonces, plaintexts)
        from qyn1_plugins.ciphers.chacha20_poly1305 import apply_keystream, tag  # noqa: PLC0415

        one_time_keys, ciphertexts = apply_keystream(key, nonces, plaintexts)
        return [
            ciphertext + tag(one_time_key, aad, ciphertext)
            for one_time_key, ciphertext in zip(one_time_keys, ciphertexts, strict=True)
        ]

    def open(self, key: bytes, nonces: list[bytes], ciphertexts: list[bytes], aad: bytes = b"") -> list[bytes]:
        """Each plaintext, or `AuthenticationError`."""
        check_open(key, nonces, ciphertexts)
        from qyn1_plugins.ciphers.chacha20_poly1305 import apply_keystream, tag  # noqa: PLC0415

        one_time_keys, plaintexts = apply_keystream(key, nonces, [text[:-TAG_SIZE] for text in ciphertexts])
        for one_time_key, text in zip(one_time_keys, ciphertexts, strict=True):
            if not hmac.compare_digest(tag(one_time_key, aad, text[:-TAG_SIZE]), text[-TAG_SIZE:]):
                raise wrong_tag()
        return plaintexts
