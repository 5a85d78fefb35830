"""Real source comes back byte for byte and mode for mode, whatever the mode and the number of workers."""

from __future__ import annotations

import io
import os
import shutil
import sysconfig
from pathlib import Path

import pytest

from qyn1_core import Sealing, open_package, pack, unpack
from qyn1_core.configuration.priors import resolve
from qyn1_plugins.host import Host, default_host
from trees import listing, same_trees

LIBRARY = Path(sysconfig.get_paths()["stdlib"])


@pytest.fixture(scope="module")
def host() -> Host:
    return default_host()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some packages of the standard library, with a few modes and links of their own."""
    root = tmp_path_factory.mktemp("library")
    for name in ("json", "email", "sqlite3", "xml"):
        shutil.copytree(LIBRARY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "json/tool.py").chmod(0o755)
    (root / "email/mime/text.py").chmod(0o400)
    (root / "alias").symlink_to("xml/dom")
    (root / "empty").mkdir()
    return root


def bare(project: Path, host: Host, **options: object) -> bytes:
    out = io.BytesIO()
    priors = resolve(project, host=host, environ={}, command_line=options)
    pack(project, out, Sealing.open(), priors=priors, host=host)
    return out.getvalue()


@pytest.mark.corpus
@pytest.mark.parametrize("mode", ["fast", "balanced", "maximum", "security"])
def test_packages_come_back_and_workers_do_not_count(packages: Path, host: Host, tmp_path: Path, mode: str) -> None:
    one, two, eight = (bare(packages, host, mode=mode, workers=n, block_size="128 KiB") for n in (1, 2, 8))
    assert one == two == eight
    unpack(io.BytesIO(one), tmp_path / "out", host=host)
    same_trees(packages, tmp_path / "out")


@pytest.mark.corpus
@pytest.mark.native
@pytest.mark.parametrize("mode", ["fast", "balanced"])
def test_the_whole_standard_library_comes_back(host: Host, tmp_path: Path, mode: str) -> None:
    priors = resolve(
        LIBRARY, host=host, environ={}, command_line={"mode": mode, "exclude": ["site-packages", "__pycache__"]}
    )
    with (tmp_path / "library.qyn1").open("wb") as out:
        pack(LIBRARY, out, Sealing.open(), priors=priors, host=host)
    unpack(tmp_path / "library.qyn1", tmp_path / "out", host=host)
    found = listing(tmp_path / "out")
    assert len(found) > 500
    for path, (kind, mode_bits, content) in found.items():
        original = LIBRARY / path
        if kind == "file":
            assert original.stat().st_mode & 0o777 == mode_bits, path
            assert original.read_bytes() == content, path
    packed = {path for path in found if path.endswith(".py")}
    expected = {
        Path(folder, name).relative_to(LIBRARY).as_posix()
        for folder, _, names in os.walk(LIBRARY)
        for name in names
        if name.endswith(".py") and "site-packages" not in folder
    }
    assert packed == expected


@pytest.mark.corpus
def test_one_file_is_read_without_the_others(packages: Path, host: Host) -> None:
    archive = bare(packages, host, mode="fast", block_size="16 KiB")
    with open_package(io.BytesIO(archive), host=host) as package:
        assert len(package.reader.directory.blocks) > 20
        assert package.read("json/decoder.py") == (packages / "json/decoder.py").read_bytes()
