"""The conformance kit for executors.

In a plugin's tests::

from qyn1_plugins.testing.executor import check_executor


def test_my_executor():
    check_executor(MyExecutor(), {"scheduler": "tcp://127.0.0.1:8786"})
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future
from typing import Final

from qyn1_plugins.errors import ConfigError, PluginError, SourceError
from qyn1_plugins.spec import ExecutorProvider

__all__ = ["check_executor"]

_SECONDS: Final = 120  # a worker on another machine may have to start first


def check_executor(provider: ExecutorProvider, options: Mapping[str, str], *, workers: int = 2) -> None:
    """Run every law of executors on ``provider``. Raises `PluginError` that says which one it breaks.

    Unknown options are refused; results are the function's own, and so are its
    errors; many tasks and large data pass; nothing is taken after shutdown, which
    waits for what was submitted.
    """
    _unknown_options_are_refused(provider, options)
    executor = provider.create(workers, options)
    try:
        _results_are_those_of_the_function(provider, executor)
        _errors_are_those_of_the_function(provider, executor)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    pending = [executor.submit(_reversed, bytes([number])) for number in range(8)]
    executor.shutdown(wait=True)
    _require(provider, all(future.done() for future in pending), "shutdown(wait=True) left tasks unfinished")
    _nothing_is_taken_after_shutdown(provider, executor)


def _require(provider: ExecutorProvider, holds: bool, broken: str) -> None:
    if not holds:
        raise PluginError(f"the executor {provider.name!r} breaks its contract: {broken}")


def _reversed(data: bytes, times: int = 1, text: str = "", nothing: None = None) -> bytes:
    if text or nothing:
        raise SourceError(text, "file", times)
    return data[::-1] if times % 2 else data


def _unknown_options_are_refused(provider: ExecutorProvider, options: Mapping[str, str]) -> None:
    try:
        provider.create(1, {**options, "no-such-option": "x"}).shutdown()
    except ConfigError as error:
        _require(provider, "no-such-option" in str(error), "the message about an unknown option does not name it")
    else:
        _require(provider, False, "an unknown option is accepted")


def _results_are_those_of_the_function(provider: ExecutorProvider, executor: Executor) -> None:
    inputs = [bytes([number]) * number + b"x" for number in range(64)] + [b"", bytes(range(256)) * 8192]
    futures: list[Future[bytes]] = [executor.submit(_reversed, data, times) for data in inputs for times in (1, 2)]
    results = [future.result(_SECONDS) for future in futures]
    expected = [result for data in inputs for result in (data[::-1], data)]
    _require(provider, results == expected, "a result differs from what the function returns")


def _errors_are_those_of_the_function(provider: ExecutorProvider, executor: Executor) -> None:
    error = executor.submit(_reversed, b"", 7, "wrong").exception(_SECONDS)
    _require(provider, isinstance(error, SourceError), f"an error of the function arrives as {type(error).__name__}")
    if isinstance(error, SourceError):
        _require(provider, (error.path, error.offset) == ("file", 7), "an error loses its attributes on the way")
        _require(provider, str(error) == "file, byte 7: wrong", f"an error's message arrives as {str(error)!r}")


def _nothing_is_taken_after_shutdown(provider: ExecutorProvider, executor: Executor) -> None:
    try:
        executor.submit(_reversed, b"")
    except RuntimeError:
        return
    _require(provider, False, "a task is accepted after shutdown")
