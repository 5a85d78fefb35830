"""``qyn1 doctor``."""

from __future__ import annotations

import platform
import tempfile
from dataclasses import asdict
from importlib import metadata

import click

from qyn1_core.cli.terminal import human_size, print_json
from qyn1_core.configuration.settings import FIELDS
from qyn1_core.limits import Machine, choose_workers, machine, warnings
from qyn1_core.packing import block_memory
from qyn1_core.plan import MODES
from qyn1_plugins import _native
from qyn1_plugins.host import Host, default_host


@click.command("doctor")
@click.option("--workers", type=int, default=0, metavar="N", help="Judge this many concurrent workers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(workers: int, as_json: bool) -> int:
    """Show what this machine offers, what qyn1 would use, and what is missing; exit code 1 when something is."""
    host = default_host()
    found = machine()
    needed = _memory_per_worker(host)
    used = choose_workers(workers, found, needed)
    problems = warnings(found, used) + _missing(host)
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "qyn1": metadata.version("qyn1"),
                "python": platform.python_version(),
                "native": _native.native is not None,
                "cipher": host.cipher().name,
                "workers": used,
                "memory_per_worker": needed,
                "machine": {
                    **asdict(found),
                    "scratch": [{"folder": str(place.folder), "free": place.free} for place in found.scratch],
                },
                "problems": problems,
            }
        )
    else:
        _print(host, found, used, needed, problems)
    return 1 if problems else 0


def _missing(host: Host) -> list[str]:
    lines = [f"the plugin {problem.plugin} cannot be loaded: {problem.reason}" for problem in host.problems]
    if _native.native is None:
        lines.append(
            f"no native extension ({_native.native_problem}): mode fast only; every other mode {_native.WITHOUT_NATIVE}"
        )
    return lines


def _memory_per_worker(host: Host) -> int:
    """Most bytes that one block of the default mode takes: what the choice of workers reckons with."""
    mode = MODES[str(FIELDS["mode"].default)]
    name = next((name for name in mode.compressors if host.has_compressor(name)), mode.compressors[-1])
    return block_memory(host.compressor(name), mode.block_size())


def _print(host: Host, found: Machine, used: int, needed: int, problems: list[str]) -> None:
    quota = f", quota {found.cpu_quota:g}" if found.cpu_quota is not None else ""
    rows = [
        ("qyn1", f"{metadata.version('qyn1')} on Python {platform.python_version()}"),
        ("native", "yes" if _native.native is not None else "no"),
        ("cipher", host.cipher().name),
        ("CPUs", f"{found.cpus} (affinity {found.affinity}{quota})"),
        ("memory", f"{human_size(found.memory_free)} free of {human_size(found.memory_total)}"),
        ("limited by", ", ".join(found.limited_by) or "nothing but the machine"),
        ("scratch", ", ".join(f"{s.folder} ({human_size(s.free)})" for s in found.scratch) or tempfile.gettempdir()),
        ("workers", f"{used} (up to {human_size(needed)} each in the default mode)"),
    ]
    for name, value in rows:
        click.echo(f"{name:11} {value}")
    for problem in problems:
        click.echo(f"warning: {problem}")
