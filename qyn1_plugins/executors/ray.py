"""Workers of a ray cluster: ``--executor ray --executor-option address=auto``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from importlib.util import find_spec
from socket import create_connection
from threading import Lock
from time import monotonic
from typing import Any, Final, TypeVar

from qyn1_plugins.errors import Qyn1Error
from qyn1_plugins.executors.logs import filtered
from qyn1_plugins.executors.options import check_options

__all__ = ["RayExecutor"]

_T = TypeVar("_T")
_CONNECT_SECONDS: Final = 10
_ANSWER_SECONDS: Final = 1
# After so many seconds without its head (the variable, or ray's own value) a driver is ended, and a client gives up.
_DRIVER_ENDS: Final = ("RAY_gcs_rpc_server_reconnect_timeout_s", "60")
_CLIENT_ENDS: Final = ("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "30")


class _TaskExecutor(Executor):
    """Submits each call as one ray task."""

    def __init__(self, ray: Any, *, owned: bool, address: str = "") -> None:
        self._ray = ray
        # A client of a cluster elsewhere knows its server only, which is the one in the address.
        is_client = address.startswith("ray://")
        self._head = address if is_client else ray.get_runtime_context().gcs_address
        self._patience = float(os.environ.get(*(_CLIENT_ENDS if is_client else _DRIVER_ENDS))) / 2
        self._missed_since: float | None = None
        self._unfilter = filtered(("ray",), lambda _: False)  # what goes wrong comes as an exception, or is `lost`
        self._owned = owned  # we connected, so we disconnect
        # Lost workers are the caller's to retry: one policy for every executor.
        self._run = ray.remote(max_retries=0)(_call)
        self._lock = Lock()
        self._pending: dict[Future[Any], Any] = {}
        self._closed = False

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Run ``fn`` on some worker."""
        future: Future[_T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            reference = self._run.remote(fn, args, kwargs)
            self._pending[future] = reference
        future.set_running_or_notify_cancel()
        reference.future().add_done_callback(lambda done: self._finish(future, done))
        return future

    def _finish(self, future: Future[_T], done: Future[_T]) -> None:
        error = done.exception()
        if error is None:
            future.set_result(done.result())
        else:
            # ray wraps what the function raised into an error of its own, with a traceback for a message.
            cause = error.cause if isinstance(error, self._ray.exceptions.RayTaskError) else error
            future.set_exception(cause if isinstance(cause, BaseException) else error)
        with self._lock:
            self._pending.pop(future, None)

    def lost(self) -> str | None:
        """Whether the head has not answered for too long; ray itself would then end this process without a word."""
        if self._ray.is_initialized():
            try:
                _check_answers(self._head, _ANSWER_SECONDS)
            except OSError:
                now = monotonic()
                self._missed_since = self._missed_since or now
                if now - self._missed_since < self._patience:
                    return None
            else:
                self._missed_since = None
                return None
        return "the head of the ray cluster is gone: start it again, or use another executor"

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel it, then disconnect if `RayExecutor` connected."""
        with self._lock:
            self._closed = True
            pending = dict(self._pending)
        if self.lost() is not None:
            # Nothing can be cancelled, and nothing will end.
            warnings.filterwarnings("ignore", "Ray Client connection timed out")
            return
        if cancel_futures:
            for reference in pending.values():
                self._ray.cancel(reference)
        if wait:
            wait_for(pending)
        if self._owned:
            self._ray.shutdown()
        self._unfilter()


def _call(function: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
    return function(*args, **kwargs)


def _check_answers(address: str, seconds: float = _CONNECT_SECONDS) -> None:
    """Raise OSError when nothing listens at ``host:port``: ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        create_connection((host.strip("[]"), int(port)), seconds).close()


class RayExecutor:
    """Tasks of a running ray cluster, or of one on this machine when none is named.

    Workers import qyn1 and its plugins themselves: they need the same versions installed.
    """

    name = "ray"
    version = 1

    def unavailable(self) -> str | None:
        """Needs the package ray, which is not imported to find out."""
        if find_spec("ray") is None:
            return "the package ray is not installed; python3 -m pip install 'qyn1[ray]'"
        return None

    def create(self, workers: int, options: Mapping[str, str]) -> Executor:
        """Options: ``address`` of a cluster (else one with ``workers`` CPUs is started here)."""
        check_options(self.name, options, {"address": "auto"})
        import ray  # noqa: PLC0415

        if ray.is_initialized():
            return _TaskExecutor(ray, owned=False)
        address = options.get("address")
        try:
            if address is None:
                ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, configure_logging=False)
            else:
                _check_answers(address)
                ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (OSError, OverflowError, RuntimeError, ValueError) as error:
            where = "of this machine" if address is None else address
            raise Qyn1Error(
                f"the ray cluster {where} cannot be reached: {error}; is 'ray start' running there?"
            ) from error
        return _TaskExecutor(ray, owned=True, address=address or "")
