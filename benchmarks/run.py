"""Measure peers and our modes on the benchmark projects, in one run and in turn.

    python -m benchmarks                                everything (hours)
    python -m benchmarks --projects koa,requests        some projects
    python -m benchmarks --contenders "zstd -19,qyn1 balanced,7z PPMd"

Every round runs all contenders on a project right after one another, so that a busy
machine slows all of them alike; of several rounds the median is kept. Speeds are project bytes per
second of CPU time on one core (``--threads`` adds wall-clock runs on several).
What is compressed is the project's files in its own language: peers get a deterministic
tar archive, modes the folder, and single compressors of ours the contents alone, in blocks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import Contender, contenders, prepare
from benchmarks.inputs import projects, training_packages
from benchmarks.measure import Meter
from benchmarks.peers import PEERS, Result, missing, train_dictionary
from benchmarks.plot import pareto_picture
from benchmarks.small import small_results
from benchmarks.tables import project_table, small_table, speed_table
from qyn1_core.measuring.suite import corpora_root
from qyn1_plugins.host import default_host

__all__ = ["main"]

SCHEMA_VERSION: Final = 1
_WITHOUT_VERSION_FLAG: Final = {"zpaq", "7z"}


def machine() -> dict[str, Any]:
    """What the numbers depend on: processor, cores, system, and the versions of the peers."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [
            line.split(":", 1)[1].strip()
            for line in information.read_text("utf-8").splitlines()
            if "model name" in line
        ]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "peers": {program: _version(program) for program in sorted({peer.encode[0] for peer in PEERS})},
    }


def _version(program: str) -> str:
    """The first line with a digit that the program prints about itself."""
    if shutil.which(program) is None:
        return "not installed"
    arguments = [] if program in _WITHOUT_VERSION_FLAG else ["--version"]
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if any(map(str.isdigit, line))]
    return lines[0][:80] if lines else "unknown"


def _median(results: Sequence[Result]) -> dict[str, Any]:
    """The run with the median encoding time, as JSON types; sizes must agree."""
    if len({result.size for result in results}) != 1:
        raise RuntimeError("the same input gave packages of different sizes")
    middle = statistics.median_low([result.encode.cpu for result in results])
    chosen = next(result for result in results if result.encode.cpu == middle)
    return asdict(chosen)


