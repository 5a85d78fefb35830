"""``qyn1 profile``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from qyn1_core import envelope
from qyn1_core.cli.options import setting_options
from qyn1_core.cli.terminal import human_size, print_json, print_table, say
from qyn1_core.configuration.priors import resolve
from qyn1_core.errors import ConfigError, NotFound
from qyn1_core.measuring.flame_graph import flame_graph_page
from qyn1_core.measuring.profiling import PROFILE_SCHEMA_VERSION, Profile, Sampler, sampled
from qyn1_core.output import check_target, whole_file
from qyn1_core.package import unpack
from qyn1_core.packing import Sealing, pack
from qyn1_plugins.host import default_host


@click.command("profile")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("--unpack", "unpacking", is_flag=True, help="Profile unpacking instead of packing.")
@click.option("--allocations", is_flag=True, help="Also trace allocations (several times slower).")
@click.option("--top", type=click.IntRange(1), default=15, metavar="N", help="Show so many functions.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a flame graph.")
@click.option("--compare", type=click.Path(path_type=Path), metavar="OLD.json", help="Show what changed since then.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@setting_options()
def command(
    project: Path,
    unpacking: bool,
    allocations: bool,
    top: int,
    html: Path | None,
    compare: Path | None,
    as_json: bool,
    **options: object,
) -> None:
    """Pack PROJECT into a package that is thrown away, and show where time and memory went.

    The package is sealed to a key made for the purpose.
    """
    if as_json and compare is not None:
        raise click.UsageError("--json and --compare are two ways to print: choose one")
    old = None if compare is None else _read(compare)
    check_target(html)
    host = default_host()
    priors = resolve(project, command_line=options, host=host)
    if priors.executor != "threads":
        raise ConfigError("profile looks at threads of its own process: use --executor threads")
    identity = envelope.generate_identity()
    sealing = Sealing.to([identity.to_recipient()])
    with tempfile.TemporaryDirectory(prefix="qyn1-profile-") as folder:
        package = Path(folder) / "package.qyn1"

        def packing(sampler: Sampler) -> Mapping[str, object]:
            report = pack(
                project,
                package,
                sealing,
                priors=priors,
                host=host,
                progress=lambda _: sampler.look_at_allocations(),
            )
            return _facts(report.as_json())

        def opening(_: Sampler) -> Mapping[str, object]:
            report = unpack(package, Path(folder) / "out", [identity], workers=priors.workers, host=host)
            return _facts(report.as_json())

        if unpacking:
            pack(project, package, sealing, priors=priors, host=host)
        profile = sampled(opening if unpacking else packing, allocations=allocations)
    profile.facts.update(project=str(project.resolve()), direction="unpack" if unpacking else "pack", mode=priors.mode)
    if html is not None:
        with whole_file(html, force=True) as file:
            file.write(
                flame_graph_page(profile, f"qyn1 {profile.facts['direction']} {project.resolve().name}").encode()
            )
        say(f"wrote {html}")
    if as_json:
        print_json(profile.as_json())
    elif old is not None:
        _print_comparison(old, profile, top)
    else:
        _print(profile, top)


def _facts(report: Mapping[str, object]) -> dict[str, object]:
    return {name: report[name] for name in ("workers", "files", "blocks", "raw_size", "packed_size", "seconds")}


def _read(path: Path) -> dict[str, dict[str, float]]:
    """Stages and own seconds by function of an earlier profile."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["schema_version"] != PROFILE_SCHEMA_VERSION:
            raise ConfigError(f"{path} was written by another version of qyn1: profile again")
        functions = {f"{row['module']}.{row['function']}": float(row["own"]) for row in document["functions"]}
        return {
            "stages": {str(name): float(seconds) for name, seconds in document["stages"].items()},
            "functions": functions,
        }
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{path} is not what `qyn1 profile --json` prints") from None


def _print(profile: Profile, top: int) -> None:
    stages = profile.stages()
    total = sum(stages.values()) or 1.0
    print_table(
        ["stage", "seconds", "share"],
        [[name, f"{seconds:.3f}", f"{100 * seconds / total:.1f} %"] for name, seconds in stages.items()],
    )
    click.echo()
    print_table(
        ["own", "cumulative", "function"],
        [
            [f"{own:.3f}", f"{cumulative:.3f}", f"{frame[0]}.{frame[1]}" + f":{frame[2]}" * (frame[2] > 0)]
            for frame, own, cumulative in profile.functions()[:top]
        ],
    )
    if profile.allocations:
        click.echo()
        print_table(
            ["allocated", "blocks", "place"],
            [[human_size(size), str(count), place] for place, size, count in profile.allocations],
        )
    click.echo()
    peak = max((size for _, size in profile.rss), default=0)
    begin = profile.rss[0][1] if profile.rss else 0
    click.echo(
        f"resident memory {human_size(begin)} at first, {human_size(peak)} at most; {total:.2f} s in all threads"
    )


def _print_comparison(old: dict[str, dict[str, float]], profile: Profile, top: int) -> None:
    functions: dict[str, float] = {}
    for frame, own, _ in profile.functions():
        name = f"{frame[0]}.{frame[1]}"
        functions[name] = functions.get(name, 0.0) + own
    for title, before, now in (
        ("stage", old["stages"], profile.stages()),
        ("function (own)", old["functions"], functions),
    ):
        rows = [(name, before.get(name, 0.0), now.get(name, 0.0)) for name in before.keys() | now.keys()]
        rows.sort(key=lambda row: (-abs(row[2] - row[1]), row[0]))
        print_table(
            ["before", "now", "change", title],
            [[f"{first:.3f}", f"{second:.3f}", f"{second - first:+.3f}", name] for name, first, second in rows[:top]],
        )
        click.echo()
