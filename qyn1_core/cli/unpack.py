"""``qyn1 unpack``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options
from qyn1_core.cli.terminal import human_size, print_json, say


@click.command("unpack")
@click.argument("file")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Write below this folder (default: here).",
)
@identity_options
@click.option(
    "--workers", type=int, default=0, metavar="N", help="How many blocks at a time (0: as the machine allows)."
)
@click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
@click.option("--max-size", metavar="SIZE", help="Accept packages that unpack to at most SIZE (default 64 GiB).")
@click.option("--allow-unportable-names", is_flag=True, help="Accept names that Windows or macOS could not hold.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")
def command(
    file: str,
    paths: tuple[str, ...],
    directory: Path,
    identity_files: tuple[str, ...],
    passphrase_file: str | None,
    workers: int,
    force: bool,
    max_size: str | None,
    allow_unportable_names: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the files of the package FILE ('-': standard input), or only PATHs.

    Nothing is written unless all of it is whole and authentic.
    """
    with open_from_options(
        file, identity_files, passphrase_file, max_size=max_size, unportable_names=allow_unportable_names
    ) as package:
        report = package.extract(directory, paths, force=force, workers=workers)
    if as_json:
        print_json(report.as_json())
    elif not quiet:
        say(f"{report.output}: {report.files} files, {human_size(report.raw_size)}, {report.seconds['total']:.1f} s")
        for note in report.notes:
            say(f"note: {note}")
