"""Threads of this process: the default, since the native compressors run without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor

from qyn1_plugins.executors.options import check_options

__all__ = ["ThreadsExecutor"]


class ThreadsExecutor:
    """A `concurrent.futures.ThreadPoolExecutor`."""

    name = "threads"
    version = 1

    def unavailable(self) -> str | None:
        """Always available."""
        return None

    def create(self, workers: int, options: Mapping[str, str]) -> Executor:
        """``workers`` threads; there are no options."""
        check_options(self.name, options, {})
        return ThreadPoolExecutor(workers, thread_name_prefix="qyn1")
