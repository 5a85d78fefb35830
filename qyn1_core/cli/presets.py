"""``qyn1 presets``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core.cli.bench import judge, load_baseline, named, size_tolerance_option, time_tolerance_option
from qyn1_core.cli.terminal import print_table, say
from qyn1_core.configuration.priors import read_preset, resolve
from qyn1_core.errors import ConfigError, NotFound
from qyn1_core.measuring.benching import Case, markdown, measure
from qyn1_core.measuring.suite import shipped_baseline, suite_projects
from qyn1_core.output import check_target, whole_file
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
@click.argument("projects", nargs=-1, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Where it goes.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What `qyn1 bench --preset NAME --save FILE PROJECT...` wrote for the preset as it is (NAME: CANDIDATE's).",
)
@click.option("--repeat", type=click.IntRange(1, 99), default=3, metavar="N", help="The quickest of N runs counts.")
@size_tolerance_option
@time_tolerance_option
def promote(
    candidate: Path,
    projects: tuple[Path, ...],
    output: Path,
    baseline: Path | None,
    repeat: int,
    size_tolerance: float | None,
    time_tolerance: float,
) -> int:
    """Measure the preset in the file CANDIDATE on PROJECTS; write it only if it is no worse than the baseline.

    Without PROJECTS those of `qyn1 bench --suite` are measured and compared with the shipped
    baseline; a preset that is new must be no worse than `default`. Exit code 1, and nothing
    written, when it is worse.
    """
    if bool(projects) != (baseline is not None):
        raise click.UsageError("PROJECTS and --baseline belong together: give both, or neither")
    try:
        text = candidate.read_text("utf-8")
    except FileNotFoundError:
        raise NotFound(f"{candidate} does not exist") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{candidate} is not UTF-8 text") from None
    values = read_preset(candidate.stem, text)
    check_target(output)
    host = default_host()
    old = shipped_baseline() if baseline is None else load_baseline(baseline)
    way = f"preset {candidate.stem}"
    if not any(case.way == way for case in old):
        way = "preset default"
    settings: dict[str, object] = {**values, "workers": 1, "executor": "threads"}
    cases: list[Case] = []
    for name, project in named(projects) or suite_projects():
        priors = resolve(project, command_line=settings, host=host)
        cases += measure(project, {way: priors}, host, repeat=repeat, name=name)
    click.echo(markdown(cases, old), nl=False)
    if judge(cases, old, size_tolerance, time_tolerance, shipped=baseline is None):
        say(f"{output} is as it was")
        return 1
    with whole_file(output, force=True) as file:
        file.write(text.encode("utf-8"))
    say(f"wrote {output}")
    return 0
