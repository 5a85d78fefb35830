"""``qyn1 bench``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from qyn1_core.cli.options import Amount
from qyn1_core.cli.terminal import print_json, say
from qyn1_core.configuration.priors import Priors, resolve
from qyn1_core.configuration.settings import MODES
from qyn1_core.errors import ConfigError, NotFound
from qyn1_core.measuring.benching import Case, as_document, compare, markdown, measure, read_baseline
from qyn1_core.measuring.suite import check_projects, shipped_baseline, suite_projects
from qyn1_core.output import check_target, whole_file
from qyn1_plugins.host import Host, default_host

_SIZE_TOLERANCE: Final = 0.5  # per cent

size_tolerance_option = click.option(
    "--size-tolerance",
    type=Amount(),
    metavar="PERCENT",
    help=f"How much larger is still good (default: {_SIZE_TOLERANCE}, and 0 with the shipped baseline).",
)
time_tolerance_option = click.option(
    "--time-tolerance", type=Amount(), default=30.0, metavar="PERCENT", help="How much slower is still good."
)


@click.command("bench")
@click.argument("projects", nargs=-1, type=click.Path(path_type=Path))
@click.option("--suite", is_flag=True, help="Measure the public projects of the shipped baseline, and compare with it.")
@click.option("--mode", "modes", multiple=True, type=click.Choice(MODES), help="Measure this mode. May be repeated.")
@click.option("--compressor", "compressors", multiple=True, metavar="NAME", help="Measure this compressor, too.")
@click.option("--preset", "presets", multiple=True, metavar="NAME", help="Measure this preset, too.")
@click.option("--repeat", type=click.IntRange(1, 99), default=3, metavar="N", help="The quickest of N runs counts.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Compare with what --save wrote.")
@size_tolerance_option
@time_tolerance_option
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path), metavar="FILE", help="Write a table.")
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Write a baseline instead of comparing with one."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, which also serves as a baseline.")
def command(
    projects: tuple[Path, ...],
    suite: bool,
    modes: tuple[str, ...],
    compressors: tuple[str, ...],
    presets: tuple[str, ...],
    repeat: int,
    baseline: Path | None,
    size_tolerance: float | None,
    time_tolerance: float,
    markdown_file: Path | None,
    save: Path | None,
    as_json: bool,
) -> int:
    """Measure PROJECTS (default: this folder), each packed in several ways; exit code 1 when worse than the baseline.

    Sizes are shares of the raw size, times multiples of what zlib takes in the same run: both
    can be compared between machines.
    """
    if suite and projects:
        raise click.UsageError("--suite has projects of its own: name none")
    if save is not None and baseline is not None:
        raise click.UsageError("--save writes a baseline, --baseline compares with one: choose one")
    check_target(markdown_file)
    check_target(save)
    host = default_host()
    if not (modes or compressors or presets):
        modes, presets = MODES, tuple(sorted(host.presets())) if suite else ()
    folders = suite_projects() if suite else named(projects or (Path(),))
    old: list[Case] = []
    if save is None:
        old = load_baseline(baseline) if baseline is not None else shipped_baseline() if suite else []
    cases: list[Case] = []
    for name, project in folders:
        ways = _ways(project, host, modes, compressors, presets)
        for case in measure(project, ways, host, repeat=repeat, name=name):
            cases.append(case)
            say(f"{case.project}, {case.way}: {100 * case.size_ratio:.2f} %, packing {case.pack_time:.2f} x zlib")
    table = markdown(cases, old)
    if markdown_file is not None:
        with whole_file(markdown_file, force=True) as file:
            file.write(table.encode("utf-8"))
    if save is not None:
        with whole_file(save, force=True) as file:
            file.write(json.dumps(as_document(cases), indent=1).encode("utf-8") + b"\n")
        say(f"wrote {save}")
    if as_json:
        print_json(as_document(cases))
    else:
        click.echo(table, nl=False)
    if (baseline is None and not suite) or save is not None:
        return 0
    return 1 if judge(cases, old, size_tolerance, time_tolerance, shipped=baseline is None) else 0


def named(projects: Sequence[Path]) -> list[tuple[str, Path]]:
    """The name of each folder, and the folder."""
    return [(project.resolve().name, project) for project in projects]


def judge(
    cases: Sequence[Case],
    baseline: Sequence[Case],
    size_tolerance: float | None,
    time_tolerance: float,
    *,
    shipped: bool,
) -> bool:
    """Whether something is worse than ``baseline`` by more than the tolerances (per cent), saying what.

    With the ``shipped`` one, whose projects are known to the byte, sizes may not grow at all
    unless something else is asked for.
    """
    if shipped:
        check_projects(cases, baseline)
    if size_tolerance is None:
        size_tolerance = 0.0 if shipped else _SIZE_TOLERANCE
    worse = compare(cases, baseline, size_tolerance=size_tolerance / 100, time_tolerance=time_tolerance / 100)
    for regression in worse:
        say(f"worse than the baseline: {regression}")
    return bool(worse)


def load_baseline(path: Path) -> list[Case]:
    """The cases in the file ``path``."""
    try:
        return read_baseline(json.loads(path.read_text("utf-8")), str(path))
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist: make it with `qyn1 bench --save {path}`") from None
    except ValueError:
        raise ConfigError(f"{path} is not what `qyn1 bench --save` writes") from None


def _ways(
    project: Path, host: Host, modes: tuple[str, ...], compressors: tuple[str, ...], presets: tuple[str, ...]
) -> dict[str, Priors]:
    common: dict[str, object] = {"workers": 1, "executor": "threads"}
    ways = {f"mode {mode}": resolve(project, command_line={**common, "mode": mode}, host=host) for mode in modes}
    for name in compressors:
        host.compressor(name)
        languages = {frontend.name: name for frontend in host.frontends()}
        ways[f"compressor {name}"] = resolve(project, command_line={**common, "compressors": languages}, host=host)
    for name in presets:
        ways[f"preset {name}"] = resolve(project, command_line={**common, "preset": name}, host=host)
    return ways
