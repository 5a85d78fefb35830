"""``qyn1 inspect``."""

from __future__ import annotations

import click

from qyn1_core.cli.opening import spooled_input
from qyn1_core.cli.terminal import human_size, print_json
from qyn1_core.package import inspect_package


@click.command("inspect")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: str, as_json: bool) -> None:
    """Show what the package FILE tells anyone, without a key.

    These facts are not yet authenticated: opening the package does that.
    """
    view = inspect_package(spooled_input(file))
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "size": view.size,
                "encrypted": view.encrypted,
                "armored": view.armored,
                "recipients": list(view.recipients),
                "format_version": view.format_version,
                "plugins": list(view.plugins),
                "name": view.name,
            }
        )
        return
    click.echo(f"size        {human_size(view.size)} ({view.size} bytes)")
    if view.encrypted:
        click.echo(f"sealed      age v1{', armored' if view.armored else ''}")
        click.echo(f"opened by   {', '.join(view.recipients)}")
    else:
        click.echo("sealed      no: a bare archive, neither encrypted nor authenticated")
    if view.name is not None:
        click.echo(f"project     {view.name}")
    if view.format_version is not None:
        click.echo(f"format      QYN1 version {view.format_version}")
    if view.plugins:
        click.echo(f"needs       {', '.join(view.plugins)}")
