"""``qyn1 tune``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from qyn1_core.cli.options import Amount
from qyn1_core.cli.terminal import human_size, print_json, print_table, progress_bar, say
from qyn1_core.configuration.manifest_writing import Settings, write_settings
from qyn1_core.configuration.priors import Priors, resolve
from qyn1_core.configuration.settings import parse_size, size_text
from qyn1_core.errors import ConfigError
from qyn1_core.measuring.pareto import pareto_front, pareto_picture, pareto_plot
from qyn1_core.measuring.tuning import Objective, Trial, Way, tune
from qyn1_core.output import check_target, whole_file
from qyn1_plugins.host import default_host

_MODES = ("fast", "balanced", "maximum")


class _Size(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    name = "SIZE"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes in ``value``."""
        try:
            return value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("tune")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option(
    "--smallest-within", type=Amount(), metavar="SECONDS", help="Find the smallest package that packs within SECONDS."
)
@click.option("--fastest-below", type=_Size(), metavar="SIZE", help="Find the fastest way to a package below SIZE.")
@click.option("--mode", "modes", multiple=True, type=click.Choice(_MODES), help="Try this mode only. May be repeated.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Write size over time as an SVG.")
@click.option("--write", is_flag=True, help="Put the winner into PROJECT's manifest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    project: Path,
    smallest_within: float | None,
    fastest_below: int | None,
    modes: tuple[str, ...],
    plot: Path | None,
    write: bool,
    as_json: bool,
) -> int:
    """Try modes, block sizes, levels, compressors and worker counts on PROJECT, and show what is worth choosing.

    Without an objective the smallest package is looked for, however long it takes.
    Exit code 1 when nothing is within the budget; the manifest is then left alone.
    """
    if smallest_within is not None and fastest_below is not None:
        raise click.UsageError("--smallest-within and --fastest-below are two objectives: choose one")
    if write and not project.is_dir():
        raise ConfigError(f"{project} is not a folder: only a folder has a manifest")
    check_target(plot)
    host = default_host()
    objective = Objective(smallest_within, fastest_below)
    priors = resolve(project, host=host)
    best, trials = tune(
        project,
        priors,
        host,
        objective,
        modes=modes or _MODES,
        watch=lambda name: progress_bar("auto", name),
        progress=_say_trial,
    )
    front = pareto_front(trials)
    met = objective.met(best)
    if plot is not None:
        with whole_file(plot, force=True) as file:
            file.write(
                pareto_picture(trials, best, f"{project.resolve().name}: package size over packing time").encode()
            )
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "objective": asdict(objective),
                "met": met,
                "best": best.as_json(),
                "trials": [{**trial.as_json(), "pareto": trial in front} for trial in trials],
            }
        )
    else:
        _print(trials, front, best)
    if not met:
        say(f"nothing is within the budget; nearest: {best.name}")
        return 1
    if write:
        say(f"wrote {best.name} into {write_settings(project, _settings(best.way, priors))}")
    return 0


def _settings(best: Way, priors: Priors) -> Settings:
    """What the manifest is to say. What it said of the level or the workers was for what it said of the rest."""
    settings: dict[str, str | int | Mapping[str, str] | None] = {
        "mode": best.mode,
        "block_size": size_text(best.block_size),
        "level": best.level,
        "workers": best.workers or None,
    }
    if dict(best.compressors) != priors.compressors:
        settings["compressors"] = dict(best.compressors)
    return settings


def _say_trial(trial: Trial) -> None:
    say(f"{trial.name}: {human_size(trial.packed_size)} in {trial.seconds:.2f} s")


def _print(trials: list[Trial], front: list[Trial], best: Trial) -> None:
    print_table(
        ["size", "seconds", "", "way"],
        [
            [
                human_size(trial.packed_size),
                f"{trial.seconds:.2f}",
                "best" if trial == best else "front" if trial in front else "",
                trial.name,
            ]
            for trial in sorted(trials, key=lambda t: (t.packed_size, t.seconds))
        ],
    )
    if len(trials) > 1:
        click.echo()
        for line in pareto_plot(trials, best):
            click.echo(line)
        click.echo("size over time (its logarithm): @ best, o on the front, . other trials")
