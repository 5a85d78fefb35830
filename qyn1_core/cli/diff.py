"""``qyn1 diff``."""

from __future__ import annotations

import click

from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options
from qyn1_core.cli.terminal import print_json
from qyn1_core.package import diff


@click.command("diff")
@click.argument("old")
@click.argument("new")
@identity_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(old: str, new: str, identity_files: tuple[str, ...], passphrase_file: str | None, as_json: bool) -> int:
    """Show what changed from the package OLD to the package NEW; exit code 1 when anything did."""
    with (
        open_from_options(old, identity_files, passphrase_file, unportable_names=True) as first,
        open_from_options(new, identity_files, passphrase_file, unportable_names=True) as second,
    ):
        found = diff(first, second)
    if as_json:
        print_json({"schema_version": 1, "differences": [{"path": d.path, "change": d.change} for d in found]})
    else:
        for difference in found:
            click.echo(f"{difference.change:8} {difference.path}")
    return 1 if found else 0
