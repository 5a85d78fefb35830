"""The peers: general compressors that Debian packages, run as commands.

Debian's packages are ``gzip zstd xz-utils brotli bzip3 p7zip-full zpaq``.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.inputs import SourceFile, interleaved
from benchmarks.measure import Cost, Meter

__all__ = ["PEERS", "Peer", "Result", "compress", "missing", "train_dictionary"]

DICTIONARY_SIZE: Final = 112_640
"""Bytes; what ``zstd --train`` makes by default."""

DICTIONARY_SAMPLE: Final = 16_000_000
DICTIONARY_FILE: Final = 1 << 17
"""Larger files are no sample: zstd reads only the first 128 KiB of one."""


@dataclass(frozen=True)
class Peer:
    """One compressor at one setting.

    In the commands ``{input}``, ``{output}``, ``{folder}``, ``{name}`` (of the input), ``{dictionary}``
    and ``{threads}`` are replaced; one without ``{output}`` writes to its standard output. ``suffix`` is the output's.
    """

    name: str
    encode: tuple[str, ...]
    decode: tuple[str, ...]
    suffix: str
    threaded: bool = False
    dictionary: bool = False


def _zstd(level: int, *, dictionary: bool) -> Peer:
    extra = ("-D", "{dictionary}") if dictionary else ()
    return Peer(
        f"zstd -{level}" + (" dictionary" if dictionary else ""),
        ("zstd", "-q", "-c", f"-{level}", "-T{threads}", *extra, "{input}"),
        ("zstd", "-q", "-d", "-c", *extra, "{output}"),
        "zst",
        threaded=True,
        dictionary=dictionary,
    )


PEERS: Final = (
    Peer("gzip -9", ("gzip", "-9", "-n", "-c", "{input}"), ("gzip", "-d", "-c", "{output}"), "gz"),
    *(_zstd(level, dictionary=False) for level in (3, 9, 12, 19)),
    *(_zstd(level, dictionary=True) for level in (3, 9, 12, 19)),
    Peer(
        "xz -9e",
        ("xz", "-9e", "-T{threads}", "-c", "{input}"),
        ("xz", "-d", "-T{threads}", "-c", "{output}"),
        "xz",
        threaded=True,
    ),
    Peer(
        "brotli -11",
        ("brotli", "-q", "11", "-w", "24", "-c", "{input}"),
        ("brotli", "-d", "-c", "{output}"),
        "br",
    ),
    Peer(
        "bzip3",
        ("bzip3", "-e", "-c", "-j", "{threads}", "{input}"),
        ("bzip3", "-d", "-c", "-j", "{threads}", "{output}"),
        "bz3",
        threaded=True,
    ),
    Peer(
        "7z PPMd",
        ("7z", "a", "-bso0", "-m0=PPMd:o=16:mem=512m", "-mtc=off", "-mtm=off", "{output}", "{input}"),
        ("7z", "x", "-so", "{output}"),
        "7z",
    ),
    Peer(
        "zpaq -m5",
        ("zpaq", "add", "{output}", "{input}", "-m5", "-t{threads}"),
        ("zpaq", "extract", "{output}", "{input}", "-to", "{folder}/restored/{name}", "-t{threads}"),
        "zpaq",
        threaded=True,
    ),
)


@dataclass(frozen=True)
class Result:
    """Bytes of the compressed form, and the cost of both ways."""

    size: int
    encode: Cost
    decode: Cost | None


def missing() -> list[str]:
    """The peers' programs that are not installed."""
    return sorted({peer.encode[0] for peer in PEERS if shutil.which(peer.encode[0]) is None})


def compress(
    peer: Peer,
    source: Path,
    folder: Path,
    meter: Meter,
    *,
    dictionary: Path | None = None,
    threads: int = 1,
    decode: bool = True,
) -> Result:
    """Compress the file ``source`` and restore it, in the scratch ``folder``; the restored bytes are checked."""
    output = folder / f"packed.{peer.suffix}"
    restored = folder / "restored"
    output.unlink(missing_ok=True)
    shutil.rmtree(restored, ignore_errors=True)
    restored.mkdir()
    names = {
        "input": str(source),
        "output": str(output),
        "folder": str(folder),
        "name": source.name,
        "dictionary": str(dictionary),
        "threads": str(threads),
    }
    command = [part.format(**names) for part in peer.encode]
    cost = meter.run(command, target=None if "{output}" in peer.encode else output)
    size = output.stat().st_size
    if not decode:
        return Result(size, cost, None)
    target = restored / source.name
    writes_itself = any("{folder}" in part for part in peer.decode)
    back = meter.run([part.format(**names) for part in peer.decode], target=None if writes_itself else target)
    if target.read_bytes() != source.read_bytes():
        raise RuntimeError(f"{peer.name} does not restore {source}")
    return Result(size, cost, back)


def train_dictionary(packages: Sequence[Sequence[SourceFile]], folder: Path, meter: Meter) -> Path:
    """A zstd dictionary of `DICTIONARY_SIZE` bytes for one language, made in ``folder``."""
    samples = folder / "samples"
    shutil.rmtree(samples, ignore_errors=True)
    samples.mkdir(parents=True)
    fitting = [[file for file in package if 0 < len(file.data) <= DICTIONARY_FILE] for package in packages]
    for number, file in enumerate(interleaved(fitting, DICTIONARY_SAMPLE)):
        (samples / f"{number:06}").write_bytes(file.data)
    dictionary = folder / "dictionary"
    meter.run(["zstd", "-q", "-r", "--train", str(samples), f"--maxdict={DICTIONARY_SIZE}", "-o", str(dictionary)])
    shutil.rmtree(samples)
    return dictionary
