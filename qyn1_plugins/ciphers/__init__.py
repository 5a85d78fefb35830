"""The built-in implementations of ChaCha20-Poly1305: three libraries, the same bytes."""

from __future__ import annotations

from qyn1_plugins.ciphers.libsodium import Libsodium
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.ciphers.pure import Pure
from qyn1_plugins.spec import CipherProvider, hookimpl

__all__ = ["Libsodium", "OpenSSL", "Pure", "qyn1_ciphers"]


@hookimpl
def qyn1_ciphers() -> list[CipherProvider]:
    """The built-in cipher providers."""
    return [OpenSSL(), Libsodium(), Pure()]
