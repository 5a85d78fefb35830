"""Sealed packages to import from, and a process that is clean again after each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from qyn1_core import Sealing, envelope, importer, pack, resolve
from qyn1_plugins.host import default_host


class Seal(Protocol):
    """Writes files (path: text) below a folder and seals them into a package beside it."""

    def __call__(self, files: Mapping[str, str | bytes], name: str = "app.qyn1", **settings: object) -> Path: ...


@pytest.fixture
def identity_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key, named in the environment as the only one."""
    path = tmp_path / "key.txt"
    path.write_text(envelope.identity_file_text(envelope.generate_identity()), encoding="utf-8")
    path.chmod(0o600)
    monkeypatch.setenv("QYN1_IDENTITY_FILE", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return path


@pytest.fixture
def seal(tmp_path: Path, identity_file: Path) -> Seal:
    """`Seal`, to the key of ``identity_file``."""
    host = default_host()
    text = identity_file.read_text(encoding="utf-8")
    recipient = envelope.parse_identities_text(text, "key.txt")[0].to_recipient()

    def make(files: Mapping[str, str | bytes], name: str = "app.qyn1", **settings: object) -> Path:
        source = tmp_path / f"{name}.source"
        for path, content in files.items():
            place = source / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        priors = resolve(source, command_line={"mode": "fast", **settings}, environ={}, host=host)
        pack(source, tmp_path / name, Sealing.to([recipient]), priors=priors, host=host)
        return tmp_path / name

    return make


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """Undo what a test installs and imports."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    for entry in [entry for entry in sys.path if entry not in path]:
        importer.uninstall(entry)
    for name in set(sys.modules) - modules:
        origin = getattr(sys.modules[name], "__file__", None) or str(getattr(sys.modules[name], "__path__", ""))
        if ".qyn1" in origin or "site" in origin:
            del sys.modules[name]
    sys.path[:] = path
