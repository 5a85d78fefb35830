"""``qyn1 work``: the entry point of build systems."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from qyn1_core import cli
from qyn1_core.cli.terminal import print_json
from qyn1_core.fingerprint import fingerprint
from qyn1_core.worker import JsonProtocol, Place, ProtoProtocol, WorkProtocol, expand, serve
from qyn1_plugins.host import default_host

_STEPS: Final = ("object", "link", "compare")
_PROTOCOLS: Final[dict[str, type[WorkProtocol]]] = {"json": JsonProtocol, "proto": ProtoProtocol}


@click.command("work", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="STEP ... | @FILE")
@click.option("--persistent_worker", "persistent", is_flag=True, help="Stay, and take work from standard input.")
@click.option(
    "--worker-protocol",
    type=click.Choice(list(_PROTOCOLS)),
    default="json",
    help="How a worker is spoken to (default: json).",
)
@click.option("--describe", is_flag=True, help="Print, as JSON, which Python this is and what its output depends on.")
def command(arguments: tuple[str, ...], persistent: bool, worker_protocol: str, describe: bool) -> int:
    """Run one build step (`object`, `link` or `compare`), whose arguments may stand in FILE, one a line.

    With --persistent_worker, serve such steps as Bazel asks for them.
    """
    if describe:
        print_json({"schema_version": 1, "interpreter": sys.executable, "fingerprint": fingerprint(default_host())})
        return 0
    if not persistent:
        exit_code, message = run_step(arguments, Place())
        if message:
            click.echo(message, err=True)
        return exit_code
    # Whatever a plugin prints must not come between the responses.
    responses = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve(_PROTOCOLS[worker_protocol](), 0, responses, run_step)
    return 0


def run_step(arguments: Sequence[str], place: Place) -> tuple[int, str]:
    """Exit code and message of one build step. ``@FILE`` among ``arguments`` stands for the lines of FILE."""
    try:
        expanded = expand(arguments, place.base)
    except (OSError, UnicodeDecodeError) as error:
        return 2, f"qyn1: the file of arguments cannot be read: {error}"
    if not expanded or expanded[0] not in _STEPS:
        return 2, f"qyn1: a build step is one of {', '.join(_STEPS)}, not {expanded[0] if expanded else 'nothing'!r}"
    return cli.outcome(expanded, place)
