"""What very large inputs cost: peak memory of packing and unpacking, and packing again after a small change.

    python -m benchmarks.large tree FOLDER --files 230000 [--largest 2000]
    python -m benchmarks.large file FILE --bytes 1000000000
    python -m benchmarks.large memory INPUT... --mode fast --mode balanced
    python -m benchmarks.large repack FOLDER --mode balanced

The inputs are real code: the Python modules of the corpora (`benchmarks.corpora`), taken again and again
until there are enough, each time with another first line, so that no two are the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from benchmarks.measure import Cost, Meter
from qyn1_core.measuring.suite import corpora_root

__all__ = ["make_file", "make_tree", "memory", "repack"]

QYN1: Final = [sys.executable, "-m", "qyn1_core"]
ROUNDS: Final = 5


def _modules(largest: int) -> Iterator[tuple[Path, bytes]]:
    """Path and content of Python modules of at most ``largest`` bytes, without end."""
    root = corpora_root()
    found = [path for path in sorted(root.glob("*/python/**/*.py")) if 0 < path.stat().st_size <= largest]
    if not found:
        raise SystemExit(f"no Python modules in {root}: python -m benchmarks.corpora fetch")
    for copy in count():
        for path in found:
            yield Path(f"copy{copy}") / path.relative_to(root), b"# %d\n" % copy + path.read_bytes()


def make_tree(folder: Path, files: int, largest: int = 1 << 20) -> int:
    """Write a project of ``files`` modules of at most ``largest`` bytes; how many bytes it has."""
    size = 0
    for _, (path, data) in zip(range(files), _modules(largest), strict=False):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        size += len(data)
    return size


def make_file(path: Path, size: int) -> None:
    """Write one module of at least ``size`` bytes."""
    written = 0
    modules = _modules(1 << 20)
    with path.open("wb") as file:
        while written < size:
            written += file.write(next(modules)[1])


def memory(source: Path, mode: str, meter: Meter, scratch: Path) -> tuple[Cost, Cost]:
    """What packing ``source`` and unpacking the package cost, each in a process of its own with one worker."""
    package, out = scratch / "package.qyn1", scratch / "out"
    how = ["--mode", mode, "--workers", "1", "-q"]
    packing = meter.run([*QYN1, "pack", str(source), "-o", str(package), *how])
    unpacking = meter.run([*QYN1, "unpack", str(package), "-C", str(out), "--workers", "1"])
    package.unlink()
    shutil.rmtree(out)
    return packing, unpacking


def repack(source: Path, mode: str, meter: Meter, scratch: Path) -> dict[str, list[Cost]]:
    """What packing ``source`` with a cache costs, cold, unchanged and after a change of one file each time.

    The last package is compared with one that is made without a cache.
    """
    how = ["--mode", mode, "--workers", "1", "-q", "-f", "--no-encrypt"]
    cache = ["--cache", str(scratch / "cache"), "--cache-size", "4 GiB"]
    pack = [*QYN1, "pack", str(source), *how, "-o"]
    costs = {"cold": [meter.run([*pack, str(scratch / "cold"), *cache])], "unchanged": [], "one file changed": []}
    files = sorted(path for path in source.rglob("*.py") if path.is_file())
    for turn in range(ROUNDS):
        costs["unchanged"].append(meter.run([*pack, str(scratch / "warm"), *cache]))
        changed = files[(turn * 2 + 1) * len(files) // (2 * ROUNDS)]
        changed.write_bytes(changed.read_bytes() + b"changed = %d\n" % turn)
        costs["one file changed"].append(meter.run([*pack, str(scratch / "warm"), *cache]))
    meter.run([*pack, str(scratch / "plain")])
    if (scratch / "plain").read_bytes() != (scratch / "warm").read_bytes():
        raise SystemExit("the package made with a warm cache differs")
    return costs


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=__doc__.split("\n", 1)[0])
    actions = parser.add_subparsers(dest="action", required=True)
    tree = actions.add_parser("tree", help="write a project of many files")
    tree.add_argument("target", type=Path)
    tree.add_argument("--files", type=int, default=10_000)
    tree.add_argument("--largest", type=int, default=1 << 20, help="most bytes of a file")
    file = actions.add_parser("file", help="write one large file")
    file.add_argument("target", type=Path)
    file.add_argument("--bytes", type=int, default=10**9)
    for name, text in (("memory", "peak memory of packing and unpacking"), ("repack", "cost of packing again")):
        action = actions.add_parser(name, help=text)
        action.add_argument("inputs", type=Path, nargs="+")
        action.add_argument("--mode", action="append")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(arguments)
    if options.action == "tree":
        print(f"{options.files} files, {make_tree(options.target, options.files, options.largest)} bytes")
        return 0
    if options.action == "file":
        make_file(options.target, options.bytes)
        return 0
    # Beside the first input: staging needs as much room as the input has.
    with tempfile.TemporaryDirectory(prefix="qyn1-large-", dir=options.inputs[0].resolve().parent) as name:
        scratch = Path(name)
        os.environ["XDG_CONFIG_HOME"] = str(scratch / "config")  # a key and a cache key of its own
        with Meter(scratch) as meter:
            for source in options.inputs:
                for mode in options.mode or ["fast", "balanced"]:
                    if options.action == "memory":
                        for direction, cost in zip(
                            ("pack", "unpack"), memory(source, mode, meter, scratch), strict=True
                        ):
                            peak = f"{cost.peak / 1e6:.0f} MB"
                            print(f"{source.name} {mode} {direction}: {peak}, {cost.cpu:.1f} s CPU", flush=True)
                        continue
                    for what, costs in repack(source, mode, meter, scratch).items():
                        cpu = [cost.cpu for cost in costs]
                        print(
                            f"{source.name} {mode} {what}: {min(cpu):.2f} to {max(cpu):.2f} s CPU, median "
                            f"{statistics.median(cpu):.2f}; clock {min(cost.wall for cost in costs):.2f} s at best",
                            flush=True,
                        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
