"""The built-in executors: threads and processes of this machine, dask and ray beyond it."""

from __future__ import annotations

from collections.abc import Iterable

from qyn1_plugins.executors.dask import DaskExecutor
from qyn1_plugins.executors.processes import ProcessesExecutor
from qyn1_plugins.executors.ray import RayExecutor
from qyn1_plugins.executors.threads import ThreadsExecutor
from qyn1_plugins.spec import ExecutorProvider, hookimpl

__all__ = ["DaskExecutor", "ProcessesExecutor", "RayExecutor", "ThreadsExecutor", "qyn1_executors"]


@hookimpl
def qyn1_executors() -> Iterable[ExecutorProvider]:
    """The providers of this package."""
    return [ThreadsExecutor(), ProcessesExecutor(), DaskExecutor(), RayExecutor()]
