"""``qyn1 presets``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core.benching import Case, compare, markdown, measure
from qyn1_core.cli.bench import load_baseline
from qyn1_core.cli.terminal import print_table, say
from qyn1_core.errors import ConfigError, NotFound
from qyn1_core.output import whole_file
from qyn1_core.priors import read_preset, resolve
from qyn1_plugins.host import default_host


@click.group("presets")
def command() -> None:
    """Show the presets, or put a new version of one in place."""


@command.command("list")
def list_presets() -> None:
    """Show every preset and what it sets."""
    rows = []
    for name, text in sorted(default_host().presets().items()):
        values = read_preset(name, text)
        rows.append([name, ", ".join(f"{key} {value}" for key, value in values.items())])
    print_table(["preset", "sets"], rows)


@command.command("promote")
@click.argument("candidate", type=click.Path(path_type=Path))
@click.argument("projects", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Where it goes.")
@click.option(
    "--baseline",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What `qyn1 bench --preset NAME --json PROJECT...` printed for the preset as it is, NAME being CANDIDATE's.",
)
@click.option("--repeat", type=click.IntRange(1, 99), default=3, metavar="N", help="The quickest of N runs counts.")
@click.option("--size-tolerance", type=float, default=0.5, metavar="PERCENT", help="How much larger is still good.")
@click.option("--time-tolerance", type=float, default=30.0, metavar="PERCENT", help="How much slower is still good.")
def promote(
    candidate: Path,
    projects: tuple[Path, ...],
    output: Path,
    baseline: Path,
    repeat: int,
    size_tolerance: float,
    time_tolerance: float,
) -> int:
    """Measure the preset in the file CANDIDATE on PROJECTS; write it only if it is no worse than the baseline.

    Exit code 1, and nothing written, when it is worse.
    """
    try:
        text = candidate.read_text("utf-8")
    except FileNotFoundError:
        raise NotFound(f"{candidate} does not exist") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{candidate} is not UTF-8 text") from None
    values = read_preset(candidate.stem, text)
    host = default_host()
    old = load_baseline(baseline)
    settings: dict[str, object] = {**values, "workers": 1, "executor": "threads"}
    cases: list[Case] = []
    for project in projects:
        priors = resolve(project, command_line=settings, host=host)
        cases += measure(project, {f"preset {candidate.stem}": priors}, host, repeat=repeat)
    click.echo(markdown(cases, old), nl=False)
    worse = compare(cases, old, size_tolerance=size_tolerance / 100, time_tolerance=time_tolerance / 100)
    for regression in worse:
        say(f"worse than the baseline: {regression}")
    if worse:
        say(f"{output} is as it was")
        return 1
    with whole_file(output, force=True) as file:
        file.write(text.encode("utf-8"))
    say(f"wrote {output}")
    return 0
