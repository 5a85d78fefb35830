"""The primitives below the envelope and the signatures, as we call them, against Project Wycheproof."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qyn1_core.envelope import HeaderError, X25519Identity
from qyn1_core.envelope.derivation import hkdf
from qyn1_core.envelope.header import Stanza, encode_base64
from qyn1_core.envelope.recipients import wrap_key, x25519_wrapping_key
from qyn1_core.signing import verify_ed25519

FOLDER = Path(__file__).parent.parent / "vectors" / "wycheproof"
FILE_KEY = b"YELLOW SUBMARINE"


def groups(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / name).read_text("utf-8"))["testGroups"]
    return found


def test_hkdf_derives_what_wycheproof_expects() -> None:
    done = 0
    for group in groups("hkdf_sha256_test.json"):
        for test in group["tests"]:
            secret, salt, info = (bytes.fromhex(test[name]) for name in ("ikm", "salt", "info"))
            if test["result"] == "valid":
                assert hkdf(secret, salt, info, test["size"]).hex() == test["okm"], test["comment"]
            else:
                with pytest.raises(ValueError, match=r".+"):
                    hkdf(secret, salt, info, test["size"])
            done += 1
    assert done > 80


def test_an_identity_agrees_on_the_secrets_of_wycheproof_and_refuses_the_zero_one() -> None:
    done = refused = 0
    for group in groups("x25519_test.json"):
        for test in group["tests"]:
            share, secret, shared = (bytes.fromhex(test[name]) for name in ("public", "private", "shared"))
            identity = X25519Identity(secret)
            public = identity.to_recipient().public
            body = wrap_key(x25519_wrapping_key(shared, share, public), FILE_KEY)
            stanza = Stanza("X25519", (encode_base64(share).decode(),), body)
            if any(shared):
                assert identity.unwrap([stanza]) == FILE_KEY, test["comment"]
            else:
                refused += 1
                with pytest.raises(HeaderError, match="low order"):
                    identity.unwrap([stanza])
            done += 1
    assert done > 400
    assert refused > 10


def test_ed25519_accepts_and_refuses_what_wycheproof_says() -> None:
    done = 0
    for group in groups("ed25519_test.json"):
        public = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            assert verify_ed25519(public, signature, message) is (test["result"] == "valid"), test["comment"]
            done += 1
    assert done > 100
