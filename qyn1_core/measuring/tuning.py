"""Searches the settings that suit a project best: mode, block size, level, compressors, workers.

Each trial packs the whole project and throws the package away. First every mode is
tried with its own block size, then block sizes up and down from there as long as
they are clearly better, then the other levels of the mode's compressor, then for each
language another mode's compressor, at last worker counts for the winner. Clearly is by
more than times vary from run to run; short trials run twice, and the quicker run counts.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Final

from qyn1_core.configuration.priors import Priors
from qyn1_core.configuration.settings import size_text
from qyn1_core.errors import ConfigError, PluginError
from qyn1_core.limits import machine
from qyn1_core.packing import Sealing, pack
from qyn1_core.plan import MODES
from qyn1_plugins.host import Host
from qyn1_plugins.spec import BlockEvent

__all__ = ["Objective", "Trial", "Watch", "Way", "tune"]

Watch = Callable[[str], AbstractContextManager[Callable[[BlockEvent], None] | None]]
"""Makes of a trial's name an observer of its blocks, for as long as it runs."""

_SMALLEST_BLOCK: Final = 32 << 10
_LARGEST_BLOCK: Final = 16 << 20
_TWICE_BELOW: Final = 2.0  # seconds
_SIZE_GAIN, _TIME_GAIN = 0.001, 0.05
_WORTH_A_TRIAL: Final = 0.05  # of the project's bytes; a language with less can gain nothing that counts


@dataclass(frozen=True)
class Way:
    """What can be chosen. ``workers`` 0: as many as fit; ``level`` None: the compressor's own.

    ``compressors`` are those of single languages: the items of the setting.
    """

    mode: str
    block_size: int
    workers: int = 0
    level: int | None = None
    compressors: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """For people."""
        parts = [self.mode, f"blocks of {size_text(self.block_size)}"]
        if self.level is not None:
            parts.append(f"level {self.level}")
        parts += [f"{compressor} for {language}" for language, compressor in self.compressors]
        if self.workers:
            parts.append(f"{self.workers} worker{'s' * (self.workers > 1)}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Trial:
    """One way to pack the project, and what came of it: bytes and seconds on the clock."""

    way: Way
    packed_size: int
    seconds: float

    @property
    def name(self) -> str:
        """That of its way."""
        return self.way.name

    def as_json(self) -> dict[str, object]:
        """The stable form that ``--json`` prints."""
        chosen = {**asdict(self.way), "compressors": dict(self.way.compressors)}
        return {**chosen, "packed_size": self.packed_size, "seconds": self.seconds}


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
    watch: Watch = lambda _: nullcontext(),
    progress: Callable[[Trial], None] = lambda _: None,
) -> tuple[Trial, list[Trial]]:
    """The best trial and all of them, in the order in which they ran.

    Compressors that ``priors`` name for a language stay. Raises `ConfigError` when none
    of ``modes`` can be used here.
    """
    usable = [mode for mode in modes if host.has_compressor(MODES[mode].compressors[0])]
    if not usable:
        raise ConfigError(f"none of the modes {', '.join(modes)} is available here: see `qyn1 plugins`")
    search = _Search(project, priors, host, objective, clock, watch, progress)
    given = tuple(priors.compressors.items())
    best = min(
        (search.attempt(Way(mode, MODES[mode].block_size(), compressors=given)) for mode in usable),
        key=lambda way: objective.rank(search.trials[way]),
    )
    for factor in (2.0, 0.5):
        while _SMALLEST_BLOCK <= best.block_size * factor <= _LARGEST_BLOCK:
            other = search.attempt(replace(best, block_size=int(best.block_size * factor)))
            if not search.prefers(other, best):
                break
            best = other
    for refined in (search.levels, search.compressors):
        best = refined(best)
    automatic = best
    workers = 1
    while workers <= machine().cpus:
        other = search.attempt(replace(automatic, workers=workers))
        # The automatic choice fits every machine: another must be worth it.
        if search.trials[other].seconds < search.trials[best].seconds * (1 - _TIME_GAIN):
            best = other
        workers *= 2
    return search.trials[best], list(search.trials.values())


class _Search:
    """The trials so far, and steps from one to a better one."""

    def __init__(
        self,
        project: Path,
        priors: Priors,
        host: Host,
        objective: Objective,
        clock: Callable[[], float],
        watch: Watch,
        progress: Callable[[Trial], None],
    ) -> None:
        self._project = project
        self._priors = priors
        self._host = host
        self._objective = objective
        self._clock = clock
        self._watch = watch
        self._progress = progress
        self._languages: dict[str, int] = {}
        self.trials: dict[Way, Trial] = {}

    def attempt(self, way: Way) -> Way:
        """Try ``way`` unless it has been tried."""
        if way in self.trials:
            return way
        chosen = replace(
            self._priors,
            mode=way.mode,
            level=way.level,
            block_size=way.block_size,
            workers=way.workers,
            compressors=MappingProxyType(dict(way.compressors)),
            cache=None,
        )
        seconds = float("inf")
        with self._watch(way.name) as observer:
            for _ in range(2):
                begin = self._clock()
                report = pack(
                    self._project, io.BytesIO(), Sealing.open(), priors=chosen, host=self._host, progress=observer
                )
                seconds = min(seconds, self._clock() - begin)
                if seconds >= _TWICE_BELOW:
                    break
        self._languages = {language: row["raw_size"] for language, row in report.languages.items()}
        trial = Trial(way, report.packed_size, seconds)
        self.trials[way] = trial
        self._progress(trial)
        return way

    def prefers(self, new: Way, old: Way) -> bool:
        """Whether ``new`` came out clearly better than ``old``."""
        return self._objective.prefers(self.trials[new], self.trials[old])

    def levels(self, best: Way) -> Way:
        """``best``, or the same at another level of its mode's compressor."""
        levels = self._host.compressor(MODES[best.mode].compressors[0]).levels()
        for level in levels[1:]:
            try:
                other = self.attempt(replace(best, level=level))
            except PluginError:  # a level that needs the native extension
                break
            if not self.prefers(other, best):
                break
            best = other
        return best

    def compressors(self, best: Way) -> Way:
        """``best``, or the same with another mode's compressor for some languages, those with most bytes first."""
        total = sum(self._languages.values())
        for language, size in sorted(self._languages.items(), key=lambda item: (-item[1], item[0])):
            if language in self._priors.compressors or size < total * _WORTH_A_TRIAL:
                continue
            # All are tried against what there was: a quick one and a small one may both be better than that.
            ways = [self.attempt(self._with(best, language, name)) for name in self._others(best.mode, language)]
            for way in ways:
                if self.prefers(way, best):
                    best = way
        return best

    def _with(self, way: Way, language: str, name: str) -> Way:
        """``way`` with the compressor ``name`` for ``language``. A level holds for it too, so it must have that."""
        level = way.level if way.level in self._host.compressor(name).levels() else None
        return replace(way, level=level, compressors=(*way.compressors, (language, name)))

    def _others(self, mode: str, language: str) -> Iterator[str]:
        """The compressors of other modes that can be used here."""
        usable = self._host.has_compressor
        of_mode = MODES[mode].binary if language == "binary" else MODES[mode].compressors
        used = next(filter(usable, of_mode), None)
        known = dict.fromkeys(chain.from_iterable(known.compressors for known in MODES.values()))
        return (name for name in known if name != used and usable(name))
