"""``qyn1 verify``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options
from qyn1_core.cli.terminal import human_size, print_json, say
from qyn1_core.errors import AuthenticationError, NotFound
from qyn1_core.signing import VerifyingKey


@click.command("verify")
@click.argument("file")
@identity_options
@click.option("--signed-by", metavar="KEY", help="Check FILE.minisig too, made by this public key (text or file).")
@click.option("--signature", type=click.Path(path_type=Path), metavar="FILE", help="The signature, if it is elsewhere.")
@click.option("--signature-only", is_flag=True, help="Check the signature alone; needs no identity.")
@click.option(
    "--workers", type=int, default=0, metavar="N", help="How many blocks at a time (0: as the machine allows)."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: str,
    identity_files: tuple[str, ...],
    passphrase_file: str | None,
    signed_by: str | None,
    signature: Path | None,
    signature_only: bool,
    workers: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Decode and check every byte of the package FILE, writing nothing."""
    comment = None
    if signed_by is not None:
        comment = _check_signature(Path(file), signed_by, signature)
        say(f"{file}: signed by {signed_by}, {comment!r}", quiet=quiet or as_json)
    elif signature_only or signature is not None:
        raise click.UsageError("name the public key with --signed-by")
    if signature_only:
        if as_json:
            print_json({"schema_version": 1, "signed_by": signed_by, "trusted_comment": comment})
        return
    with open_from_options(file, identity_files, passphrase_file, unportable_names=True) as package:
        size = package.verify(workers=workers)
        files, authentic = len(package.entries), package.encrypted
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "entries": files,
                "raw_size": size,
                "authenticated": authentic,
                "signed_by": signed_by,
                "trusted_comment": comment,
            }
        )
    elif not quiet:
        kind = (
            "whole and authentic" if authentic else "whole (a bare archive: nothing tells whether somebody changed it)"
        )
        say(f"{file}: {kind}, {files} entries, {human_size(size)}")


_MAX_SIGNATURE = 1 << 16


def _check_signature(file: Path, key: str, signature: Path | None) -> str:
    """The trusted comment of the signature, when it is good."""
    place = signature or file.with_name(f"{file.name}.minisig")
    if not Path(key).exists() and not re.fullmatch(r"[A-Za-z0-9+/=]{56}", key):
        raise NotFound(f"--signed-by: {key} is neither a file nor a public key that minisign or `qyn1 keygen` made")
    verifying_key = VerifyingKey.parse(_text(Path(key)) if Path(key).is_file() else key)
    if not place.exists():
        raise AuthenticationError(f"{file} is not signed: there is no {place}")
    try:
        with file.open("rb") as stream:
            return verifying_key.verify(stream, _text(place))
    except FileNotFoundError:
        raise NotFound(f"{file} does not exist") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MAX_SIGNATURE).decode("utf-8", "replace")
