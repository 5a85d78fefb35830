"""Every provider gives the bytes of RFC 8439 and passes Project Wycheproof, valid and invalid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qyn1_plugins.ciphers.chacha20_poly1305 import chacha20_keystream, poly1305
from qyn1_plugins.ciphers.libsodium import Libsodium
from qyn1_plugins.ciphers.openssl import OpenSSL
from qyn1_plugins.ciphers.pure import Pure
from qyn1_plugins.errors import AuthenticationError
from qyn1_plugins.spec import CipherProvider
from qyn1_plugins.testing.cipher import check_cipher

VECTORS = Path(__file__).parent.parent / "vectors"
WYCHEPROOF = json.loads((VECTORS / "wycheproof/chacha20_poly1305_test.json").read_text("utf-8"))
RFC8439 = json.loads((VECTORS / "rfc8439.json").read_text("utf-8"))


@pytest.fixture(params=[OpenSSL(), Libsodium(), Pure()], ids=lambda cipher: cipher.name)
def cipher(request: pytest.FixtureRequest) -> CipherProvider:
    provider: CipherProvider = request.param
    problem = provider.unavailable()
    if problem is not None:
        pytest.skip(f"the cipher {provider.name} is not available: {problem}")
    return provider


def test_keeps_every_promise_of_the_protocol(cipher: CipherProvider) -> None:
    check_cipher(cipher)


def test_passes_wycheproof(cipher: CipherProvider) -> None:
    done = 0
    for group in WYCHEPROOF["testGroups"]:
        for test in group["tests"]:
            done += 1
            where = f"tcId {test['tcId']}: {test['comment']}"
            key, nonce, aad, text = (bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg"))
            ciphertext = bytes.fromhex(test["ct"]) + bytes.fromhex(test["tag"])
            if group["ivSize"] != 96:
                with pytest.raises(ValueError, match="12 bytes"):
                    cipher.open(key, [nonce], [ciphertext], aad)
                with pytest.raises(ValueError, match="12 bytes"):
                    cipher.seal(key, [nonce], [text], aad)
            elif test["result"] == "valid":
                assert cipher.seal(key, [nonce], [text], aad) == [ciphertext], where
                assert cipher.open(key, [nonce], [ciphertext], aad) == [text], where
            else:
                assert test["result"] == "invalid"
                with pytest.raises(AuthenticationError):
                    cipher.open(key, [nonce], [ciphertext], aad)
    assert done == WYCHEPROOF["numberOfTests"]


def test_passes_the_aead_vectors_of_rfc_8439(cipher: CipherProvider) -> None:
    for vector in RFC8439["aead"]:
        key, nonce, aad, text, sealed = (
            bytes.fromhex(vector[name]) for name in ("key", "nonce", "aad", "plaintext", "ciphertext")
        )
        assert cipher.seal(key, [nonce], [text], aad) == [sealed], vector["source"]
        assert cipher.open(key, [nonce], [sealed], aad) == [text], vector["source"]


@pytest.mark.parametrize("vector", RFC8439["chacha20"], ids=lambda vector: vector["source"])
def test_pure_chacha20_gives_the_bytes_of_rfc_8439(vector: dict[str, Any]) -> None:
    text = bytes.fromhex(vector["plaintext"])
    blocks = (len(text) + 63) // 64
    stream = chacha20_keystream(
        bytes.fromhex(vector["key"]), [bytes.fromhex(vector["nonce"])], [blocks], vector["counter"]
    ).tobytes()
    assert bytes(a ^ b for a, b in zip(text, stream, strict=False)).hex() == vector["ciphertext"]


@pytest.mark.parametrize("vector", RFC8439["poly1305"], ids=lambda vector: vector["source"])
def test_pure_poly1305_gives_the_tags_of_rfc_8439(vector: dict[str, str]) -> None:
    assert poly1305(bytes.fromhex(vector["key"]), bytes.fromhex(vector["message"])).hex() == vector["tag"]
