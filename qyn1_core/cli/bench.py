"""``qyn1 bench``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from qyn1_core.benching import Case, as_document, compare, markdown, measure, read_baseline
from qyn1_core.cli.terminal import print_json, say
from qyn1_core.errors import ConfigError, NotFound
from qyn1_core.output import whole_file
from qyn1_core.priors import Priors, resolve
from qyn1_core.settings import MODES
from qyn1_plugins.host import Host, default_host


@click.command("bench")
@click.argument("projects", nargs=-1, type=click.Path(path_type=Path))
@click.option("--mode", "modes", multiple=True, type=click.Choice(MODES), help="Measure this mode. May be repeated.")
@click.option("--compressor", "compressors", multiple=True, metavar="NAME", help="Measure this compressor, too.")
@click.option("--preset", "presets", multiple=True, metavar="NAME", help="Measure this preset, too.")
@click.option("--repeat", type=click.IntRange(1, 99), default=3, metavar="N", help="The quickest of N runs counts.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Compare with what --json printed.")
@click.option("--size-tolerance", type=float, default=0.5, metavar="PERCENT", help="How much larger is still good.")
@click.option("--time-tolerance", type=float, default=30.0, metavar="PERCENT", help="How much slower is still good.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path), metavar="FILE", help="Write a table.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, which also serves as a baseline.")
def command(
    projects: tuple[Path, ...],
    modes: tuple[str, ...],
    compressors: tuple[str, ...],
    presets: tuple[str, ...],
    repeat: int,
    baseline: Path | None,
    size_tolerance: float,
    time_tolerance: float,
    markdown_file: Path | None,
    as_json: bool,
) -> int:
    """Measure PROJECTS (default: this folder), each packed in several ways; exit code 1 when worse than the baseline.

    Sizes are shares of the raw size, times multiples of what zlib takes in the same run: both
    can be compared between machines.
    """
    host = default_host()
    old = [] if baseline is None else load_baseline(baseline)
    cases: list[Case] = []
    for project in projects or (Path(),):
        ways = _ways(project, host, modes or (() if compressors or presets else MODES), compressors, presets)
        for case in measure(project, ways, host, repeat=repeat):
            cases.append(case)
            say(f"{case.project}, {case.way}: {100 * case.size_ratio:.2f} %, packing {case.pack_time:.2f} x zlib")
    table = markdown(cases, old)
    if markdown_file is not None:
        with whole_file(markdown_file, force=True) as file:
            file.write(table.encode("utf-8"))
    if as_json:
        print_json(as_document(cases))
    else:
        click.echo(table, nl=False)
    if baseline is None:
        return 0
    worse = compare(cases, old, size_tolerance=size_tolerance / 100, time_tolerance=time_tolerance / 100)
    for regression in worse:
        say(f"worse than the baseline: {regression}")
    return 1 if worse else 0


def load_baseline(path: Path) -> list[Case]:
    """The cases in the file ``path``."""
    try:
        return read_baseline(json.loads(path.read_text("utf-8")), str(path))
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist: make it with `qyn1 bench --json > {path}`") from None
    except ValueError:
        raise ConfigError(f"{path} is not what `qyn1 bench --json` prints") from None


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
