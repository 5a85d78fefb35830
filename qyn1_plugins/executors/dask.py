"""Workers of a dask cluster: ``--executor dask --executor-option scheduler=tcp://host:8786``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar

from qyn1_plugins.errors import ConfigError, Qyn1Error
from qyn1_plugins.executors.logs import filtered
from qyn1_plugins.executors.options import check_options

__all__ = ["DaskExecutor"]

_T = TypeVar("_T")
_NOISY: Final = ("distributed", "tornado", "asyncio")


class _ClusterExecutor(Executor):
    """dask's own executor, which also closes the client (and a local cluster) when it is shut down."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # Compressing a block is a pure function, yet equal blocks are no reason to share a future.
        self._executor: Executor = client.get_executor(pure=False)
        # When the scheduler goes, all of them complain, with tracebacks; `lost` says it in one line.
        self._unfilter = filtered(_NOISY, self._is_worth_saying)

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Run ``fn`` on some worker."""
        return self._executor.submit(fn, *args, **kwargs)

    def _is_worth_saying(self, record: logging.LogRecord) -> bool:
        return self._client.status == "running" and "CommClosed" not in record.getMessage().replace(" ", "")

    def lost(self) -> str | None:
        """A client that could not reconnect to its scheduler closes itself; its futures stay pending for ever."""
        if self._client.status in ("closing", "closed"):
            return "the dask scheduler is gone: start it again, or use another executor"
        return None

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel it, then disconnect."""
        if self.lost() is None:
            self._executor.shutdown(wait=wait and not cancel_futures)
        self._client.close()
        self._unfilter()


class DaskExecutor:
    """A `distributed.Client` of a running scheduler, or of a cluster on this machine when none is named.

    Workers import qyn1 and its plugins themselves: they need the same versions installed.
    """

    name = "dask"
    version = 1

    def unavailable(self) -> str | None:
        """Needs the package distributed, which is not imported to find out."""
        if find_spec("distributed") is None:
            return "the package distributed is not installed; python3 -m pip install 'qyn1[dask]'"
        return None

    def create(self, workers: int, options: Mapping[str, str]) -> Executor:
        """Options: ``scheduler`` (an address; else ``workers`` local processes are started), ``timeout`` (seconds)."""
        check_options(self.name, options, {"scheduler": "tcp://host:8786", "timeout": "10"})
        timeout = options.get("timeout", "10")
        if not timeout.isdecimal() or not 1 <= int(timeout) <= 3600:
            raise ConfigError(f"the executor 'dask': timeout must be 1 to 3600 seconds, not {timeout!r}")
        distributed: Any = import_module("distributed")
        scheduler = options.get("scheduler")
        if scheduler is None:
            cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
            )
            return _ClusterExecutor(distributed.Client(cluster))
        try:
            client = distributed.Client(scheduler, timeout=int(timeout), set_as_default=False)
        except (OSError, ValueError) as error:
            raise Qyn1Error(
                f"the dask scheduler {scheduler} does not answer: {error}; is 'dask scheduler' running there?"
            ) from error
        return _ClusterExecutor(client)
