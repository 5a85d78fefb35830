"""Fetch the training and benchmark corpora by package name, and unpack them.

Each manifest (TOML) pins its packages by registry, name, version, licence and the
SHA-256 of the archive; ``tree`` is the SHA-256 of what the package unpacks to, so that
a training run can prove what it read (`tree_digest`). Archives come from the
registries through their ordinary clients (pip, npm, cargo, apt-get) and nowhere else.

    python -m benchmarks.corpora fetch            all manifests, into the cache folder
    python -m benchmarks.corpora fetch rust.toml  one of them
    python -m benchmarks.corpora pin FILE.toml    fill in versions and digests that a manifest lacks

The cache folder is ``$QYN1_CORPORA``, or ``corpora`` in the user's cache folder. It holds
``archives/``, ``train/LANGUAGE/PACKAGE/`` and ``bench/LANGUAGE/PACKAGE/``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, Final

import pathspec

from qyn1_core.errors import Qyn1Error
from qyn1_core.measuring.suite import corpora_root
from qyn1_core.training import Manifest, Package, files_of, read_manifest, tree_digest

__all__ = ["CorpusError", "fetch", "manifests"]

HERE: Final = Path(__file__).resolve().parent
TRAINING: Final = HERE.parent / "presets" / "priors" / "training"
PROJECTS: Final = HERE / "projects.toml"
MAX_FILE: Final = 1 << 20
"""Larger files are data or generated, and are not unpacked."""


class CorpusError(Qyn1Error):
    """An archive or a registry's client is not as it should be."""


# -- manifests -----------------------------------------------------------------------


def _pinned(text: str, package: Package) -> str:
    """``text`` (a manifest) with the pins of ``package`` written into its table."""
    tables = re.split(r"(?m)^(?=\[\[)", text)
    for number, table in enumerate(tables):
        if not table.startswith("[[package]]") or f'\nname = "{package.name}"\n' not in table:
            continue
        if f'\nregistry = "{package.registry}"\n' not in table:
            continue
        lines = [
            line for line in table.rstrip("\n").split("\n") if not re.match(r"(version|file|sha256|tree) = ", line)
        ]
        lines += [f'{key} = "{getattr(package, key)}"' for key in ("version", "file", "sha256", "tree")]
        tables[number] = "\n".join(lines) + "\n\n"
    return "".join(tables).rstrip("\n") + "\n"


# -- registries ----------------------------------------------------------------------


