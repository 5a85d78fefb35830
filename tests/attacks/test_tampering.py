"""Whatever is done to a package: a clean error with the documented exit code, and nothing written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from qyn1_core import Sealing, envelope, open_package, pack, unpack
from qyn1_core.configuration.priors import resolve
from qyn1_core.errors import Qyn1Error
from qyn1_plugins.host import Host, default_host


@pytest.fixture(scope="module")
def host() -> Host:
    return default_host()


@pytest.fixture(scope="module")
def identity() -> envelope.KeyPair:
    return envelope.generate_identity()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "a.py").write_text("import os\n\n\ndef f(x):\n    return x + 1\n")
    (root / "b.md").write_text("# b\n")
    (root / "l").symlink_to("a.py")
    return root


def sealed(project: Path, host: Host, identity: envelope.KeyPair) -> bytes:
    out = io.BytesIO()
    priors = resolve(project, host=host, environ={}, command_line={"mode": "fast"})
    pack(project, out, Sealing.to([identity.to_recipient()]), priors=priors, host=host)
    return out.getvalue()


def bare(project: Path, host: Host) -> bytes:
    out = io.BytesIO()
    priors = resolve(project, host=host, environ={}, command_line={"mode": "fast"})
    pack(project, out, Sealing.open(), priors=priors, host=host)
    return out.getvalue()


def refuse(package: bytes, target: Path, identities: list[envelope.KeyPair], host: Host) -> int:
    with pytest.raises(Qyn1Error) as caught:
        unpack(io.BytesIO(package), target, identities, host=host)
    assert not target.exists()
    assert [p for p in target.parent.iterdir() if p.name.startswith(".qyn1-")] == []
    return caught.value.exit_code


def test_every_flipped_byte_of_a_sealed_package(
    project: Path, host: Host, identity: envelope.KeyPair, tmp_path: Path
) -> None:
    package = sealed(project, host, identity)
    for place in range(len(package)):
        damaged = bytearray(package)
        damaged[place] ^= 0x01 if place % 2 else 0x80
        assert refuse(bytes(damaged), tmp_path / "out", [identity], host) in (5, 6)


def test_every_truncation_of_a_sealed_package(
    project: Path, host: Host, identity: envelope.KeyPair, tmp_path: Path
) -> None:
    package = sealed(project, host, identity)
    for size in range(len(package)):
        assert refuse(package[:size], tmp_path / "out", [identity], host) in (5, 6)
    assert refuse(package + b"\0", tmp_path / "out", [identity], host) == 6


def test_every_flipped_byte_of_a_bare_archive(project: Path, host: Host, tmp_path: Path) -> None:
    package = bare(project, host)
    for place in range(len(package)):
        damaged = bytearray(package)
        damaged[place] ^= 0x10
        assert refuse(bytes(damaged), tmp_path / "out", [], host) == 6


def test_the_wrong_key_is_no_tampering(project: Path, host: Host, identity: envelope.KeyPair, tmp_path: Path) -> None:
    package = sealed(project, host, identity)
    assert refuse(package, tmp_path / "out", [envelope.generate_identity()], host) == 5
    assert refuse(package, tmp_path / "out", [], host) == 5


def test_what_is_no_package_at_all(tmp_path: Path, host: Host, identity: envelope.KeyPair) -> None:
    for junk in (b"", b"Q", b"QYN1", b"PK\x03\x04" + bytes(100), b"age-encryption.org/v1\n", bytes(1000)):
        assert refuse(junk, tmp_path / "out", [identity], host) == 6


def test_an_archive_inside_an_envelope_inside_an_envelope_is_refused(
    project: Path, host: Host, identity: envelope.KeyPair, tmp_path: Path
) -> None:
    out = io.BytesIO()
    with envelope.seal(out, [identity.to_recipient()], cipher=host.cipher(), facts=None) as writer:
        writer.write(sealed(project, host, identity))
    assert refuse(out.getvalue(), tmp_path / "out", [identity], host) == 6


def test_a_bare_archive_says_that_it_is_not_authentic(project: Path, host: Host, tmp_path: Path) -> None:
    report = unpack(io.BytesIO(bare(project, host)), tmp_path / "out", host=host)
    assert "not encrypted" in report.notes[0]
    with open_package(io.BytesIO(bare(project, host)), host=host) as package:
        assert package.encrypted is False
