"""The conformance kit for cipher providers.

A plugin's own test suite calls it once::

    def test_cipher_conforms():
        check_cipher(MyCipher())

It needs no test framework: the first promise that is broken raises `PluginError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from qyn1_plugins.errors import AuthenticationError, PluginError
from qyn1_plugins.spec import CipherProvider

__all__ = ["check_cipher"]

# RFC 8439 §2.8.2.
_KEY: Final = bytes(range(0x80, 0xA0))
_NONCE: Final = bytes.fromhex("070000004041424344454647")
_AAD: Final = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
_PLAINTEXT: Final = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
_CIPHERTEXT: Final = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
    "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
)
_SIZES: Final = (0, 1, 15, 16, 17, 63, 64, 65, 1023, 1024, 1025, 65536, 65537)
"""Around the block sizes of ChaCha20 (64) and Poly1305 (16), and STREAM's chunk size."""


def check_cipher(provider: CipherProvider) -> None:
    """Raise `PluginError` unless ``provider``, which must be available here, keeps every promise of its protocol."""
    for check in (_check_available, _check_vector, _check_batches, _check_forgeries, _check_misuse):
        check(provider)


def _require(provider: CipherProvider, kept: bool, promise: str) -> None:
    if not kept:
        raise PluginError(f"the cipher {provider.name!r} breaks its contract: {promise}")


def _refuses(call: Callable[[], object], error: type[Exception]) -> bool:
    try:
        call()
    except error:
        return True
    return False


def _check_available(provider: CipherProvider) -> None:
    problem = provider.unavailable()
    _require(provider, problem is None, f"it cannot be tested here: {problem}")
    _require(provider, isinstance(provider, CipherProvider), "it lacks a member of CipherProvider")
    _require(provider, isinstance(provider.speed_rank(), int), "speed_rank() is an integer")


def _check_vector(provider: CipherProvider) -> None:
    sealed = provider.seal(_KEY, [_NONCE], [_PLAINTEXT], _AAD)
    _require(provider, sealed == [_CIPHERTEXT], "seal() gives the bytes of RFC 8439 §2.8.2")
    opened = provider.open(_KEY, [_NONCE], [_CIPHERTEXT], _AAD)
    _require(provider, opened == [_PLAINTEXT], "open() gives the text of RFC 8439 §2.8.2")
    _require(provider, type(sealed[0]) is bytes and type(opened[0]) is bytes, "results are bytes objects")


def _check_batches(provider: CipherProvider) -> None:
    nonces = [number.to_bytes(12, "big") for number in range(len(_SIZES))]
    texts = [bytes((number + at) % 251 for at in range(size)) for number, size in enumerate(_SIZES)]
    sealed = provider.seal(_KEY, nonces, texts)
    for text, ciphertext in zip(texts, sealed, strict=True):
        _require(provider, len(ciphertext) == len(text) + 16, "a ciphertext is its text's length and 16 bytes")
    one_by_one = [provider.seal(_KEY, [nonce], [text])[0] for nonce, text in zip(nonces, texts, strict=True)]
    _require(provider, sealed == one_by_one, "many texts in one call give the bytes of many calls")
    _require(provider, provider.open(_KEY, nonces, sealed) == texts, "open() gives back what seal() was given")
    _require(provider, provider.seal(_KEY, [], []) == [], "seal() of nothing is nothing")
    _require(provider, provider.open(_KEY, [], []) == [], "open() of nothing is nothing")


def _check_forgeries(provider: CipherProvider) -> None:
    good = _CIPHERTEXT
    forgeries = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(len(good))]
    forgeries += [good[:-1], good + b"\0", good[1:], good[:16], good[:15], b""]
    for forgery in forgeries:
        refused = _refuses(lambda forgery=forgery: provider.open(_KEY, [_NONCE], [forgery], _AAD), AuthenticationError)  # type: ignore[misc]
        _require(provider, refused, "open() raises AuthenticationError for every changed ciphertext")
    for key, nonce, aad in (
        (bytes(32), _NONCE, _AAD),
        (_KEY, bytes(12), _AAD),
        (_KEY, _NONCE, b""),
        (_KEY, _NONCE, _AAD + b"\0"),
    ):
        refused = _refuses(
            lambda key=key, nonce=nonce, aad=aad: provider.open(key, [nonce], [good], aad),  # type: ignore[misc]
            AuthenticationError,
        )
        _require(provider, refused, "open() raises AuthenticationError for another key, nonce or associated data")
    refused = _refuses(lambda: provider.open(_KEY, [_NONCE, _NONCE], [good, forgeries[0]], _AAD), AuthenticationError)
    _require(provider, refused, "one wrong tag in a batch refuses the whole batch")


def _check_misuse(provider: CipherProvider) -> None:
    for call in (
        lambda: provider.seal(_KEY[:31], [_NONCE], [b""]),
        lambda: provider.seal(_KEY + b"\0", [_NONCE], [b""]),
        lambda: provider.seal(_KEY, [_NONCE[:11]], [b""]),
        lambda: provider.seal(_KEY, [_NONCE + b"\0"], [b""]),
        lambda: provider.seal(_KEY, [_NONCE], [b"", b""]),
        lambda: provider.seal(_KEY, [_NONCE, _NONCE], [b"one", b"two"]),
        lambda: provider.open(_KEY[:31], [_NONCE], [_CIPHERTEXT]),
        lambda: provider.open(_KEY, [_NONCE[:11]], [_CIPHERTEXT]),
        lambda: provider.open(_KEY, [], [_CIPHERTEXT]),
    ):
        _require(
            provider,
            _refuses(call, ValueError),
            "keys and nonces of a wrong length or number, and a nonce given twice to seal(), raise ValueError",
        )
