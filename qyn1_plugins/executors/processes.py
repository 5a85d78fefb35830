"""Worker processes of this machine, for compressors that hold the interpreter's lock."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Mapping
from concurrent.futures import Executor, ProcessPoolExecutor

from qyn1_plugins.executors.options import check_options

__all__ = ["ProcessesExecutor"]


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches the whole process group: the parent decides, workers print no traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class ProcessesExecutor:
    """A `concurrent.futures.ProcessPoolExecutor` of freshly started interpreters.

    They are spawned, not forked: a fork would copy the parent's memory, keys
    included, and its locks in whatever state they are.
    """

    name = "processes"
    version = 1

    def unavailable(self) -> str | None:
        """Needs semaphores that processes can share, which a few systems lack."""
        try:
            import multiprocessing.synchronize  # noqa: F401, PLC0415
        except ImportError:
            return "this system has no semaphores that processes can share; use the executor 'threads'"
        return None

    def create(self, workers: int, options: Mapping[str, str]) -> Executor:
        """``workers`` processes; there are no options."""
        check_options(self.name, options, {})
        return ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_leave_interrupts_to_the_parent,
        )
