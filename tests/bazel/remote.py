"""A real server of Bazel's remote execution API, BuildGrid, on the loopback device."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

WORKER = Path(__file__).with_name("remote_worker.py")
CONFIGURATION = """\
server:
  - !channel
    address: {address}
    insecure-mode: true
description: tests
authorization:
  method: none
monitoring:
  enabled: false
instances:
  - name: ''
    storages:
      - !disk-storage &storage
        path: {folder}/storage
    caches:
      - !lru-action-cache &cache
        storage: *storage
        max-cached-refs: 1000
        cache-failed-actions: false
        allow-updates: true
    schedulers:
      - !sql-scheduler &scheduler
        storage: *storage
        action-cache: *cache
        connection-string: sqlite:///{folder}/scheduler.db
        automigrate: true
    services:
      - !action-cache
        cache: *cache
      - !cas
        storage: *storage
      - !bytestream
        storage: *storage
      - !execution
        scheduler: *scheduler
      - !bots
        scheduler: *scheduler
thread-pool-size: 100
"""


def server_command() -> str | None:
    """BuildGrid's command, if it is installed."""
    return shutil.which("bgd")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(f"BuildGrid does not answer: {log.read_text()}")


@contextlib.contextmanager
def serving(folder: Path, workers: int) -> Iterator[str]:
    """The address of a server with so many workers, all of which end with the block."""
    command = server_command()
    assert command is not None
    python = Path(command).resolve().with_name("python")
    port = _free_port()
    address = f"127.0.0.1:{port}"
    (folder / "storage").mkdir(parents=True)
    settings = folder / "buildgrid.yml"
    settings.write_text(CONFIGURATION.format(address=address, folder=folder))
    processes: list[subprocess.Popen[bytes]] = []
    with (folder / "server.log").open("wb") as log, contextlib.ExitStack() as stack:

        def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
            process = stack.enter_context(subprocess.Popen(arguments, stdout=log, stderr=log))
            stack.callback(process.kill)
            processes.append(process)
            return process

        server = start(command, "server", "start", settings)
        _wait_for(port, server, folder / "server.log")
        for number in range(workers):
            place = folder / f"worker{number}"
            place.mkdir()
            start(python, WORKER, address, place, f"worker{number}")
        yield address
        assert [process.poll() for process in processes] == [None] * len(processes), (folder / "server.log").read_text()
