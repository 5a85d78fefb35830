"""What goes to the user's terminal: sizes, tables, progress; JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import click

from qyn1_plugins.spec import BlockEvent

__all__ = ["binary_stdout", "human_size", "print_json", "print_table", "printable", "progress_bar", "say"]


def say(message: str, *, quiet: bool = False) -> None:
    """One line for a person, on standard error, so that standard output stays data."""
    if not quiet:
        click.echo(message, err=True)


def print_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """``value`` as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def human_size(size: int) -> str:
    """``size`` bytes in the unit that a person reads most easily."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def printable(text: str) -> str:
    """``text`` such that it cannot send control sequences to the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """``rows`` in columns on standard output; numbers to the right."""
    columns = [[heading, *(row[i] for row in rows)] for i, heading in enumerate(headings)]
    aligned = []
    for column in columns:
        width = max(map(len, column))
        numeric = all(cell[:1].isdigit() or cell[:1] in ("+", "-", "") for cell in column[1:])
        aligned.append([cell.rjust(width) if numeric else cell.ljust(width) for cell in column])
    for cells in zip(*aligned, strict=True):
        click.echo("  ".join(cells).rstrip())


def binary_stdout() -> BinaryIO:
    """Standard output for bytes; refused when it is a terminal."""
    if sys.stdout.isatty():
        raise click.UsageError("refusing to write binary data to a terminal: redirect it, or name a file with -o")
    return sys.stdout.buffer


@contextmanager
def progress_bar(style: str, title: str) -> Iterator[Callable[[BlockEvent], None] | None]:
    """An observer of blocks that shows progress on standard error.

    ``style`` is "auto" (a bar on a terminal, else nothing), "none" or "json" (one
    JSON object per line).
    """
    if style == "json":

        def emit(event: BlockEvent) -> None:
            record = {
                "event": "block",
                "number": event.number,
                "total": event.total,
                "raw_size": event.raw_size,
                "packed_size": event.packed_size,
            }
            click.echo(json.dumps(record), err=True)

        yield emit
        return
    if style == "none" or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  (slow to import, and only needed here)
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(title, total=None)
        yield lambda event: bar.update(task, total=event.total, completed=event.number)
