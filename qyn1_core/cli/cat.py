"""``qyn1 cat``."""

from __future__ import annotations

import sys

import click

from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options


@click.command("cat")
@click.argument("file")
@click.argument("path")
@identity_options
def command(file: str, path: str, identity_files: tuple[str, ...], passphrase_file: str | None) -> None:
    """Print the file PATH of the package FILE; only the blocks that hold it are decoded."""
    with open_from_options(file, identity_files, passphrase_file, unportable_names=True) as package:
        content = package.read(path)  # whole before any of it is shown
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
