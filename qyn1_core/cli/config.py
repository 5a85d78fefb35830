"""``qyn1 config``."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import click

from qyn1_core.cli.terminal import print_json, print_table
from qyn1_core.priors import Priors, resolve
from qyn1_plugins.host import default_host


@click.command("config")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("--preset", metavar="NAME", help="As if packed with this preset.")
@click.option("--mode", metavar="NAME", help="As if packed in this mode.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(project: Path, preset: str | None, mode: str | None, as_json: bool) -> None:
    """Show every value that packing PROJECT would use, and where it came from."""
    given = {name: value for name, value in (("preset", preset), ("mode", mode)) if value is not None}
    priors = resolve(project, command_line=given, host=default_host())
    rows = {field.name: getattr(priors, field.name) for field in fields(Priors) if field.name != "origins"}
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "values": {
                    name: {"value": _plain(value), "origin": priors.origins.get(name, "default")}
                    for name, value in rows.items()
                },
            }
        )
        return
    print_table(
        ["name", "value", "from"],
        [[name, _text(value), priors.origins.get(name, "default")] for name, value in rows.items()],
    )


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, (str, int, bool, type(None))):
        return value
    return dict(value) if hasattr(value, "keys") else str(value)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value) or "-"
