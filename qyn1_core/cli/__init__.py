"""The ``qyn1`` command: one module per subcommand, loaded when it is called.

Exit codes (docs/cli.md): 0 done, 1 another error, 2 usage or configuration, 3 not
found, 4 permission, 5 no key opens it, 6 tampered, damaged, hostile or over a limit,
7 missing plugin, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import io
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Final

import click

from qyn1_core.errors import Qyn1Error

__all__ = ["main", "outcome", "qyn1", "run"]

_COMMANDS: Final = {
    "pack": "Seal a project into one package.",
    "unpack": "Open a package and write its files.",
    "list": "Show what stands in a package.",
    "cat": "Print one file of a package.",
    "inspect": "Show what a package tells without a key.",
    "verify": "Check every byte of a package.",
    "sign": "Sign a package, so that others can tell who made it.",
    "diff": "Show what changed from one package to another.",
    "keygen": "Make an identity (a key pair).",
    "config": "Show every effective value and where it came from.",
    "doctor": "Show what this machine offers, and what is missing.",
    "plugins": "Show the installed plugins.",
    "train": "Train a prior from a list of packages.",
    "bench": "Measure projects, and compare with a baseline.",
    "tune": "Find the settings that suit a project best.",
    "presets": "Show the presets, or put a new version of one in place.",
    "explain": "Show where the bytes of a package go.",
    "profile": "Show where packing or unpacking spends time and memory.",
    "object": "Compress named files into an object (a step of a build).",
    "link": "Seal objects into one package (a step of a build).",
    "compare": "Compare a package with the files that it was made from.",
    "work": "Run build steps, as a worker that stays if asked to.",
}
_INTERRUPTED: Final = 130
_TERMINATED: Final = 143
_ENDING: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _Lazy(click.Group):
    """Loads a subcommand's module only when it is called: the command stays quick to start."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        command = import_module(f"qyn1_core.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name}.command is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"qyn1 {metadata.version('qyn1')}")
    ctx.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def qyn1() -> None:
    """Seal source code into one small, encrypted, authenticated package, and open it again."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit code."""
    warnings.showwarning = _show_warning
    _make_signals_unwind()
    code = run(arguments)
    _leave_undisturbed()
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code. Every error is one line on standard error."""
    code, message = outcome(arguments)
    if message:
        click.echo(message, err=True)
    return code


def outcome(arguments: Sequence[str] | None = None, place: object = None) -> tuple[int, str]:
    """Run the command; its exit code and what to say about it.

    ``place`` is the `Place` of a build step that a worker runs.
    """
    try:
        result = qyn1.main(args=arguments, prog_name="qyn1", standalone_mode=False, obj=place)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code, ""
    except click.exceptions.Abort:
        return _INTERRUPTED, "qyn1: interrupted"
    except click.ClickException as error:
        return 2, _usage(error)
    except KeyboardInterrupt:
        return _INTERRUPTED, "qyn1: interrupted"
    except _Terminated:
        return _TERMINATED, "qyn1: terminated"
    except Qyn1Error as error:
        return error.exit_code, f"qyn1: {error}"
    except OSError as error:
        return _os_exit_code(error), f"qyn1: {_os_error(error)}"
    except MemoryError:
        return 1, "qyn1: out of memory: use fewer --workers or a smaller block size"
    return (result if isinstance(result, int) else 0), ""


def _usage(error: click.ClickException) -> str:
    """What click shows for ``error``."""
    text = io.StringIO()
    error.show(file=text)
    return text.getvalue().rstrip("\n")


class _Terminated(BaseException):
    """The process is asked to end."""


def _make_signals_unwind() -> None:
    """The first signal unwinds, so that nothing half-written stays behind; the next must not disturb that."""

    def unwind(number: int, _frame: object) -> None:
        _leave_undisturbed()
        raise KeyboardInterrupt if number == signal.SIGINT else _Terminated

    # Not in the main thread: somebody else owns the signals.
    with contextlib.suppress(ValueError):
        for number in _ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and a shell's background jobs have it
                signal.signal(number, unwind)


def _leave_undisturbed() -> None:
    """From here on a signal would only leave something behind, print a traceback or change the exit code."""
    with contextlib.suppress(ValueError):
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)


def _os_error(error: OSError) -> str:
    what = error.strerror or str(error)
    if error.errno == errno.ENOSPC:
        what = "no space left on the device: free some and try again"
    return f"{error.filename}: {what}" if error.filename else what


def _os_exit_code(error: OSError) -> int:
    if isinstance(error, FileNotFoundError):
        return 3
    return 4 if isinstance(error, PermissionError) else 1


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"qyn1: warning: {message}", err=True)
