"""``qyn1 train``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core.cli.terminal import human_size, say
from qyn1_core.training import train
from qyn1_plugins.host import default_host


@click.command("train")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--language", metavar="NAME", required=True, help="The frontend whose files are trained on.")
@click.option("--compressor", metavar="NAME", required=True, help="The compressor that the prior is for.")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    required=True,
    help="Where the packages are unpacked.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the prior goes (default: beside the folder of MANIFEST).",
)
def command(manifest: Path, language: str, compressor: str, corpus: Path, output: Path | None) -> None:
    """Train a prior from the packages that MANIFEST pins; the same bytes for everyone.

    `python -m benchmarks.corpora` fetches what the manifests of qyn1 itself list.
    """
    path = train(default_host(), corpus, language, compressor, manifest, folder=output)
    click.echo(path)
    say(f"{human_size(path.stat().st_size)}")
