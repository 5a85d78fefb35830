"""Corpora are unpacked the same way everywhere, never outside their folder, and only as pinned."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks import corpora
from benchmarks.corpora import CorpusError, archive_of, fetch, manifests, unpack
from qyn1_core.training import Manifest, Package, read_manifest, tree_digest

PACKAGE = Package("@scope/toy", "npm", "MIT", "javascript")


def make_tar(path: Path, members: dict[str, bytes], *, link: str = "") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("package/link.js")
            info.type = tarfile.SYMTYPE
            info.linkname = link
            archive.addfile(info)
    return path


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_top_folder_goes_and_the_patterns_decide(tmp_path: Path) -> None:
    archive = make_tar(
        tmp_path / "toy-1.tgz",
        {"package/lib/a.js": b"a", "package/lib/a.min.js": b"m", "package/dist/b.js": b"b", "package/README.md": b"r"},
    )
    package = replace(PACKAGE, keep=("*.js",), drop=("*.min.*", "dist/"))
    unpack(package, archive, tmp_path / "out")
    assert listing(tmp_path / "out") == ["lib/a.js"]


def test_links_and_large_files_are_left_out(tmp_path: Path) -> None:
    large = bytes(corpora.MAX_FILE + 1)
    archive = make_tar(tmp_path / "toy.tgz", {"package/a.js": b"a", "package/b.js": large}, link="/etc/passwd")
    unpack(PACKAGE, archive, tmp_path / "out")
    assert listing(tmp_path / "out") == ["a.js"]


@pytest.mark.parametrize("name", ["package/../../evil.js", "/evil.js"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CorpusError, match="unsafe path"):
        unpack(PACKAGE, make_tar(tmp_path / "toy.tgz", {name: b"x"}), tmp_path / "out")
    assert not (tmp_path / "evil.js").exists()


def test_a_wheel_has_no_top_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "toy-1-py3-none-any.whl", "w") as archive:
        archive.writestr("toy/__init__.py", "x = 1\n")
    unpack(PACKAGE, tmp_path / "toy-1-py3-none-any.whl", tmp_path / "out")
    assert listing(tmp_path / "out") == ["toy/__init__.py"]


def test_nothing_kept_is_an_error(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "toy.tgz", {"package/a.js": b"a"})
    with pytest.raises(CorpusError, match="keeps nothing"):
        unpack(replace(PACKAGE, keep=("*.rs",)), archive, tmp_path / "out")


def test_the_tree_digest_depends_on_paths_and_contents_alone(tmp_path: Path) -> None:
    make_tar(tmp_path / "one.tgz", {"package/b.js": b"b", "package/a.js": b"a"})
    make_tar(tmp_path / "two.tgz", {"package/a.js": b"a", "package/b.js": b"b"})
    make_tar(tmp_path / "three.tgz", {"package/a.js": b"ab", "package/b.js": b""})
    one, two, three = (unpack(PACKAGE, tmp_path / f"{n}.tgz", tmp_path / n) for n in ("one", "two", "three"))
    assert one == two == tree_digest(tmp_path / "one")
    assert one != three


def test_an_archive_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    archive = make_tar(tmp_path / "archives" / "toy-1.tgz", {"package/a.js": b"a"})
    good = sha256(archive.read_bytes()).hexdigest()
    pinned = replace(PACKAGE, version="1", file="toy-1.tgz", sha256=good)
    assert archive_of(pinned, tmp_path) == (pinned, archive)
    with pytest.raises(CorpusError, match="the manifest has"):
        archive_of(replace(pinned, sha256="0" * 64), tmp_path)


def test_a_fetched_package_is_not_fetched_again_and_a_damaged_one_is_restored(tmp_path: Path) -> None:
    (tmp_path / "archives").mkdir()
    archive = make_tar(tmp_path / "archives" / "toy-1.tgz", {"package/a.js": b"a"})
    package = replace(PACKAGE, version="1", file="toy-1.tgz", sha256=sha256(archive.read_bytes()).hexdigest())
    (package,) = fetch(Manifest(tmp_path, "bench", (package,)), tmp_path)
    folder = tmp_path / "bench" / "javascript" / "scope-toy"
    (folder / "a.js").write_bytes(b"edited")
    assert list(fetch(Manifest(tmp_path, "bench", (package,)), tmp_path)) == [package]
    assert (folder / "a.js").read_bytes() == b"a"
    archive.unlink()
    assert list(fetch(Manifest(tmp_path, "bench", (package,)), tmp_path)) == [package]


def test_pins_are_written_into_the_right_table(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        'purpose = "train"\nlanguage = "rust"\n\n[[package]]\nname = "a"\nregistry = "crates"\nlicence = "MIT"\n\n'
        '[[package]]\nname = "ab"\nregistry = "crates"\nlicence = "MIT"\nversion = "0.1"\nkeep = ["*.rs"]\n',
        "utf-8",
    )
    first, second = read_manifest(path).packages
    pinned = replace(second, version="2.0", file="ab-2.0.crate", sha256="1" * 64, tree="2" * 64)
    path.write_text(corpora._pinned(path.read_text("utf-8"), pinned), "utf-8")
    assert read_manifest(path).packages == (first, pinned)


@pytest.mark.parametrize("path", manifests(), ids=lambda path: path.stem)
def test_the_committed_manifests_pin_everything(path: Path) -> None:
    manifest = read_manifest(path)
    assert manifest.packages
    for package in manifest.packages:
        assert package.registry in corpora.REGISTRIES
        assert package.version
        assert package.version.split(":")[-1].split("-")[0].split("+")[0] in package.file.replace("_", "-")
        assert len(bytes.fromhex(package.sha256)) == len(bytes.fromhex(package.tree)) == 32


def test_nothing_is_both_trained_on_and_measured() -> None:
    tuned, *trained = (read_manifest(path) for path in manifests())
    names = {package.name for package in tuned.packages}
    assert names.isdisjoint(package.name for manifest in trained for package in manifest.packages)
    assert tuned.purpose == "bench"
    assert {manifest.purpose for manifest in trained} == {"train"}
