"""The `age` program opens what we seal, and we open what it seals."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qyn1_core import envelope
from qyn1_core.envelope import PublicFacts, ScryptIdentity, ScryptRecipient, X25519Identity
from qyn1_plugins.ciphers.openssl import OpenSSL

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not installed (apt-get install age)"),
]
needs_terminal = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("script") is None,
    reason="age reads passphrases from a terminal, which needs util-linux's script (apt-get install bsdutils)",
)

PLAINTEXTS = [b"", b"x", bytes(range(256)) * 256, b"source" * 50_000]
FACTS = PublicFacts(1, ("morpheme/1", "rans/1"), "demo")


@pytest.fixture
def identity() -> X25519Identity:
    made = envelope.generate_identity()
    assert isinstance(made, X25519Identity)
    return made


@pytest.fixture
def key_file(tmp_path: Path, identity: X25519Identity) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(envelope.identity_file_text(identity))
    path.chmod(0o600)
    return path


def age(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    result = subprocess.run(["age", *map(str, arguments)], input=stdin, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def seal(plaintext: bytes, recipient: envelope.Recipient, *, armor: bool = False) -> bytes:
    out = io.BytesIO()
    with envelope.seal(out, [recipient], cipher=OpenSSL(), facts=FACTS, armor=armor) as writer:
        writer.write(plaintext)
    return out.getvalue()


def open_(file: bytes, *identities: envelope.Identity) -> bytes:
    return envelope.open(io.BytesIO(file), identities, cipher=OpenSSL()).payload.read()


@pytest.mark.parametrize("armor", [False, True], ids=["binary", "armor"])
@pytest.mark.parametrize("plaintext", PLAINTEXTS, ids=len)
def test_age_opens_what_we_seal_with_public_facts(
    plaintext: bytes, armor: bool, identity: X25519Identity, key_file: Path
) -> None:
    file = seal(plaintext, identity.to_recipient(), armor=armor)
    assert envelope.inspect(io.BytesIO(file)).facts == FACTS
    assert age("-d", "-i", key_file, stdin=file) == plaintext


@pytest.mark.parametrize("armor", [False, True], ids=["binary", "armor"])
@pytest.mark.parametrize("plaintext", PLAINTEXTS, ids=len)
def test_we_open_what_age_seals(plaintext: bytes, armor: bool, identity: X25519Identity) -> None:
    options = ["-a"] if armor else []
    file = age("-r", str(identity.to_recipient()), *options, stdin=plaintext)
    assert envelope.inspect(io.BytesIO(file)).armored is armor
    assert open_(file, identity) == plaintext


def test_age_reads_our_recipients_and_identity_files(tmp_path: Path, identity: X25519Identity, key_file: Path) -> None:
    other = envelope.generate_identity()
    recipients = tmp_path / "recipients.txt"
    recipients.write_text(f"# the team\n{other.to_recipient()}\n\n{identity.to_recipient()}\n")
    assert len(envelope.parse_recipients_text(recipients.read_text())) == 2
    file = age("-R", recipients, stdin=b"text")
    assert open_(file, identity) == open_(file, other) == b"text"
    assert age("-d", "-i", key_file, stdin=file) == b"text"
    keygen = subprocess.run(["age-keygen", "-y", key_file], capture_output=True, check=True, text=True)
    assert keygen.stdout.strip() == str(identity.to_recipient())


def test_we_read_the_files_of_age_keygen(tmp_path: Path) -> None:
    path = tmp_path / "made-by-age.txt"
    subprocess.run(["age-keygen", "-o", path], capture_output=True, check=True)
    [identity] = envelope.parse_identities_text(path.read_text())
    assert f"# public key: {identity.to_recipient()}" in path.read_text()
    assert open_(age("-r", str(identity.to_recipient()), stdin=b"text"), identity) == b"text"


def test_age_opens_a_deterministic_package(identity: X25519Identity, key_file: Path) -> None:
    out = io.BytesIO()
    envelope.seal_deterministic(
        out,
        io.BytesIO(b"archive" * 10_000),
        [identity.to_recipient()],
        cipher=OpenSSL(),
        facts=FACTS,
        sealing_secret=os.urandom(32),
    )
    assert age("-d", "-i", key_file, stdin=out.getvalue()) == b"archive" * 10_000


def test_age_refuses_what_we_refuse(identity: X25519Identity, key_file: Path) -> None:
    file = bytearray(seal(b"text", identity.to_recipient()))
    file[-1] ^= 1
    with pytest.raises(envelope.PayloadError):
        open_(bytes(file), identity)
    result = subprocess.run(["age", "-d", "-i", key_file], input=bytes(file), capture_output=True, check=False)
    assert result.returncode != 0


def on_a_terminal(arguments: list[str | Path], typed: str) -> None:
    """Run a program with a terminal of its own, and type what it asks for."""
    command = ["script", "-q", "-e", "-c", shlex.join(map(str, arguments)), os.devnull]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(typed.encode())
        process.stdin.flush()
        printed = process.stdout.read()
        assert process.wait(timeout=60) == 0, printed.decode(errors="replace")


@needs_terminal
def test_age_opens_our_passphrase_package(tmp_path: Path) -> None:
    (tmp_path / "in.age").write_bytes(seal(b"text", ScryptRecipient("correct horse", 12)))
    on_a_terminal(["age", "-d", "-o", tmp_path / "out", tmp_path / "in.age"], "correct horse\n")
    assert (tmp_path / "out").read_bytes() == b"text"


@needs_terminal
def test_we_open_the_passphrase_file_of_age(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"text")
    on_a_terminal(["age", "-p", "-o", tmp_path / "out.age", tmp_path / "in"], "correct horse\ncorrect horse\n")
    file = (tmp_path / "out.age").read_bytes()
    assert envelope.inspect(io.BytesIO(file)).recipients == ("scrypt",)
    assert open_(file, ScryptIdentity("correct horse")) == b"text"
