"""``qyn1 keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core import envelope
from qyn1_core.cli.terminal import say
from qyn1_core.output import whole_file


@click.command("keygen")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the identity to FILE (mode 0600) instead of standard output.",
)
@click.option("--pq", is_flag=True, help="Make a post-quantum hybrid identity (ML-KEM-768 with X25519).")
@click.option(
    "-f",
    "--force",
    is_flag=True,
    help="Replace a file that exists; what was sealed to its identity stays closed for ever.",
)
def command(output: Path | None, pq: bool, force: bool) -> None:
    """Make an identity: the secret that opens what is sealed to its public key.

    The public key goes to standard error, and stands in the file as a comment.
    """
    identity = envelope.generate_identity(pq=pq)
    text = envelope.identity_file_text(identity)
    if output is None:
        click.echo(text, nl=False)
    else:
        with whole_file(output, force=force, mode=0o600) as file:
            file.write(text.encode("ascii"))
    say(f"public key: {identity.to_recipient()}")
