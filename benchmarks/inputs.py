"""What is measured: the source files of the benchmark projects, in a fixed order.

python -m benchmarks.inputs FOLDER    write each project's raw concatenation to FOLDER/blobs, and a
                                      sample of each training corpus to FOLDER/blobs-train
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.corpora import PROJECTS, TRAINING
from qyn1_core.measuring.suite import corpora_root
from qyn1_core.training import files_of, read_manifest

__all__ = ["Project", "SourceFile", "concatenation", "projects", "small_files", "tar_of", "training_packages"]

Detect = Callable[[str, bytes], str]
HEAD: Final = 4096
SMALL: Final = range(1 << 10, (20 << 10) + 1)
SMALL_COUNT: Final = 60
TRAINING_SAMPLE: Final = 24_000_000


@dataclass(frozen=True)
class SourceFile:
    """A file's path in its project, and its content."""

    path: str
    data: bytes


@dataclass(frozen=True)
class Project:
    """One benchmark project: its files in its own language, sorted by path."""

    name: str
    language: str
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file.data) for file in self.files)


def source_files(folder: Path, language: str, detect: Detect) -> tuple[SourceFile, ...]:
    """The files below ``folder`` that ``detect`` (path and first bytes to language) gives ``language``."""
    found = []
    for name, path in files_of(folder):
        data = path.read_bytes()
        if detect(name, data[:HEAD]) == language:
            found.append(SourceFile(name, data))
    return tuple(found)


def projects(root: Path, detect: Detect) -> list[Project]:
    """The benchmark projects, as fetched to ``root``."""
    found = []
    for package in read_manifest(PROJECTS).packages:
        folder = root / "bench" / package.language / package.folder
        found.append(Project(package.folder, package.language, source_files(folder, package.language, detect)))
    return found


def tar_of(files: Iterable[SourceFile]) -> bytes:
    """A tar archive with the same metadata for every file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file in files:
            info = tarfile.TarInfo(file.path)
            info.size = len(file.data)
            info.mode = 0o644
            archive.addfile(info, io.BytesIO(file.data))
    return buffer.getvalue()


def concatenation(files: Iterable[SourceFile]) -> bytes:
    """The contents alone, one after the other."""
    return b"".join(file.data for file in files)


def small_files(chosen: Sequence[Project], language: str) -> list[SourceFile]:
    """`SMALL_COUNT` files of 1 to 20 KiB of one language, spread evenly over its projects' files."""
    fitting = [
        SourceFile(f"{project.name}/{file.path}", file.data)
        for project in chosen
        if project.language == language
        for file in project.files
        if len(file.data) in SMALL
    ]
    count = min(SMALL_COUNT, len(fitting))
    return [fitting[number * len(fitting) // count] for number in range(count)]


def training_packages(root: Path, language: str, detect: Detect) -> list[tuple[SourceFile, ...]]:
    """The training corpus of ``language`` as fetched to ``root``: the files of each package."""
    return [
        source_files(root / "train" / language / package.folder, language, detect)
        for package in read_manifest(TRAINING / f"{language}.toml").packages
    ]


def interleaved(packages: Sequence[Sequence[SourceFile]], limit: int) -> list[SourceFile]:
    """At most ``limit`` bytes of the packages' files, from all packages in turn.

    Each turn takes from every package the next file of a walk that visits its folders evenly.
    """
    walks = [_spread(package) for package in packages]
    taken: list[SourceFile] = []
    total = 0
    for turn in range(max(map(len, walks), default=0)):
        for walk in walks:
            if turn < len(walk) and total + len(walk[turn].data) <= limit:
                taken.append(walk[turn])
                total += len(walk[turn].data)
    return taken


def _spread(files: Sequence[SourceFile]) -> list[SourceFile]:
    """The files in bit-reversed order, so that every prefix covers the whole package."""
    bits = max(len(files) - 1, 0).bit_length()
    order = (int(format(number, f"0{bits}b")[::-1], 2) if bits else 0 for number in range(1 << bits))
    return [files[index] for index in order if index < len(files)]


def main(folder: Path) -> None:
    """Write the blobs."""
    from qyn1_plugins.host import default_host  # noqa: PLC0415 - the rest works without a host

    root = corpora_root()
    detect = default_host().detect_language
    for name in ("blobs", "blobs-train"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for project in projects(root, detect):
        (folder / "blobs" / f"{project.language}-{project.name}.bin").write_bytes(concatenation(project.files))
    for path in sorted(TRAINING.glob("*.toml")):
        sample = interleaved(training_packages(root, path.stem, detect), TRAINING_SAMPLE)
        (folder / "blobs-train" / f"{path.stem}.bin").write_bytes(concatenation(sample))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
