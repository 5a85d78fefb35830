"""What packing and unpacking report: sizes, time for each stage, workers, memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Final

__all__ = ["REPORT_SCHEMA_VERSION", "LinkReport", "PackReport", "Stopwatch", "UnpackReport", "peak_rss"]

REPORT_SCHEMA_VERSION: Final = 1


def peak_rss() -> int:
    """Most resident bytes of this process so far (0 where the system does not tell)."""
    try:
        import resource  # noqa: PLC0415  (Unix only)
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Stopwatch:
    """Seconds by stage, on a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to ``name``."""
        begin = self._clock()
        try:
            yield
        finally:
            self.add(name, self._clock() - begin)

    def add(self, name: str, seconds: float) -> None:
        """Add ``seconds`` to ``name``."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def total(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._begin


@dataclass
class _Report:
    """What both directions report. ``seconds["encode"]``/``["decode"]`` are CPU seconds over all workers."""

    output: str
    files: int = 0
    links: int = 0
    directories: int = 0
    raw_size: int = 0
    packed_size: int = 0
    blocks: int = 0
    workers: int = 1
    seconds: dict[str, float] = field(default_factory=dict)
    peak_rss: int = 0
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """The stable form that ``--json`` prints."""
        rounded = {name: round(value, 4) for name, value in self.seconds.items()}
        return {"schema_version": REPORT_SCHEMA_VERSION, **asdict(self), "seconds": rounded}


@dataclass
class PackReport(_Report):
    """One package was made. Sizes in bytes; ``packed_size`` is the whole file's."""

    mode: str = ""
    fidelity: str = ""
    encryption: str = ""
    deterministic: bool = False
    copies: int = 0
    cached_blocks: int = 0
    languages: dict[str, dict[str, int]] = field(default_factory=dict)
    compressors: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Packed size over raw size (1 for nothing)."""
        return self.packed_size / self.raw_size if self.raw_size else 1.0

    def as_json(self) -> dict[str, object]:
        """The stable form that ``--json`` prints."""
        return {**super().as_json(), "ratio": round(self.ratio, 6)}


@dataclass
class UnpackReport(_Report):
    """A package was unpacked into the folder ``output``."""


@dataclass
class LinkReport(_Report):
    """``objects`` objects were linked into one package."""

    objects: int = 0
    encryption: str = ""
    deterministic: bool = False
