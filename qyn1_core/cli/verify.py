"""``qyn1 verify``."""

from __future__ import annotations

import click

from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options
from qyn1_core.cli.terminal import human_size, print_json, say


@click.command("verify")
@click.argument("file")
@identity_options
@click.option(
    "--workers", type=int, default=0, metavar="N", help="How many blocks at a time (0: as the machine allows)."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: str, identity_files: tuple[str, ...], passphrase_file: str | None, workers: int, quiet: bool, as_json: bool
) -> None:
    """Decode and check every byte of the package FILE, writing nothing."""
    with open_from_options(file, identity_files, passphrase_file, unportable_names=True) as package:
        size = package.verify(workers=workers)
        files, authentic = len(package.entries), package.encrypted
    if as_json:
        print_json({"schema_version": 1, "entries": files, "raw_size": size, "authenticated": authentic})
    elif not quiet:
        kind = (
            "whole and authentic" if authentic else "whole (a bare archive: nothing tells whether somebody changed it)"
        )
        say(f"{file}: {kind}, {files} entries, {human_size(size)}")
