"""Measures packing by ratios that mean the same on every machine, and compares them with a baseline.

Size: packed bytes over raw bytes. Speed: CPU seconds over those that zlib (level 6) takes for
the same bytes in the same run, so that a slower machine does not look like slower code.
Everything runs with one worker; of several repetitions the quickest counts.
"""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from qyn1_core.configuration.priors import Priors
from qyn1_core.errors import ConfigError
from qyn1_core.package import open_package
from qyn1_core.packing import Sealing, pack
from qyn1_core.plan import make_plan, read_block
from qyn1_core.project import discover
from qyn1_plugins.host import Host

__all__ = [
    "BENCH_SCHEMA_VERSION",
    "Case",
    "Regression",
    "as_document",
    "compare",
    "markdown",
    "measure",
    "read_baseline",
]

BENCH_SCHEMA_VERSION: Final = 1
_REFERENCE_LEVEL: Final = 6


@dataclass(frozen=True)
class Case:
    """One project packed one way. Sizes in bytes; ``pack_time`` and ``unpack_time`` in times of zlib's CPU."""

    project: str
    way: str
    files: int
    raw_size: int
    packed_size: int
    size_ratio: float
    pack_time: float
    unpack_time: float

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same case as in a baseline."""
        return self.project, self.way


@dataclass(frozen=True)
class Regression:
    """``figure`` of a case is worse than the baseline by ``change`` (0.1: ten per cent), or the case is missing."""

    project: str
    way: str
    figure: str
    change: float

    def __str__(self) -> str:
        digits = 1 if abs(self.change) >= 0.001 else 4  # a single byte is to be seen
        return f"{self.project}, {self.way}: {self.figure} {100 * self.change:+.{digits}f} %"


def measure(
    project: Path, ways: Mapping[str, Priors], host: Host, *, repeat: int, name: str | None = None
) -> Iterator[Case]:
    """A case for each of ``ways``, a name and the priors that go with it (their workers are not used).

    ``name`` is that of the project in them; None: its folder's.
    """
    reference = min(_reference(project, next(iter(ways.values())), host) for _ in range(repeat))
    measured: list[tuple[Priors, Case]] = []
    for way, priors in ways.items():
        # Presets that say the same are measured once.
        alike = replace(priors, preset="")
        same = next((case for known, case in measured if known == alike), None)
        if same is not None:
            yield replace(same, way=way)
            continue
        best_pack = best_unpack = float("inf")
        for _ in range(repeat):
            out = io.BytesIO()
            begin = time.process_time()
            report = pack(project, out, Sealing.open(), priors=priors, host=host)
            best_pack = min(best_pack, time.process_time() - begin)
            begin = time.process_time()
            with open_package(out, host=host) as package:
                package.verify(workers=1)
            best_unpack = min(best_unpack, time.process_time() - begin)
        case = Case(
            name or project.resolve().name,
            way,
            report.files,
            report.raw_size,
            report.packed_size,
            round(report.ratio, 6),
            round(best_pack / reference, 3),
            round(best_unpack / reference, 3),
        )
        measured.append((alike, case))
        yield case


def _reference(project: Path, priors: Priors, host: Host) -> float:
    """CPU seconds of finding, reading and compressing the files of ``project`` with zlib."""
    begin = time.process_time()
    plan = make_plan(discover(project, include=priors.include, exclude=priors.exclude), priors, host)
    for block in plan.blocks:
        zlib.compress(read_block(plan, block), _REFERENCE_LEVEL)
    return max(time.process_time() - begin, 1e-6)


def as_document(cases: Sequence[Case]) -> dict[str, object]:
    """What a baseline file and ``--json`` hold."""
    return {"schema_version": BENCH_SCHEMA_VERSION, "cases": [asdict(case) for case in cases]}


def read_baseline(document: object, origin: str) -> list[Case]:
    """The cases in ``document``. Raises `ConfigError` naming ``origin``."""
    try:
        if not isinstance(document, dict):
            raise TypeError
        if document["schema_version"] != BENCH_SCHEMA_VERSION:
            raise ConfigError(f"{origin} was written by another version of qyn1: measure the baseline again")
        return [
            Case(
                str(row["project"]),
                str(row["way"]),
                int(row["files"]),
                int(row["raw_size"]),
                int(row["packed_size"]),
                float(row["size_ratio"]),
                float(row["pack_time"]),
                float(row["unpack_time"]),
            )
            for row in document["cases"]
        ]
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{origin} is not what `qyn1 bench --save` writes") from None


_FIGURES: Final[Mapping[str, Callable[[Case], float]]] = {
    "size": lambda case: case.size_ratio,
    "packing time": lambda case: case.pack_time,
    "unpacking time": lambda case: case.unpack_time,
}


def compare(
    cases: Sequence[Case], baseline: Sequence[Case], *, size_tolerance: float, time_tolerance: float
) -> list[Regression]:
    """What is worse than ``baseline`` by more than the tolerances (0.01: one per cent).

    Only cases that both have are compared; having none in common is a `ConfigError`.
    """
    known = {case.key: case for case in baseline}
    if not any(case.key in known for case in cases):
        raise ConfigError("the baseline has none of these projects and ways: measure one with --save")
    found = []
    for case in cases:
        old = known.get(case.key)
        if old is None:
            continue
        for figure, value in _FIGURES.items():
            tolerance = size_tolerance if figure == "size" else time_tolerance
            change = value(case) / value(old) - 1 if value(old) else 0.0
            if change > tolerance:
                found.append(Regression(case.project, case.way, figure, change))
    return found


def markdown(cases: Sequence[Case], baseline: Sequence[Case] = ()) -> str:
    """The cases as a table, with the change of size from ``baseline`` where it has the case."""
    known = {case.key: case for case in baseline}
    lines = [
        "| project | way | files | raw bytes | packed bytes | size | packing (zlib = 1) | unpacking | baseline |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for case in cases:
        old = known.get(case.key)
        change = f"{100 * (case.size_ratio / old.size_ratio - 1):+.2f} %" if old and old.size_ratio else ""
        lines.append(
            f"| {case.project} | {case.way} | {case.files} | {case.raw_size} | {case.packed_size} "
            f"| {100 * case.size_ratio:.2f} % | {case.pack_time:.2f} | {case.unpack_time:.2f} | {change} |"
        )
    return "\n".join(lines) + "\n"
