"""Runs work on an executor, or in the background: in order, with bounded memory. The only place with concurrency."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Final, TypeVar

from qyn1_core.errors import PluginError, Qyn1Error
from qyn1_core.limits import lower_thread_priority
from qyn1_plugins.spec import WatchedExecutor

__all__ = ["Background", "in_order", "in_threads"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_TRIES: Final = 3
_LOOK_SECONDS: Final = 1.0
_TRANSIENT: Final = (BrokenExecutor, CancelledError, OSError, TimeoutError)


def in_order(
    tasks: Iterator[_Task],
    submit: Callable[[Executor, _Task], Future[bytes]],
    make_executor: Callable[[], Executor],
    window: int,
) -> Iterator[tuple[_Task, bytes]]:
    """Each task with its result, in the order of ``tasks``, at most ``window`` under way.

    A lost worker costs a new try of what it held; after three tries `PluginError`.
    Tasks are drawn only as places become free, so that memory stays bounded.
    """
    executor = make_executor()
    waiting: deque[tuple[_Task, Future[bytes], int]] = deque()
    try:
        exhausted = False
        while True:
            while not exhausted and len(waiting) < window:
                task = next(tasks, None)
                if task is None:
                    exhausted = True
                else:
                    waiting.append((task, submit(executor, task), 1))
            if not waiting:
                return
            task, future, tries = waiting.popleft()
            try:
                result = _result(future, executor)
            except Qyn1Error:
                raise
            except Exception as error:
                if not _is_lost_worker(error):
                    raise PluginError(f"a worker failed: {type(error).__name__}: {error}") from error
                _check_not_lost(executor)
                if tries == _TRIES:
                    raise PluginError(
                        f"workers were lost {_TRIES} times on the same block ({type(error).__name__}: {error}); "
                        "check their memory, or use fewer workers or another executor"
                    ) from error
                if isinstance(error, BrokenExecutor):
                    # Everything that was under way in it is lost.
                    executor.shutdown(wait=False, cancel_futures=True)
                    executor = make_executor()
                    lost = [(task, tries)] + [(other, count) for other, _, count in waiting]
                    waiting = deque((other, submit(executor, other), count + 1) for other, count in lost)
                else:
                    waiting.appendleft((task, submit(executor, task), tries + 1))
                continue
            yield task, result
    finally:
        for _, future, _ in waiting:
            # What ran it may be gone, and then there is nothing to cancel, which some executors complain of.
            with suppress(Exception):
                future.cancel()
        executor.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[bytes], executor: Executor) -> bytes:
    """What ``future`` comes to. Raises `PluginError` when the executor says that it will never end."""
    if isinstance(executor, WatchedExecutor):
        while not wait_for([future], timeout=_LOOK_SECONDS).done:
            _check_not_lost(executor)
    return future.result()


def _check_not_lost(executor: Executor) -> None:
    reason = executor.lost() if isinstance(executor, WatchedExecutor) else None
    if reason is not None:
        raise PluginError(reason)


def _is_lost_worker(error: Exception) -> bool:
    """Whether ``error`` is of the executor, not of the work (dask and ray have classes of their own)."""
    return isinstance(error, _TRANSIENT) or type(error).__module__.partition(".")[0] in ("distributed", "ray")


def in_threads(
    tasks: Iterator[_Task], work: Callable[[_Task], _Result], workers: int
) -> Iterator[tuple[_Task, _Result]]:
    """Each task with its result, in order, ``workers`` at a time; errors come through as they are."""
    if workers <= 1:
        for task in tasks:
            yield task, work(task)
        return
    executor = ThreadPoolExecutor(workers, thread_name_prefix="qyn1")
    waiting: deque[tuple[_Task, Future[_Result]]] = deque()
    try:
        for task in tasks:
            waiting.append((task, executor.submit(work, task)))
            if len(waiting) > workers + 1:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


class Background:
    """Does what nobody waits for, one call after another, in a thread that lets everything else go first.

    At most ``most`` calls are kept; one more is done by who brings it, so that nobody waits
    for a thread that gets no CPU, and memory stays bounded. An exception of a call is raised by `close`.
    """

    def __init__(self, most: int) -> None:
        self._room = BoundedSemaphore(most)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="qyn1-background", initializer=lower_thread_priority)
        self._error: Exception | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Have ``work`` done some time."""
        if self._room.acquire(blocking=False):
            self._executor.submit(self._guarded, work).add_done_callback(lambda _: self._room.release())
        else:
            work()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  (raised again where somebody listens)
            self._error = error

    def close(self, *last: Callable[[], None]) -> None:
        """Have ``last`` done behind everything that was brought, and wait for all of it."""
        for work in last:
            self._executor.submit(self._guarded, work)
        self._executor.shutdown(wait=True)
        error, self._error = self._error, None
        if error is not None:
            raise error
