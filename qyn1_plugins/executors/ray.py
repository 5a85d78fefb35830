"""Workers of a ray cluster: ``--executor ray --executor-option address=auto``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from importlib.util import find_spec
from threading import Lock
from typing import Any, TypeVar

from qyn1_plugins.errors import Qyn1Error
from qyn1_plugins.executors.options import check_options

__all__ = ["RayExecutor"]

_T = TypeVar("_T")


class _TaskExecutor(Executor):
    """Submits each call as one ray task."""

    def __init__(self, ray: Any, *, owned: bool) -> None:
        self._ray = ray
        self._owned = owned  # we connected, so we disconnect
        # Lost workers are the caller's to retry: one policy for every executor.
        self._run = ray.remote(max_retries=0)(_call)
        self._lock = Lock()
        self._pending: dict[Future[Any], Any] = {}
        self._closed = False

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Run ``fn`` on some worker."""
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            reference = self._run.remote(fn, args, kwargs)
            future: Future[_T] = reference.future()
            self._pending[future] = reference
        future.add_done_callback(self._forget)
        return future

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._pending.pop(future, None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel it, then disconnect if `RayExecutor` connected."""
        with self._lock:
            self._closed = True
            pending = dict(self._pending)
        if cancel_futures:
            for reference in pending.values():
                self._ray.cancel(reference)
        elif wait and pending:
            self._ray.wait(list(pending.values()), num_returns=len(pending))
        if self._owned:
            self._ray.shutdown()


def _call(function: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _T:
    return function(*args, **kwargs)


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
                ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise Qyn1Error(f"the ray cluster {address or 'of this machine'} cannot be reached: {error}") from error
        return _TaskExecutor(ray, owned=True)
