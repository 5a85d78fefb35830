"""The same project packed by every executor, with one worker and with two: seconds on the clock, and the same bytes.

    python -m benchmarks.executors [--mode balanced] [--files 400] [--rounds 3]

Clusters of dask and ray are started before the measurement and run on this machine, with as many worker processes
as there are workers; `processes` are started for each run. The quickest of some rounds counts.
Where there are no more CPUs than workers, or others use them, this shows what it costs to carry blocks to
workers and nothing of how far clusters scale.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.large import make_tree
from qyn1_core import Sealing, pack, resolve
from qyn1_plugins.host import default_host


@contextmanager
def _cluster(name: str, workers: int) -> Iterator[dict[str, str] | None]:
    """Options for the executor ``name``, whose cluster runs meanwhile; None where it is not installed."""
    package = {"dask": "distributed", "ray": "ray"}.get(name)
    if package is None:
        yield {}
        return
    if find_spec(package) is None:
        yield None
        return
    if name == "dask":
        distributed: Any = import_module(package)
        with distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as running:
            yield {"scheduler": running.scheduler_address}
        return
    ray: Any = import_module(package)
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        yield {}
    finally:
        ray.shutdown()


def _seconds(project: Path, mode: str, executor: str, options: dict[str, str], workers: int) -> tuple[float, bytes]:
    host = default_host()
    settings: dict[str, Any] = {
        "mode": mode,
        "block_size": 64 << 10,
        "workers": workers,
        "executor": executor,
        "executor_options": options,
    }
    priors = resolve(project, command_line=settings, environ={}, host=host)
    out = io.BytesIO()
    begin = time.perf_counter()
    pack(project, out, Sealing.open(), priors=priors, host=host)
    return time.perf_counter() - begin, out.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.executors", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--mode", default="balanced")
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="qyn1-executors-") as name:
        project = Path(name) / "project"
        size = make_tree(project, options.files)
        print(f"{options.files} files, {size} bytes, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} CPUs", flush=True)
        made: set[bytes] = set()
        for executor in ("threads", "processes", "dask", "ray"):
            for workers in (1, 2):
                with _cluster(executor, workers) as given:
                    if given is None:
                        print(f"{executor}: not installed")
                        break
                    taken = []
                    for _ in range(options.rounds):
                        seconds, package = _seconds(project, options.mode, executor, given, workers)
                        taken.append(seconds)
                        made.add(package)
                print(f"{executor}, {workers} workers: {min(taken):.2f} to {max(taken):.2f} s", flush=True)
        if len(made) != 1:
            raise SystemExit("the executors made different bytes")
        print(f"the same {len(made.pop())} bytes every time; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
