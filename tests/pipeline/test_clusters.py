"""Packing on a real cluster of several processes: the same bytes as here, and a lost worker costs a retry."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from qyn1_core import Sealing, pack, resolve
from qyn1_core.errors import PluginError
from qyn1_plugins.executors.dask import DaskExecutor
from qyn1_plugins.host import default_host
from qyn1_plugins.spec import BlockEvent

pytestmark = [
    pytest.mark.skipif(DaskExecutor().unavailable() is not None, reason="distributed is not installed"),
    pytest.mark.filterwarnings("default"),  # what a cluster warns of is not ours to judge
]

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


def test_a_scheduler_that_dies_ends_in_one_line_and_leaves_nothing(project: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SCHEDULER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        there: dict[str, Any] = {"executor": "dask", "executor_options": {"scheduler": address}}

        def kill(event: BlockEvent) -> None:
            if event.number == 1:
                process.kill()

        (tmp_path / "out").mkdir()
        with pytest.raises(PluginError, match="the dask scheduler is gone"):
            _packed(project, tmp_path / "out/p.qyn1", kill, **there)
    assert list((tmp_path / "out").iterdir()) == []
