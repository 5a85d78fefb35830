"""Detached signatures: minisign verifies ours, we verify minisign's, and no change passes."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core.signing import SigningKey, VerifyingKey, scrypt_cost
from qyn1_plugins.errors import AuthenticationError, ConfigError, FormatError, KeyUnavailable

KEY = SigningKey(b"qyn1 key", bytes(range(32)))
MESSAGE = b"the sealed package"
PASSPHRASE = "correct horse"
EXPECTED = (AuthenticationError, FormatError, KeyUnavailable)

interop = pytest.mark.interop
needs_minisign = pytest.mark.skipif(
    shutil.which("minisign") is None, reason="the program minisign is not installed (apt-get install minisign)"
)


def verify(signature: str, message: bytes = MESSAGE, key: VerifyingKey = KEY.verifying_key) -> str:
    return key.verify(io.BytesIO(message), signature)


@given(st.binary(max_size=100), st.from_regex(r"[ -~\t]{0,40}", fullmatch=True))
def test_a_signature_verifies_and_gives_its_trusted_comment(message: bytes, comment: str) -> None:
    signature = KEY.sign(io.BytesIO(message), trusted_comment=comment)
    assert verify(signature, message) == comment
    assert signature == KEY.sign(io.BytesIO(message), trusted_comment=comment)
    with pytest.raises(AuthenticationError):
        verify(signature, message + b"\0")


def test_no_flipped_character_passes() -> None:
    signature = KEY.sign(io.BytesIO(MESSAGE), trusted_comment="file:demo.qyn1")
    untrusted = len(signature.split("\n", 1)[0])
    for at, character in enumerate(signature):
        changed = signature[:at] + chr(ord(character) ^ 1) + signature[at + 1 :]
        if len("untrusted comment: ") <= at < untrusted:
            assert verify(changed) == "file:demo.qyn1"  # as its name says
        elif at == len(signature) - 1:
            continue  # the last line break
        else:
            with pytest.raises(EXPECTED):
                verify(changed)


def test_no_truncation_passes() -> None:
    signature = KEY.sign(io.BytesIO(MESSAGE))
    for size in range(len(signature) - 1):
        with pytest.raises(EXPECTED):
            verify(signature[:size])
    assert verify(signature[:-1]) == ""
    with pytest.raises(FormatError, match="UTF-8"):
        verify(signature.replace("trusted comment: \n", "trusted comment: \ud800\n"))
    assert verify(signature.replace("\n", "\r\n")) == ""


def test_another_key_is_another_error_than_a_forgery() -> None:
    signature = KEY.sign(io.BytesIO(MESSAGE))
    stranger = SigningKey.generate()
    with pytest.raises(KeyUnavailable, match="was made with the key"):
        verify(signature, key=stranger.verifying_key)
    impostor = SigningKey(b"qyn1 key", bytes(32))
    with pytest.raises(AuthenticationError):
        verify(impostor.sign(io.BytesIO(MESSAGE)))


@pytest.mark.parametrize("comment", ["two\nlines", "a\rb", "a\0b", "x" * 9000, "\ud800"])
def test_a_comment_is_one_line(comment: str) -> None:
    for options in ({"trusted_comment": comment}, {"untrusted_comment": comment}):
        with pytest.raises(ConfigError, match="one line"):
            KEY.sign(io.BytesIO(MESSAGE), **options)


def test_keys_survive_their_files() -> None:
    public = KEY.verifying_key
    assert VerifyingKey.parse(public.to_text()) == VerifyingKey.parse(f" {public}\n") == public
    assert SigningKey.parse(KEY.to_text(None)).verifying_key == public
    text = KEY.to_text(PASSPHRASE)
    assert SigningKey.parse(text, PASSPHRASE).verifying_key == public
    with pytest.raises(KeyUnavailable, match="passphrase is wrong"):
        SigningKey.parse(text, "wrong")
    with pytest.raises(KeyUnavailable, match="no passphrase"):
        SigningKey.parse(text)
    with pytest.raises(ConfigError, match="empty"):
        KEY.to_text("")


def test_damaged_key_files_are_refused() -> None:
    comment, line, _ = KEY.to_text(None).split("\n")
    data = base64.b64decode(line)

    def parse(changed: bytes) -> None:
        SigningKey.parse(f"{comment}\n{base64.b64encode(changed).decode()}\n", PASSPHRASE)

    for at in (0, 2, 4, 70, 100, 130):
        with pytest.raises((FormatError, KeyUnavailable)):
            parse(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    for text in ("", "one line", f"{comment}\n{line}\nmore\n", f"{comment}\n!!!\n", f"{comment}\nAAAA\n"):
        with pytest.raises(FormatError):
            SigningKey.parse(text)
        with pytest.raises(FormatError):
            VerifyingKey.parse(text)


@pytest.mark.parametrize(
    ("operations", "memory", "cost"),
    [
        (33554432, 1073741824, (20, 1)),  # libsodium's sensitive limits, in the key files of minisign
        (524288, 16777216, (14, 1)),  # and its interactive ones
        (1 << 22, 1 << 27, (17, 1)),  # ours
        (1 << 22, 1 << 40, (17, 1)),
    ],
)
def test_the_cost_of_a_passphrase_is_that_of_libsodium(operations: int, memory: int, cost: tuple[int, int]) -> None:
    assert scrypt_cost(operations, memory) == cost


@pytest.mark.parametrize(("operations", "memory"), [(1 << 60, 1 << 60), (1 << 60, 1024), (1 << 27, 1 << 31)])
def test_a_key_file_cannot_ask_for_unbounded_work(operations: int, memory: int) -> None:
    with pytest.raises(FormatError, match="wants"):
        scrypt_cost(operations, memory)
    text = KEY.to_text(None)
    data = base64.b64decode(text.split("\n")[1])
    limits = operations.to_bytes(8, "little") + memory.to_bytes(8, "little")
    hostile = base64.b64encode(data[:2] + b"Sc" + data[4:38] + limits + data[54:]).decode()
    with pytest.raises(FormatError, match="wants"):
        SigningKey.parse(f"untrusted comment: x\n{hostile}\n", PASSPHRASE)


@given(st.text(max_size=300))
def test_any_text_is_refused_cleanly(text: str) -> None:
    with pytest.raises(FormatError):
        VerifyingKey.parse(text)
    with pytest.raises(FormatError):
        SigningKey.parse(text)
    with pytest.raises(FormatError):
        verify(text)


# -- with the program -------------------------------------------------------------


def minisign(*arguments: str | Path, typed: str = "") -> str:
    result = subprocess.run(
        ["minisign", *map(str, arguments)], input=typed, capture_output=True, check=False, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@interop
@needs_minisign
def test_minisign_verifies_our_signature(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(MESSAGE)
    (tmp_path / "key.pub").write_text(KEY.verifying_key.to_text())
    with (tmp_path / "f").open("rb") as file:
        (tmp_path / "f.minisig").write_text(KEY.sign(file, trusted_comment="file:f\thashed"))
    assert "file:f\thashed" in minisign("-V", "-p", tmp_path / "key.pub", "-m", tmp_path / "f")
    assert "file:f" in minisign("-V", "-P", str(KEY.verifying_key), "-m", tmp_path / "f")


@interop
@needs_minisign
@pytest.mark.parametrize("form", ["-H", "-l"], ids=["prehashed", "older"])
def test_we_verify_the_signature_of_minisign(tmp_path: Path, form: str) -> None:
    (tmp_path / "f").write_bytes(MESSAGE)
    minisign("-G", "-W", "-p", tmp_path / "key.pub", "-s", tmp_path / "key")
    minisign("-S", form, "-s", tmp_path / "key", "-m", tmp_path / "f", "-t", "the trusted comment")
    public = VerifyingKey.parse((tmp_path / "key.pub").read_text())
    signature = (tmp_path / "f.minisig").read_text()
    assert verify(signature, key=public) == "the trusted comment"
    with pytest.raises(AuthenticationError):
        verify(signature, MESSAGE + b".", key=public)
    assert SigningKey.parse((tmp_path / "key").read_text()).verifying_key == public


@interop
@needs_minisign
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["clear", "encrypted"])
def test_minisign_signs_with_our_key(tmp_path: Path, passphrase: str | None) -> None:
    (tmp_path / "f").write_bytes(MESSAGE)
    (tmp_path / "key").write_text(KEY.to_text(passphrase))
    minisign("-S", "-s", tmp_path / "key", "-m", tmp_path / "f", typed=f"{passphrase or ''}\n")
    assert "file:f" in verify((tmp_path / "f.minisig").read_text())
