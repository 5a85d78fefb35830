"""Searches the settings that suit a project best: mode, block size, workers.

Each trial packs the whole project and throws the package away. First every mode is
tried with its own block size, then block sizes up and down from there as long as
they are clearly better, then worker counts for the winner. Clearly is by more than
times vary from run to run; short trials run twice, and the quicker run counts.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Final

from qyn1_core.errors import ConfigError
from qyn1_core.limits import machine
from qyn1_core.packing import Sealing, pack
from qyn1_core.plan import MODES
from qyn1_core.priors import Priors
from qyn1_core.settings import size_text
from qyn1_plugins.host import Host

__all__ = ["Objective", "Trial", "pareto_front", "pareto_plot", "tune"]

_SMALLEST_BLOCK: Final = 32 << 10
_LARGEST_BLOCK: Final = 16 << 20
_TWICE_BELOW: Final = 2.0  # seconds
_SIZE_GAIN, _TIME_GAIN = 0.001, 0.05
_WIDTH, _HEIGHT, _MARGIN = 640, 400, 56


@dataclass(frozen=True)
class Trial:
    """One way to pack the project, and what came of it: bytes and seconds on the clock."""

    mode: str
    block_size: int
    workers: int
    packed_size: int
    seconds: float

    @property
    def name(self) -> str:
        """For people."""
        workers = f", {self.workers} worker{'s' * (self.workers > 1)}" if self.workers else ""
        return f"{self.mode}, blocks of {size_text(self.block_size)}{workers}"


@dataclass(frozen=True)
class Objective:
    """The smallest package that takes at most ``seconds``, or the fastest of at most ``size`` bytes."""

    seconds: float | None = None
    size: int | None = None

    def rank(self, trial: Trial) -> tuple[float, float, float]:
        """Less is better; trials within the budget come before all others, those by how far they miss it."""
        if self.size is not None:
            return max(0.0, trial.packed_size - self.size), trial.seconds, trial.packed_size
        over = 0.0 if self.seconds is None else max(0.0, trial.seconds - self.seconds)
        return over, trial.packed_size, trial.seconds

    def prefers(self, new: Trial, old: Trial) -> bool:
        """Whether ``new`` is clearly better than ``old``."""
        if (self.rank(new)[0] == 0) != (self.rank(old)[0] == 0):
            return self.met(new)
        if self.size is not None and self.met(new):
            return new.seconds < old.seconds * (1 - _TIME_GAIN)
        if self.size is None and not self.met(new):
            return new.seconds < old.seconds * (1 - _TIME_GAIN)
        return new.packed_size < old.packed_size * (1 - _SIZE_GAIN)

    def met(self, trial: Trial) -> bool:
        """Whether ``trial`` is within the budget."""
        return self.rank(trial)[0] == 0


def tune(
    project: Path,
    priors: Priors,
    host: Host,
    objective: Objective,
    *,
    modes: Sequence[str],
    clock: Callable[[], float] = time.monotonic,
    progress: Callable[[Trial], None] = lambda _: None,
) -> tuple[Trial, list[Trial]]:
    """The best trial and all of them, in the order in which they ran.

    Raises `ConfigError` when none of ``modes`` can be used here.
    """
    usable = [mode for mode in modes if host.has_compressor(MODES[mode].compressors[0])]
    if not usable:
        raise ConfigError(f"none of the modes {', '.join(modes)} is available here: see `qyn1 plugins`")
    trials: dict[tuple[str, int, int], Trial] = {}

    def attempt(mode: str, block_size: int, workers: int) -> Trial:
        key = (mode, block_size, workers)
        if key not in trials:
            chosen = replace(priors, mode=mode, level=None, block_size=block_size, workers=workers, cache=None)
            seconds = float("inf")
            for _ in range(2):
                begin = clock()
                report = pack(project, io.BytesIO(), Sealing.open(), priors=chosen, host=host)
                seconds = min(seconds, clock() - begin)
                if seconds >= _TWICE_BELOW:
                    break
            trials[key] = Trial(mode, block_size, workers, report.packed_size, seconds)
            progress(trials[key])
        return trials[key]

    best = min((attempt(mode, MODES[mode].block_size, 0) for mode in usable), key=objective.rank)
    for factor in (2.0, 0.5):
        while _SMALLEST_BLOCK <= best.block_size * factor <= _LARGEST_BLOCK:
            other = attempt(best.mode, int(best.block_size * factor), 0)
            if not objective.prefers(other, best):
                break
            best = other
    workers = 1
    while workers <= machine().cpus:
        other = attempt(best.mode, best.block_size, workers)
        # The automatic choice fits every machine: another must be worth it.
        if other.seconds < best.seconds * (1 - _TIME_GAIN):
            best = other
        workers *= 2
    return best, list(trials.values())


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other beats in both size and time, smallest package first."""
    front: list[Trial] = []
    for trial in sorted(trials, key=lambda t: (t.packed_size, t.seconds)):
        if not front or trial.seconds < front[-1].seconds:
            front.append(trial)
    return front


def pareto_plot(trials: Sequence[Trial], best: Trial, title: str) -> str:
    """Size over time as an SVG: every trial a point, the front a line, the winner filled."""
    most_seconds = max(trial.seconds for trial in trials) or 1.0
    most_size = max(trial.packed_size for trial in trials) or 1

    def place(trial: Trial) -> tuple[float, float]:
        x = _MARGIN + (_WIDTH - 2 * _MARGIN) * trial.seconds / most_seconds
        return x, _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * trial.packed_size / most_size

    points = []
    for trial in trials:
        x, y = place(trial)
        fill = "#c4632b" if trial == best else "#fff"
        points.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="#c4632b"><title>{escape(trial.name)}: '
            f"{trial.packed_size} bytes, {trial.seconds:.2f} s</title></circle>"
        )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, pareto_front(trials)))
    bottom, right = _HEIGHT - _MARGIN, _WIDTH - _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<text x="{_MARGIN}" y="24" font-size="14">{escape(title)}</text>'
        f'<path d="M{_MARGIN} {_MARGIN}V{bottom}H{right}" fill="none" stroke="#444"/>'
        f'<text x="{right}" y="{bottom + 20}" text-anchor="end">{most_seconds:.2f} s</text>'
        f'<text x="{_MARGIN + 4}" y="{_MARGIN - 6}">{most_size} bytes</text>'
        f'<polyline points="{line}" fill="none" stroke="#c4632b" stroke-width="1.5"/>{"".join(points)}</svg>\n'
    )
