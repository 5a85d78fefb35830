"""``qyn1 config``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core.cli.options import setting_options
from qyn1_core.cli.terminal import print_json, print_table
from qyn1_core.configuration.priors import resolve
from qyn1_plugins.host import default_host


@click.command("config")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@setting_options()
@click.option("--manifest", type=click.Path(path_type=Path), metavar="FILE", help="Read the configuration from FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(project: Path, manifest: Path | None, as_json: bool, **options: object) -> None:
    """Show every value that packing PROJECT would use, and where it came from."""
    priors = resolve(project, command_line=options, host=default_host(), manifest_file=manifest)
    values = priors.as_dict()
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "values": {name: {"value": value, "origin": priors.origins[name]} for name, value in values.items()},
            }
        )
    else:
        print_table(
            ["name", "value", "from"], [[name, _text(value), priors.origins[name]] for name, value in values.items()]
        )


def _text(value: object) -> str:
    if value in (None, [], {}):
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return str(value)
