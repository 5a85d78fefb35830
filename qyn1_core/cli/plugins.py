"""``qyn1 plugins``."""

from __future__ import annotations

import click

from qyn1_core.cli.terminal import print_json, print_table, say
from qyn1_plugins.host import default_host


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show every installed plugin: family, name, origin, and whether it works here."""
    host = default_host()
    rows = host.registrations()
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "plugins": [
                    {
                        "family": row.family,
                        "name": row.name,
                        "version": row.version,
                        "distribution": row.distribution,
                        "distribution_version": row.distribution_version,
                        "available": row.problem is None,
                        "reason": row.problem,
                    }
                    for row in rows
                ],
                "problems": [{"plugin": problem.plugin, "reason": problem.reason} for problem in host.problems],
            }
        )
        return
    print_table(
        ["family", "name", "version", "from", "available"],
        [
            [
                row.family,
                row.name,
                str(row.version),
                f"{row.distribution} {row.distribution_version}",
                "yes" if row.problem is None else f"no: {row.problem}",
            ]
            for row in rows
        ],
    )
    for problem in host.problems:
        say(f"qyn1: the plugin {problem.plugin} cannot be loaded: {problem.reason}")
