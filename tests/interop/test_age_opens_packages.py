"""The envelope is plain age: Debian's `age` opens what we seal, and we open what it seals."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest

from qyn1_core import Sealing, envelope, pack, unpack
from qyn1_core.configuration.priors import resolve
from qyn1_plugins.host import Host, default_host
from trees import same_trees

AGE = shutil.which("age")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(AGE is None, reason="the program age is not installed (Debian: apt-get install age)"),
]


@pytest.fixture(scope="module")
def host() -> Host:
    return default_host()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "deep").mkdir(parents=True)
    (root / "a.py").write_text("import this\n" * 50)
    (root / "deep/b.rs").write_text("fn main() {}\n" * 50)
    (root / "deep/b.rs").chmod(0o755)
    (root / "link").symlink_to("deep/b.rs")
    return root


@pytest.fixture
def key(tmp_path: Path) -> tuple[envelope.KeyPair, Path]:
    """An identity and its file."""
    identity = envelope.generate_identity()
    path = tmp_path / "key.txt"
    path.write_text(envelope.identity_file_text(identity))
    return identity, path


@pytest.mark.parametrize("armor", [False, True])
def test_age_opens_a_package_to_a_bare_archive(
    project: Path, key: tuple[envelope.KeyPair, Path], host: Host, tmp_path: Path, armor: bool
) -> None:
    identity, path = key
    priors = resolve(project, host=host, environ={}, command_line={"mode": "fast", "name": "shop"})
    pack(project, tmp_path / "p.qyn1", Sealing.to([identity.to_recipient()], armor=armor), priors=priors, host=host)
    opened = subprocess.run([str(AGE), "-d", "-i", path, tmp_path / "p.qyn1"], capture_output=True, check=True)
    assert opened.stdout.startswith(b"QYN1")
    unpack(io.BytesIO(opened.stdout), tmp_path / "out", host=host)
    same_trees(project, tmp_path / "out")


@pytest.mark.parametrize("armor", [[], ["-a"]])
def test_what_age_seals_is_a_package(
    project: Path, key: tuple[envelope.KeyPair, Path], host: Host, tmp_path: Path, armor: list[str]
) -> None:
    identity, _ = key
    bare = io.BytesIO()
    pack(
        project,
        bare,
        Sealing.open(),
        priors=resolve(project, host=host, environ={}, command_line={"mode": "fast"}),
        host=host,
    )
    sealed = subprocess.run(
        [str(AGE), *armor, "-r", str(identity.to_recipient())], input=bare.getvalue(), capture_output=True, check=True
    )
    unpack(io.BytesIO(sealed.stdout), tmp_path / "out", [identity], host=host)
    same_trees(project, tmp_path / "out")