def _run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=None if env is None else {**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CorpusError(f"{' '.join(command[:4])} failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def _one(folder: Path, *patterns: str) -> Path:
    found = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if len(found) != 1:
        raise CorpusError(f"expected one of {', '.join(patterns)} in {folder}, found {len(found)}")
    return found[0]


def _pypi(package: Package, scratch: Path) -> tuple[str, Path]:
    wanted = f"{package.name}=={package.version}" if package.version else package.name
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "."]
    if package.form == "wheel":
        command += ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"]
        command += ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64", "--platform", "any"]
    else:
        command += ["--no-binary", package.name]
    _run([*command, wanted], scratch)
    archive = _one(scratch, "*.whl", "*.tar.gz", "*.zip", "*.tar.bz2")
    parts = archive.name.removesuffix(".tar.gz").removesuffix(".zip").split("-")
    return parts[1] if package.form == "wheel" else parts[-1], archive


def _npm(package: Package, scratch: Path) -> tuple[str, Path]:
    wanted = f"{package.name}@{package.version}" if package.version else package.name
    answer = json.loads(_run(["npm", "pack", wanted, "--json", "--ignore-scripts"], scratch))
    # npm 12 answers with an object by package, earlier ones with a list.
    row = answer[0] if isinstance(answer, list) else next(iter(answer.values()))
    return row["version"], _one(scratch, "*.tgz")


def _crates(package: Package, scratch: Path) -> tuple[str, Path]:
    wanted = f"{package.name}@{package.version}" if package.version else package.name
    # `cargo info` downloads the crate into cargo's cache of archives.
    answer = _run(["cargo", "info", "--color", "never", wanted], scratch)
    match = re.search(r"(?m)^version: (\S+)", answer)
    if match is None:
        raise CorpusError(f"cargo info {wanted} names no version")
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    found = sorted(home.glob(f"registry/cache/*/{package.name}-{match[1]}.crate"))
    if not found:
        raise CorpusError(f"cargo keeps no archive of {wanted}; cargo 1.82 or later is needed")
    return match[1], Path(shutil.copy(found[0], scratch))


def _debian_binary(package: Package, scratch: Path) -> tuple[str, Path]:
    wanted = f"{package.name}={package.version}" if package.version else package.name
    _run(["apt-get", "download", "-o", "APT::Sandbox::User=root", wanted], scratch)
    archive = _one(scratch, "*.deb")
    return archive.name.split("_")[1].replace("%3a", ":"), archive


def _debian_source(package: Package, scratch: Path) -> tuple[str, Path]:
    options = _source_lists(scratch.parent)
    wanted = f"{package.name}={package.version}" if package.version else package.name
    _run(["apt-get", "source", "--download-only", "--only-source", *options, wanted], scratch)
    description = _one(scratch, "*.dsc").read_text("utf-8")
    match = re.search(r"(?m)^Version: (\S+)", description)
    if match is None:
        raise CorpusError(f"the source package of {wanted} names no version")
    return match[1], _one(scratch, "*.orig.tar.gz", "*.orig.tar.xz", "*.orig.tar.bz2")


def _source_lists(scratch: Path) -> list[str]:
    """Options that let apt-get see source packages of the configured archives, changing no system file."""
    base = scratch / "apt"
    if not (base / "lists").is_dir():
        (base / "parts").mkdir(parents=True, exist_ok=True)
        for path in Path("/etc/apt/sources.list.d").glob("*.sources"):
            (base / "parts" / path.name).write_text(re.sub(r"(?m)^Types:.*", "Types: deb-src", path.read_text("utf-8")))
        listed = Path("/etc/apt/sources.list")
        if listed.is_file():
            rows = re.sub(r"(?m)^deb\s", "deb-src ", listed.read_text("utf-8"))
            (base / "parts" / "system.list").write_text(rows)
        fresh = True
    else:
        fresh = False
    options = []
    for key, value in (
        ("Dir::Etc::sourcelist", "/dev/null"),
        ("Dir::Etc::sourceparts", str(base / "parts")),
        ("Dir::State::lists", str(base / "lists")),
        ("APT::Sandbox::User", "root"),
    ):
        options += ["-o", f"{key}={value}"]
    if fresh:
        (base / "lists" / "partial").mkdir(parents=True)
        _run(["apt-get", "update", *options], base)
    return options


REGISTRIES: Final = {
    "pypi": _pypi,
    "npm": _npm,
    "crates": _crates,
    "debian-source": _debian_source,
    "debian-binary": _debian_binary,
}


def archive_of(package: Package, root: Path) -> tuple[Package, Path]:
    """The package's archive (fetched if need be) in ``root``, and the package with its pins.

    Raises `CorpusError` when the archive is not the pinned one.
    """
    archives = root / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    path = archives / package.file
    if not (package.file and path.is_file()):
        scratch = root / "scratch" / f"{package.registry}-{package.folder}"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        version, fetched = REGISTRIES[package.registry](package, scratch)
        path = archives / fetched.name
        fetched.replace(path)
        shutil.rmtree(scratch)
        package = replace(package, version=version, file=package.file or fetched.name)
    digest = sha256(path.read_bytes()).hexdigest()
    if path.name != package.file or (package.sha256 and digest != package.sha256):
        raise CorpusError(
            f"{package.registry} gave {path.name} with SHA-256 {digest} for {package.name}; "
            f"the manifest has {package.file} with {package.sha256}"
        )
    return replace(package, sha256=digest), path


# -- archives ------------------------------------------------------------------------


def _tar_members(archive: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=archive, mode="r|*") as tar:
        for member in tar:
            if member.isfile() and member.size <= MAX_FILE:
                content = tar.extractfile(member)
                if content is not None:
                    yield member.name, content.read()


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of each regular file of at most `MAX_FILE` bytes in an archive."""
    if path.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir() and info.file_size <= MAX_FILE and not stat.S_ISLNK(info.external_attr >> 16):
                    yield info.filename, archive.read(info)
    elif path.suffix == ".deb":
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(path)], stdout=subprocess.PIPE) as process:
            if process.stdout is None:
                raise CorpusError(f"dpkg-deb gives nothing for {path.name}")
            yield from _tar_members(process.stdout)
    else:
        with path.open("rb") as stream:
            yield from _tar_members(stream)


def unpack(package: Package, archive: Path, folder: Path) -> str:
    """Unpack what the manifest keeps to ``folder`` (made anew); its `tree_digest`."""
    keep = pathspec.GitIgnoreSpec.from_lines(package.keep)
    drop = pathspec.GitIgnoreSpec.from_lines(package.drop)
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in members(archive):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise CorpusError(f"{archive.name} holds the unsafe path {name!r}")
        # Every form but the wheel and the binary package has one folder on top.
        inner = path if archive.suffix in {".whl", ".deb"} else PurePosixPath(*path.parts[1:])
        if not inner.parts or (package.keep and not keep.match_file(str(inner))) or drop.match_file(str(inner)):
            continue
        target = folder / inner
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if not folder.is_dir():
        raise CorpusError(f"{package.name}: the manifest keeps nothing of {archive.name}")
    return tree_digest(folder)


# -- the corpora ---------------------------------------------------------------------


def fetch(manifest: Manifest, root: Path) -> Iterator[Package]:
    """Fetch and unpack every package of ``manifest`` below ``root``; each with its pins.

    A package that is unpacked already (its tree has the pinned digest) is not touched.
    """
    for package in manifest.packages:
        folder = root / manifest.purpose / package.language / package.folder
        if package.tree and folder.is_dir() and tree_digest(folder) == package.tree:
            yield package
            continue
        found, archive = archive_of(package, root)
        digest = unpack(found, archive, folder)
        if package.tree and digest != package.tree:
            raise CorpusError(f"{package.name} unpacks to tree {digest}; the manifest has {package.tree}")
        yield replace(found, tree=digest)


def manifests() -> list[Path]:
    """The benchmark projects and the training manifests, in that order."""
    return [PROJECTS, *sorted(TRAINING.glob("*.toml"))]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when everything listed is there, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpora", description=__doc__.split("\n", 1)[0])
    parser.add_argument("action", choices=["fetch", "pin"])
    parser.add_argument("manifest", nargs="*", type=Path, help="manifests, by path or file name (default: all)")
    options = parser.parse_args(arguments)
    root = corpora_root()
    chosen = [_named(path) for path in options.manifest] or manifests()
    failed = False
    for path in chosen:
        manifest = read_manifest(path)
        for package in manifest.packages:
            try:
                (done,) = fetch(replace(manifest, packages=(package,)), root)
            except (Qyn1Error, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
                print(f"{path.name}: {package.name}: {error}", file=sys.stderr)
                failed = True
                continue
            if options.action == "pin" and done != package:
                path.write_text(_pinned(path.read_text("utf-8"), done), "utf-8")
            size = sum(
                file.stat().st_size for _, file in files_of(root / manifest.purpose / done.language / done.folder)
            )
            print(f"{done.language:10} {done.name:24} {done.version:20} {size:>12,}", flush=True)
    return int(failed)


def _named(path: Path) -> Path:
    if path.is_file():
        return path
    for known in manifests():
        if known.name == path.name:
            return known
    raise SystemExit(f"no manifest {path}; known: {', '.join(known.name for known in manifests())}")


if __name__ == "__main__":
    raise SystemExit(main())
