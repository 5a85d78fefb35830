"""Threads, processes, dask and ray: one contract, real workers, clean ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import Any

import pytest

from qyn1_plugins import built_in
from qyn1_plugins.errors import ConfigError, PluginError, Qyn1Error
from qyn1_plugins.executors.dask import DaskExecutor
from qyn1_plugins.executors.processes import ProcessesExecutor
from qyn1_plugins.executors.ray import RayExecutor
from qyn1_plugins.executors.threads import ThreadsExecutor
from qyn1_plugins.host import Host
from qyn1_plugins.testing.executor import check_executor

HOST = Host([(built_in, "qyn1", "1")])

needs_dask = pytest.mark.skipif(DaskExecutor().unavailable() is not None, reason="distributed is not installed")
needs_ray = pytest.mark.skipif(RayExecutor().unavailable() is not None, reason="ray is not installed")


def test_the_host_lists_all_four() -> None:
    assert [row.name for row in HOST.registrations() if row.family == "executor"] == [
        "threads",
        "processes",
        "dask",
        "ray",
    ]


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_local_executors_keep_the_contract(name: str) -> None:
    check_executor(HOST.executor(name), {})


def test_processes_are_other_processes() -> None:
    with ProcessesExecutor().create(1, {}) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_lost_process_is_reported_as_such() -> None:
    with ProcessesExecutor().create(1, {}) as executor:
        worker = executor.submit(os.getpid).result()
        waiting = executor.submit(time.sleep, 60)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(BrokenProcessPool):
            waiting.result()


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
def test_an_interrupt_ends_workers_without_a_word() -> None:
    program = (
        "import os, time\n"
        "from qyn1_plugins.executors.processes import ProcessesExecutor\n"
        "if __name__ == '__main__':\n"
        "    executor = ProcessesExecutor().create(2, {})\n"
        "    try:\n"
        "        workers = [executor.submit(os.getpid) for _ in range(2)]\n"
        "        print([worker.result() for worker in workers], flush=True)\n"
        "        executor.submit(time.sleep, 0.5).result()\n"
        "    except KeyboardInterrupt:\n"
        "        executor.shutdown(cancel_futures=True)\n"
        "        print('interrupted', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        # A shell starts background jobs with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        output, errors = process.communicate(timeout=60)
    assert (output, errors, process.returncode) == ("interrupted\n", "", 0)


@pytest.mark.parametrize("name", ["threads", "processes", "dask", "ray"])
def test_unknown_options_are_refused_before_anything_starts(name: str) -> None:
    provider = HOST._executors.providers[name]
    with pytest.raises(ConfigError, match=f"the executor '{name}' has no option 'nonsense'; it knows "):
        provider.create(1, {"nonsense": "1"})


def test_a_misspelled_option_is_recognised() -> None:
    with pytest.raises(ConfigError, match="no option 'schedular'; did you mean 'scheduler'"):
        DaskExecutor().create(1, {"schedular": "tcp://localhost:1"})


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "999999", ""])
def test_a_timeout_is_a_number_of_seconds(timeout: str) -> None:
    with pytest.raises(ConfigError, match=f"timeout must be 1 to 3600 seconds, not '{timeout}'"):
        DaskExecutor().create(1, {"timeout": timeout})


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_missing_package_is_named_without_importing_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[f"qyn1_plugins.executors.{name}"]
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(PluginError, match=rf"'{name}' is not available here: .* pip install 'qyn1\[{name}\]'"):
        HOST.executor(name)


def test_asking_for_availability_imports_nothing_heavy() -> None:
    program = (
        "import sys, qyn1_plugins.built_in as built_in\n"
        "[provider.unavailable() for provider in built_in.qyn1_executors()]\n"
        "print(sorted({'distributed', 'dask', 'ray', 'multiprocessing.pool'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"


# -- the kit itself -----------------------------------------------------------------


class _Changed(ThreadsExecutor):
    """A provider whose executor misbehaves in one way."""

    def __init__(self, change: Callable[[Executor], object]) -> None:
        self.change = change

    def create(self, workers: int, options: Mapping[str, str]) -> Executor:
        executor = super().create(workers, options)
        self.change(executor)
        return executor


def _returns_too_much(executor: Any) -> None:
    submit = executor.submit
    executor.submit = lambda function, *args: submit(lambda: function(*args) + b"!")


def _hides_errors(executor: Any) -> None:
    submit = executor.submit

    def quiet(function: Callable[..., bytes], *args: Any) -> bytes:
        try:
            return function(*args)
        except Qyn1Error as error:
            raise RuntimeError(str(error)) from error

    executor.submit = lambda function, *args: submit(quiet, function, *args)


def _goes_on_after_shutdown(executor: Any) -> None:
    spare = ThreadPoolExecutor(1)
    submit = executor.submit

    def either(function: Callable[..., bytes], *args: Any) -> Future[bytes]:
        result: Future[bytes]
        try:
            result = submit(function, *args)
        except RuntimeError:
            result = spare.submit(function, *args)
        return result

    executor.submit = either


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (_returns_too_much, "a result differs"),
        (_hides_errors, "an error of the function arrives as RuntimeError"),
        (_goes_on_after_shutdown, "a task is accepted after shutdown"),
    ],
)
def test_the_kit_finds_a_broken_executor(change: Callable[[Executor], object], broken: str) -> None:
    with pytest.raises(PluginError, match=f"the executor 'threads' breaks its contract: {broken}"):
        check_executor(_Changed(change), {})


def test_the_kit_finds_an_executor_that_takes_any_option() -> None:
    class Anything(ThreadsExecutor):
        def create(self, workers: int, options: Mapping[str, str]) -> Executor:
            return super().create(workers, {})

    with pytest.raises(PluginError, match="an unknown option is accepted"):
        check_executor(Anything(), {})


# -- clusters -----------------------------------------------------------------------


@needs_dask
@pytest.mark.filterwarnings("default")  # what a stranger's cluster warns of is not ours to judge
def test_dask_keeps_the_contract_on_a_cluster_of_processes() -> None:
    distributed: Any = import_module("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    ) as cluster:
        check_executor(DaskExecutor(), {"scheduler": cluster.scheduler_address})
        with DaskExecutor().create(2, {"scheduler": cluster.scheduler_address}) as executor:
            assert executor.submit(os.getpid).result() != os.getpid()


@needs_dask
@pytest.mark.filterwarnings("default")
def test_dask_starts_a_cluster_of_its_own_when_none_is_named() -> None:
    with DaskExecutor().create(1, {}) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


@needs_dask
@pytest.mark.filterwarnings("default")
def test_a_scheduler_that_is_gone_is_one_clear_line() -> None:
    with pytest.raises(Qyn1Error, match=r"the dask scheduler tcp://127.0.0.1:9 does not answer"):
        DaskExecutor().create(1, {"scheduler": "tcp://127.0.0.1:9", "timeout": "1"})


@needs_ray
@pytest.mark.filterwarnings("default")
def test_ray_keeps_the_contract() -> None:
    check_executor(RayExecutor(), {})


@needs_ray
@pytest.mark.filterwarnings("default")
def test_a_ray_cluster_that_is_gone_is_one_clear_line() -> None:
    with pytest.raises(Qyn1Error, match=r"the ray cluster 127.0.0.1:9 cannot be reached"):
        RayExecutor().create(1, {"address": "127.0.0.1:9"})
