"""Packing on a real cluster of several processes: the same bytes as here, and a lost worker costs a retry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from qyn1_core import Sealing, pack, resolve
from qyn1_plugins.executors.dask import DaskExecutor
from qyn1_plugins.executors.ray import RayExecutor
from qyn1_plugins.host import default_host
from qyn1_plugins.spec import BlockEvent

pytestmark = pytest.mark.filterwarnings("default")  # what a cluster warns of is not ours to judge
needs_dask = pytest.mark.skipif(
    DaskExecutor().unavailable() is not None, reason="distributed is not installed: DASK IS NOT TESTED"
)
needs_ray = pytest.mark.skipif(
    RayExecutor().unavailable() is not None, reason="ray is not installed: RAY IS NOT TESTED"
)

HOST = default_host()


_SCHEDULER = """
import distributed, time

if __name__ == "__main__":
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    )
    print(cluster.scheduler_address, flush=True)
    time.sleep(600)
"""


_HEAD = """
import ray, sys, time

context = ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
print(context.address_info["gcs_address"], flush=True)
time.sleep(600)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    for number in range(40):
        lines = (f"def f{number}_{i}(x):\n    return [x * {i}, 'text']\n\n" for i in range(60))
        (root / f"m{number:02}.py").write_text("".join(lines))
    return root


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # Workers are new interpreters: they find qyn1 where we do.
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    )
    distributed: Any = import_module("distributed")
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    ) as running:
        yield running


def _packed(
    project: Path, output: Path, progress: Callable[[BlockEvent], None] | None = None, **settings: Any
) -> bytes:
    values = {"mode": "fast", "block_size": 4096, "workers": 3, **settings}
    priors = resolve(project, command_line=values, environ={}, host=HOST)
    pack(project, output, Sealing.open(), priors=priors, host=HOST, progress=progress, force=True)
    return output.read_bytes()


@needs_dask
def test_a_cluster_gives_the_same_bytes_even_when_it_loses_a_worker(
    project: Path, tmp_path: Path, cluster: Any
) -> None:
    here = _packed(project, tmp_path / "here")
    there: dict[str, Any] = {"executor": "dask", "executor_options": {"scheduler": cluster.scheduler_address}}
    assert _packed(project, tmp_path / "there", **there) == here

    processes = [nanny.pid for nanny in cluster.workers.values()]
    lost: list[int] = []

    def lose_one(event: BlockEvent) -> None:
        if event.number in (2, 9):
            lost.append(processes[len(lost)])
            os.kill(lost[-1], signal.SIGKILL)

    assert _packed(project, tmp_path / "lossy", lose_one, **there) == here
    assert len(lost) == 2


@needs_dask
def test_a_scheduler_that_dies_ends_in_one_line_and_leaves_nothing(project: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    slowly = {**os.environ, "QYN1_NATIVE": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", _SCHEDULER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=slowly
    ) as scheduler:
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().strip()
        with subprocess.Popen(
            [sys.executable, "-m", "qyn1_core", "pack", project, "-o", tmp_path / "out/p.qyn1", "--no-encrypt", "-q",
             "--mode", "fast", "--block-size", "4 KiB", "--workers", "2", "--progress", "json",
             "--executor", "dask", "--executor-option", f"scheduler={address}"],
            stderr=subprocess.PIPE, text=True, env=slowly,
        ) as packing:  # fmt: skip
            assert packing.stderr is not None
            assert json.loads(packing.stderr.readline())["number"] == 1
            scheduler.kill()
            errors = [line for line in packing.stderr if not line.startswith("{")]
    assert errors == ["qyn1: the dask scheduler is gone: start it again, or use another executor\n"]
    assert packing.returncode == 7
    assert list((tmp_path / "out").iterdir()) == []


@needs_dask
def test_a_scheduler_that_never_was_is_one_line(project: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qyn1_core", "pack", project, "-o", tmp_path / "p.qyn1", "--no-encrypt", "-q",
         "--mode", "fast", "--executor", "dask", "--executor-option", "scheduler=tcp://127.0.0.1:9",
         "--executor-option", "timeout=1"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    told = "qyn1: command line: executor_options: the dask scheduler tcp://127.0.0.1:9 does not answer: "
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1
    assert not (tmp_path / "p.qyn1").exists()


@needs_ray
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")
def test_ray_gives_the_same_bytes_even_when_it_loses_a_worker(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in project.iterdir():
        path.write_text(path.read_text() * 10)
    here = _packed(project, tmp_path / "here", block_size=65536)
    mark = f"QYN1_TEST_RUN={os.getpid()}-{tmp_path.name}"
    monkeypatch.setenv(*mark.split("=", 1))
    # Workers without the extension take long enough to be caught at work.
    monkeypatch.setenv("QYN1_NATIVE", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    ray: Any = import_module("ray")
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        lost: list[int] = []

        def lose_one(_: BlockEvent) -> None:
            for worker in _started_with(mark, b"ray::_call"):
                with suppress(ProcessLookupError):  # it has gone by itself
                    if not lost:
                        os.kill(worker, signal.SIGKILL)
                        lost.append(worker)

        assert _packed(project, tmp_path / "there", lose_one, executor="ray", block_size=65536) == here
        assert len(lost) == 1
    finally:
        ray.shutdown()


@needs_ray
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")
def test_a_ray_head_that_dies_ends_in_one_line_and_leaves_nothing(project: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    slowly = {
        **os.environ,
        "QYN1_NATIVE": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "RAY_AUTH_MODE": "disabled",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "20",  # how long ray waits for a head, less than it would
    }
    mark = f"QYN1_TEST_RUN={os.getpid()}-{tmp_path.name}"
    with subprocess.Popen(
        [sys.executable, "-c", _HEAD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**slowly, **dict([mark.split("=", 1)])},
    ) as head:  # fmt: skip
        assert head.stdout is not None
        address = head.stdout.readline().strip()
        with subprocess.Popen(
            [sys.executable, "-m", "qyn1_core", "pack", project, "-o", tmp_path / "out/p.qyn1", "--no-encrypt", "-q",
             "--mode", "fast", "--block-size", "4 KiB", "--workers", "2", "--progress", "json",
             "--executor", "ray", "--executor-option", f"address={address}"],
            stderr=subprocess.PIPE, text=True, env=slowly,
        ) as packing:  # fmt: skip
            assert packing.stderr is not None
            first = packing.stderr.readline()
            for process in _started_with(mark):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            errors = [line for line in packing.stderr if not line.startswith("{")]
    assert json.loads(first)["number"] == 1
    assert errors == ["qyn1: the head of the ray cluster is gone: start it again, or use another executor\n"]
    assert packing.returncode == 7
    assert list((tmp_path / "out").iterdir()) == []


def _started_with(mark: str, title: bytes = b"") -> list[int]:
    """The processes with ``mark`` in their environment whose command line begins with ``title``."""
    found: list[int] = []
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            fits = place.name.isdecimal() and (place / "cmdline").read_bytes().startswith(title)
            if fits and mark.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
    return found
