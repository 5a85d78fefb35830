"""Where packing and unpacking spend time and memory: stacks of all threads, sampled.

A thread looks at every other thread's stack each few milliseconds and charges the
time since it last looked to what it finds there. So worker threads count as much as
the main one, nothing is slowed down by being counted, and time inside the native
extension (which lets other threads run) is charged to the Python function that
called it; compressors that time their own stages (`StageTimer`) have it shared out among
them. Threads that wait for others are not charged. Functions that take much
less than the interval may be missed.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Final

from qyn1_core.report import peak_rss
from qyn1_core.work import stages_timed
from qyn1_plugins import _native
from qyn1_plugins.spec import TIMED_STAGES, StageTimer

__all__ = ["PROFILE_SCHEMA_VERSION", "Frame", "Profile", "Sampler", "stage_of"]

PROFILE_SCHEMA_VERSION: Final = 1
_INTERVAL: Final = 0.004
_RSS_INTERVAL: Final = 0.05
_DEEPEST: Final = 60
_TOP_ALLOCATIONS: Final = 20
_GROWTH: Final = 1.1  # a new peak of allocations is looked at when it is so much above the last
_WAITING: Final = frozenset(
    {
        ("threading", "wait"),
        ("threading", "_wait_for_tstate_lock"),
        ("threading", "join"),
        ("concurrent.futures.thread", "_worker"),
        ("concurrent.futures._base", "result"),
        ("queue", "get"),
        ("selectors", "select"),
        ("multiprocessing.connection", "wait"),
    }
)
# The innermost frame that one of these names decides; module prefix, function (empty: any), stage.
_STAGES: Final = (
    ("qyn1_plugins.compressors.lanes", "", "entropy coder"),
    ("qyn1_plugins.compressors.rans", "", "entropy coder"),
    ("qyn1_plugins.compressors.rans_payload", "", "entropy coder"),
    ("qyn1_plugins.compressors", "", "model"),
    ("qyn1_plugins.frontends", "claims", "plan"),
    ("qyn1_plugins.frontends", "", "lex"),
    ("qyn1_plugins.ciphers", "", "cipher"),
    ("qyn1_core.envelope", "", "cipher"),
    ("qyn1_core.archive", "", "archive"),
    ("qyn1_core.project", "", "discover"),
    ("qyn1_core.ignore", "", "discover"),
    ("qyn1_core.plan", "_read", "I/O"),
    ("qyn1_core.plan", "read", "I/O"),
    ("qyn1_core.output", "", "I/O"),
    ("qyn1_core.extraction", "", "I/O"),
    ("qyn1_core.cache", "", "cache"),
    ("qyn1_core.file_index", "", "cache"),
    ("qyn1_core.plan", "", "plan"),
    ("qyn1_core.work", "_encode", "model"),  # a compressor that is not ours
)
_MEASURED: Final = {f"<{stage}>": stage for stage in TIMED_STAGES}  # functions that stand for a measured stage

Frame = tuple[str, str, int]
"""Module, function, first line of the function."""


def stage_of(stack: Sequence[Frame]) -> str:
    """The stage that time in ``stack`` (outermost first) belongs to."""
    if stack[-1][1] in _MEASURED:
        return _MEASURED[stack[-1][1]]
    for module, function, _ in reversed(stack):
        for prefix, name, stage in _STAGES:
            if (module == prefix or module.startswith(prefix + ".")) and name in ("", function):
                return stage
    return "other"


@dataclass
class Profile:
    """What was measured. ``stacks`` maps each stack, outermost frame first, to seconds.

    ``rss`` holds (seconds since the start, resident bytes); ``allocations`` (place, bytes,
    blocks) at the moment when most was allocated, or None where nobody asked. ``measured``
    holds what compressors themselves say: seconds by stage for the function that was asked, and
    these functions have callees named ``<lex>``, ``<model>`` and ``<entropy coder>``.
    """

    stacks: dict[tuple[Frame, ...], float] = field(default_factory=dict)
    rss: list[tuple[float, int]] = field(default_factory=list)
    allocations: list[tuple[str, int, int]] | None = None
    facts: dict[str, object] = field(default_factory=dict)
    measured: dict[Frame, dict[str, float]] = field(default_factory=dict)

    def add_measured(self, frame: Frame, seconds: Mapping[str, float]) -> None:
        """Add what a compressor measured in one call of ``frame``."""
        known = self.measured.setdefault(frame, {})
        for stage, spent in seconds.items():
            known[stage] = known.get(stage, 0.0) + spent

    def share_out(self) -> None:
        """Divide the own time of each function that was measured in the proportion that it gave itself.

        The sampler's time is kept, since it is what all other functions are charged, and the stages' share
        taken from the compressor's clock.
        """
        for stack in [stack for stack in self.stacks if stack[-1] in self.measured]:
            shares = self.measured[stack[-1]]
            whole = sum(shares.values())
            if whole > 0:
                seconds = self.stacks.pop(stack)
                for stage, spent in shares.items():
                    below = (stack[-1][0], f"<{stage}>", 0)
                    self.stacks[stack + (below,)] = seconds * spent / whole  # noqa: RUF005 (Python 3.10)

    def stages(self) -> dict[str, float]:
        """Seconds by stage, most first."""
        found: dict[str, float] = {}
        for stack, seconds in self.stacks.items():
            stage = stage_of(stack)
            found[stage] = found.get(stage, 0.0) + seconds
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def functions(self) -> list[tuple[Frame, float, float]]:
        """Every function with its own and its cumulative seconds, most own first."""
        own: dict[Frame, float] = {}
        cumulative: dict[Frame, float] = {}
        for stack, seconds in self.stacks.items():
            own[stack[-1]] = own.get(stack[-1], 0.0) + seconds
            for frame in set(stack):
                cumulative[frame] = cumulative.get(frame, 0.0) + seconds
        rows = [(frame, own.get(frame, 0.0), total) for frame, total in cumulative.items()]
        return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))

    def as_json(self) -> dict[str, object]:
        """The stable form that ``--json`` prints and ``--compare`` reads."""
        return {
            "schema_version": PROFILE_SCHEMA_VERSION,
            "qyn1": metadata.version("qyn1"),
            "python": platform.python_version(),
            "native": _native.native is not None,
            **self.facts,
            "stages": {name: round(seconds, 4) for name, seconds in self.stages().items()},
            "functions": [
                {
                    "module": frame[0],
                    "function": frame[1],
                    "line": frame[2],
                    "own": round(own, 4),
                    "cumulative": round(total, 4),
                }
                for frame, own, total in self.functions()
            ],
            "measured_stages": [
                {
                    "module": frame[0],
                    "function": frame[1],
                    "seconds": {stage: round(spent, 4) for stage, spent in seconds.items()},
                }
                for frame, seconds in sorted(self.measured.items())
            ],
            "rss": [{"seconds": round(at, 3), "bytes": size} for at, size in self.rss],
            "peak_rss": peak_rss(),
            "allocations": None
            if self.allocations is None
            else [{"place": place, "bytes": size, "blocks": count} for place, size, count in self.allocations],
        }


class Sampler:
    """Samples while its `running` block lasts; `profile` has the result."""

    def __init__(self, *, allocations: bool = False, interval: float = _INTERVAL) -> None:
        self.profile = Profile(allocations=[] if allocations else None)
        self._interval = interval
        self._done = threading.Event()
        self._measured: list[tuple[Frame, Mapping[str, float]]] = []  # threads add to it
        self._largest = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sample all threads but our own until the block ends."""
        thread = threading.Thread(target=self._run, name="qyn1-profile", daemon=True)
        if self.profile.allocations is not None:
            tracemalloc.start()
        thread.start()
        try:
            with stages_timed(self._on_stages):
                yield
        finally:
            self._done.set()
            thread.join()
            for frame, seconds in self._measured:
                self.profile.add_measured(frame, seconds)
            self.profile.share_out()
            if self.profile.allocations is not None:
                self.look_at_allocations()
                tracemalloc.stop()

    def _on_stages(self, compressor: StageTimer, seconds: Mapping[str, float]) -> None:
        method = compressor.encode_timed
        code = getattr(method, "__code__", None)  # a native function has none, and no frame either
        if code is not None:
            self._measured.append(((method.__module__, code.co_name, code.co_firstlineno), seconds))

    def look_at_allocations(self) -> None:
        """Remember what is allocated now if it is clearly more than ever before."""
        if self.profile.allocations is None or not tracemalloc.is_tracing():
            return
        size = tracemalloc.get_traced_memory()[0]
        if size < self._largest * _GROWTH:
            return
        self._largest = size
        statistics = tracemalloc.take_snapshot().statistics("lineno")[:_TOP_ALLOCATIONS]
        self.profile.allocations = [
            (f"{_module_of_file(entry.traceback[0].filename)}:{entry.traceback[0].lineno}", entry.size, entry.count)
            for entry in statistics
        ]

    def _run(self) -> None:
        me = threading.get_ident()
        started = last = time.perf_counter()
        rss_at = 0.0
        while not self._done.wait(self._interval):
            now = time.perf_counter()
            for ident, frame in sys._current_frames().items():
                if ident != me:
                    self._charge(frame, now - last)
            if now >= rss_at:
                self.profile.rss.append((now - started, _resident()))
                rss_at = now + _RSS_INTERVAL
            last = now

    def _charge(self, frame: FrameType | None, seconds: float) -> None:
        stack: list[Frame] = []
        while frame is not None:
            module = str(frame.f_globals.get("__name__", "?"))
            code = frame.f_code
            if not stack and (module, code.co_name) in _WAITING:
                return
            stack.append((module, code.co_name, code.co_firstlineno))
            frame = frame.f_back
        key = tuple(_ours(stack[::-1])[:_DEEPEST])
        if key:
            self.profile.stacks[key] = self.profile.stacks.get(key, 0.0) + seconds


def _ours(stack: list[Frame]) -> list[Frame]:
    """``stack`` from the first frame of qyn1 on: how it was started is of no interest."""
    for depth, (module, _, _) in enumerate(stack):
        if module.startswith("qyn1_") and not module.startswith(("qyn1_core.cli", "qyn1_core.measuring.profiling")):
            return stack[depth:]
    return []


def _module_of_file(name: str) -> str:
    parts = Path(name).with_suffix("").parts
    for depth, part in enumerate(parts):
        if part.startswith("qyn1_"):
            return ".".join(parts[depth:])
    return ".".join(parts[-2:])


def _resident() -> int:
    """Resident bytes now, where the system tells, else the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return peak_rss()
    return pages * os.sysconf("SC_PAGE_SIZE")


def sampled(
    work: Callable[[Sampler], Mapping[str, object]], *, allocations: bool = False, interval: float = _INTERVAL
) -> Profile:
    """The profile of ``work``, whose result is kept in its facts."""
    sampler = Sampler(allocations=allocations, interval=interval)
    with sampler.running():
        facts = work(sampler)
    sampler.profile.facts.update(facts)
    return sampler.profile