def _rows(project: Any, chosen: Sequence[Contender], rounds: int, threads: int) -> Iterator[dict[str, Any]]:
    for count in dict.fromkeys((1, threads)):
        taking_part = [contender for contender in chosen if count == 1 or contender.threaded]
        results: dict[str, list[Result]] = {contender.name: [] for contender in taking_part}
        for turn in range(rounds):
            # Each round begins with another contender: none always runs on the warmest cache.
            for contender in taking_part[turn % len(taking_part) :] + taking_part[: turn % len(taking_part)]:
                results[contender.name].append(contender.run(project, count))
        for contender in taking_part:
            yield {
                "project": f"{project.language}/{project.name}",
                "contender": contender.name,
                "kind": contender.kind,
                "threads": count,
                **_median(results[contender.name]),
            }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--projects", default="", help="names or languages, separated by commas (default: all)")
    parser.add_argument("--contenders", default="", help="names, separated by commas (default: all)")
    parser.add_argument("--largest", type=int, default=1 << 40, help="leave out projects of more bytes")
    parser.add_argument("--rounds", type=int, default=1, help="repetitions; the median counts")
    parser.add_argument("--threads", type=int, default=1, help="also run with so many threads")
    parser.add_argument("--small", action="store_true", help="also pack small files alone")
    parser.add_argument("--corpora", type=Path, default=None, help="where benchmarks.corpora put them")
    parser.add_argument("--json", type=Path, default=None, help="write the results here")
    parser.add_argument("--plot", type=Path, default=None, help="write an SVG picture of size against speed here")
    parser.add_argument("--from", dest="earlier", type=Path, help="print and draw earlier results instead of measuring")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark that ``options`` describe; the results as JSON types."""
    host = default_host()
    root = options.corpora or corpora_root()
    wanted = _names(options.projects)
    everything = projects(root, host.detect_language)
    chosen = [
        project
        for project in everything
        if (not wanted or project.name in wanted or project.language in wanted) and project.size <= options.largest
    ]
    if not chosen or not all(project.files for project in chosen):
        raise SystemExit(f"no project to measure in {root}: python -m benchmarks.corpora fetch projects.toml")
    only = _names(options.contenders)
    answer: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "machine": machine(),
        "rounds": options.rounds,
        "projects": [],
        "results": [],
        "small": [],
    }
    with tempfile.TemporaryDirectory(prefix="qyn1-benchmark-") as folder, Meter(Path(folder)) as meter:
        scratch = Path(folder)
        taking_part = [c for c in contenders(host, scratch, meter) if not only or c.name in only]
        if unknown := set(only) - {contender.name for contender in taking_part}:
            raise SystemExit(f"no contender {', '.join(sorted(unknown))} here")
        dictionaries: dict[str, Path] = {}
        for language in dict.fromkeys(project.language for project in chosen):
            place = scratch / f"dictionary-{language}"
            place.mkdir()
            dictionaries[language] = place / "dictionary"
            if not only or any("dictionary" in name for name in only):
                packages = training_packages(root, language, host.detect_language)
                dictionaries[language] = train_dictionary(packages, place, meter)
        for project in chosen:
            prepared = prepare(project, scratch, dictionaries[project.language])
            answer["projects"].append(
                {
                    "project": f"{project.language}/{project.name}",
                    "files": len(project.files),
                    "raw": project.size,
                    "tar": prepared.tar.stat().st_size,
                }
            )
            for row in _rows(prepared, taking_part, options.rounds, options.threads):
                answer["results"].append(row)
                print(_progress(row, project.size), flush=True)
            _save(answer, options.json)
        if options.small:
            for language, dictionary in dictionaries.items():
                answer["small"] += small_results(host, everything, language, scratch, dictionary, meter, only)
    return answer


def _only(answer: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The results of the contenders ``names`` alone; of all where none is named."""
    if not names:
        return answer
    if unknown := set(names) - {row["contender"] for row in answer["results"]}:
        raise SystemExit(f"no contender {', '.join(sorted(unknown))} in these results")
    chosen = {part: [row for row in answer[part] if row["contender"] in names] for part in ("results", "small")}
    return {**answer, **chosen}


def _save(answer: dict[str, Any], path: Path | None) -> None:
    """Write the results so far: a run of hours that is interrupted leaves what it has measured."""
    if path is not None:
        path.write_text(json.dumps(answer, indent=1) + "\n", "utf-8")


def _progress(row: dict[str, Any], raw: int) -> str:
    encode, decode = row["encode"], row["decode"]
    speed = [raw / 1e6 / max(cost["cpu"] if row["threads"] == 1 else cost["wall"], 1e-4) for cost in (encode, decode)]
    return (
        f"{row['project']:26} {row['contender']:22} x{row['threads']} {row['size']:>10,} "
        f"{speed[0]:8.2f} {speed[1]:8.2f} MB/s {encode['peak'] / 1e6:6.0f} {decode['peak'] / 1e6:6.0f} MB"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = _options(arguments)
    if options.earlier is not None:
        if not options.earlier.is_file():
            raise SystemExit(f"no results in {options.earlier}: name a file that --json wrote")
        answer = _only(json.loads(options.earlier.read_text("utf-8")), _names(options.contenders))
    else:
        if absent := missing():
            raise SystemExit(f"not installed: {', '.join(absent)} (Debian: see docs/benchmarks.md)")
        answer = measure(options)
    _save(answer, options.json)
    print()
    print(project_table(answer))
    print(speed_table(answer))
    if answer["small"]:
        print(small_table(answer))
    if options.plot is not None:
        options.plot.write_text(pareto_picture(answer), "utf-8")
    return 0
