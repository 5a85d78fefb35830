"""Worker processes of this machine, for compressors that hold the interpreter's lock."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from qyn1_plugins.executors.options import check_options

__all__ = ["ProcessesExecutor"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


_HELD_BACK: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Processes started in here begin with interrupts blocked; one that arrives meanwhile is acted on behind it.

    Whoever acts on one in the middle of a start leaves a child that waits for the rest of
    its orders and complains. Blocking alone does not help against that: another thread
    takes the signal, and Python runs the handler in the main thread all the same.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _HELD_BACK}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    for number in handlers:
        signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for late in arrived:
            signal.raise_signal(late)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


class _Pool(ProcessPoolExecutor):
    """Ctrl-C reaches the whole process group: the parent decides what to do, its workers print no traceback."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run ``fn`` in some process; the pool starts one here when all are busy."""
        with _interrupts_held_back():
            return super().submit(fn, *args, **kwargs)


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
        with _interrupts_held_back():  # the process that tracks semaphores starts here too
            return _Pool(
                workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_leave_interrupts_to_the_parent,
            )
