"""``qyn1 keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core import envelope
from qyn1_core.cli.terminal import say
from qyn1_core.keys import read_passphrase
from qyn1_core.output import whole_file
from qyn1_core.signing import SigningKey


@click.command("keygen")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the identity to FILE (mode 0600) instead of standard output.",
)
@click.option("--pq", is_flag=True, help="Make a post-quantum hybrid identity (ML-KEM-768 with X25519).")
@click.option("--signing", is_flag=True, help="Make a signing key pair instead; the public half goes to FILE.pub.")
@click.option(
    "--passphrase-file",
    metavar="FILE",
    help="Encrypt the signing key under the passphrase in FILE ('-': standard input).",
)
@click.option(
    "-f",
    "--force",
    is_flag=True,
    help="Replace a file that exists; what was sealed to its identity stays closed for ever.",
)
def command(output: Path | None, pq: bool, signing: bool, passphrase_file: str | None, force: bool) -> None:
    """Make an identity: the secret that opens what is sealed to its public key.

    The public key goes to standard error, and stands in the file as a comment.
    With --signing, make a minisign key pair, which tells who made a package.
    """
    if signing:
        _signing_key(output, passphrase_file, pq=pq, force=force)
        return
    if passphrase_file is not None:
        raise click.UsageError("--passphrase-file goes with --signing; seal the identity file itself with age or qyn1")
    identity = envelope.generate_identity(pq=pq)
    text = envelope.identity_file_text(identity)
    if output is None:
        click.echo(text, nl=False)
    else:
        with whole_file(output, force=force, mode=0o600) as file:
            file.write(text.encode("ascii"))
    say(f"public key: {identity.to_recipient()}")


def _signing_key(output: Path | None, passphrase_file: str | None, *, pq: bool, force: bool) -> None:
    if output is None or pq:
        raise click.UsageError("--signing needs -o FILE, and does not go with --pq")
    key = SigningKey.generate()
    secret = key.to_text(read_passphrase(passphrase_file) if passphrase_file else None)
    with whole_file(output, force=force, mode=0o600) as file:
        file.write(secret.encode("ascii"))
    with whole_file(output.with_name(f"{output.name}.pub"), force=force) as file:
        file.write(key.verifying_key.to_text().encode("ascii"))
    say(f"public key: {key.verifying_key}")
