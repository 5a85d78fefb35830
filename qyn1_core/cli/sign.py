"""``qyn1 sign``."""

from __future__ import annotations

from pathlib import Path

import click

from qyn1_core.cli.terminal import say
from qyn1_core.errors import NotFound
from qyn1_core.keys import read_keys, read_passphrase
from qyn1_core.output import whole_file
from qyn1_core.signing import SigningKey
from qyn1_plugins.host import default_host


@click.command("sign")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-k", "--key", metavar="FILE", required=True, help="Secret key made by `qyn1 keygen --signing` or by minisign."
)
@click.option("--passphrase-file", metavar="FILE", help="Passphrase of the key ('-': standard input).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="The signature (default: FILE.minisig)."
)
@click.option("--comment", default="", metavar="TEXT", help="A comment that is signed too.")
@click.option("-f", "--force", is_flag=True, help="Replace a signature that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    file: Path, key: str, passphrase_file: str | None, output: Path | None, comment: str, force: bool, quiet: bool
) -> None:
    """Sign the package FILE, so that others can tell who made it.

    The signature is minisign's: `minisign -V` checks it, and so does `qyn1 verify --signed-by`.
    """
    text = read_keys(default_host(), key)
    signing_key = SigningKey.parse(text, read_passphrase(passphrase_file) if passphrase_file else None)
    place = output or file.with_name(f"{file.name}.minisig")
    try:
        with file.open("rb") as stream:
            signature = signing_key.sign(stream, trusted_comment=comment or f"file:{file.name}")
    except FileNotFoundError:
        raise NotFound(f"{file} does not exist") from None
    with whole_file(place, force=force) as out:
        out.write(signature.encode("utf-8"))
    say(f"{place}: signed by {signing_key.verifying_key}", quiet=quiet)
