"""Any two providers seal to the same bytes and open each other's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_plugins.built_in import qyn1_ciphers
from qyn1_plugins.ciphers.chacha20_poly1305 import poly1305
from qyn1_plugins.ciphers.libsodium import Libsodium
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.ciphers.pure import Pure
from qyn1_plugins.errors import AuthenticationError
from qyn1_plugins.spec import CipherProvider

AVAILABLE = [provider for provider in (OpenSSL(), Libsodium(), Pure()) if provider.unavailable() is None]

keys = st.binary(min_size=32, max_size=32)
# Around a row of the two-level Poly1305 (1024 bytes), and several of them.
texts = st.one_of(
    st.binary(max_size=200), st.integers(1000, 3100).map(lambda size: bytes(i % 256 for i in range(size)))
)


@given(keys, st.lists(texts, max_size=5), st.binary(max_size=40), st.integers(0, 2**96 - 6))
def test_all_seal_to_the_same_bytes(key: bytes, plaintexts: list[bytes], aad: bytes, first_nonce: int) -> None:
    nonces = [(first_nonce + number).to_bytes(12, "big") for number in range(len(plaintexts))]
    sealed = [provider.seal(key, nonces, plaintexts, aad) for provider in AVAILABLE]
    assert all(each == sealed[0] for each in sealed)
    assert all(provider.open(key, nonces, sealed[0], aad) == plaintexts for provider in AVAILABLE)


@given(keys, st.integers(0, 5000))
def test_a_whole_chunk_of_extreme_words_agrees(key: bytes, size: int) -> None:
    # 0xff everywhere makes the largest products that the exact integer sums must hold.
    text = b"\xff" * (65536 + size)
    assert Pure().seal(key, [bytes(12)], [text]) == OpenSSL().seal(key, [bytes(12)], [text])


def test_poly1305_holds_with_the_largest_clamped_r_and_words() -> None:
    key = b"\xff" * 32
    message = b"\xff" * (16 * 64 * 5)
    r = 0x0FFFFFFC_0FFFFFFC_0FFFFFFC_0FFFFFFF
    accumulator = 0
    for at in range(0, len(message), 16):
        accumulator = (accumulator + int.from_bytes(message[at : at + 16], "little") + 2**128) * r % (2**130 - 5)
    assert poly1305(key, message) == ((accumulator + 2**128 - 1) % 2**128).to_bytes(16, "little")


@pytest.mark.parametrize("provider", AVAILABLE, ids=lambda cipher: cipher.name)
def test_one_forged_chunk_in_a_batch_gives_none_of_them(provider: CipherProvider) -> None:
    key = bytes(range(32))
    nonces = [number.to_bytes(12, "big") for number in range(4)]
    sealed = provider.seal(key, nonces, [b"a", b"b" * 100, b"c", b"d"])
    sealed[3] = sealed[3][:-1] + bytes([sealed[3][-1] ^ 1])
    with pytest.raises(AuthenticationError, match="changed"):
        provider.open(key, nonces, sealed)


@pytest.mark.parametrize("provider", AVAILABLE, ids=lambda cipher: cipher.name)
def test_no_message_holds_the_key_or_the_text(provider: CipherProvider) -> None:
    key = bytes.fromhex("c0ffee") * 10 + b"qq"
    calls: tuple[Callable[[], object], ...] = (
        lambda: provider.open(key, [bytes(12)], [b"the plain text of it" * 2]),
        lambda: provider.seal(key[:31], [bytes(12)], [b"the plain text of it"]),
        lambda: provider.seal(key, [bytes(11)], [b"the plain text of it"]),
    )
    for call in calls:
        with pytest.raises((AuthenticationError, ValueError)) as caught:
            call()
        shown = str(caught.value) + repr(caught.value)
        assert "plain text" not in shown
        assert "c0ffee" not in shown.lower()


def test_the_family_has_the_three_and_prefers_a_library() -> None:
    providers = qyn1_ciphers()
    assert [provider.name for provider in providers] == ["openssl", "libsodium", "pure"]
    assert max(providers, key=lambda provider: provider.speed_rank()).name == "pure"
