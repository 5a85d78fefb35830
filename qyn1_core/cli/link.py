"""``qyn1 link``."""

from __future__ import annotations

import click

from qyn1_core.cli.building import base_of, build_priors, naming, shared_host, target_option
from qyn1_core.cli.options import sealing_options, setting_options
from qyn1_core.cli.terminal import print_json
from qyn1_core.configuration.priors import Priors
from qyn1_core.errors import ConfigError
from qyn1_core.keys import sealing_from
from qyn1_core.linking import ObjectFile, link_objects
from qyn1_core.worker import Place


@click.command("link")
@click.argument("objects", nargs=-1, metavar="[OBJECT[\\tNAME]]...")
@click.option("-o", "--output", required=True, metavar="FILE", help="The package to write.")
@setting_options(short={"recipients": "-r", "recipients_files": "-R"})
@click.option("--manifest", metavar="FILE", help="Read the configuration from FILE.")
@sealing_options
@target_option
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")
@click.pass_obj
def command(
    place: Place | None,
    /,
    objects: tuple[str, ...],
    output: str,
    manifest: str | None,
    encrypt: bool,
    armor: bool,
    sealing_secret_file: str | None,
    convergent: bool,
    target: str | None,
    force: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Seal OBJECTs (of `qyn1 object`) into one package, compressing nothing again.

    A build step looks for no key: name the recipients. NAME, after a tab, is what
    messages call the object.
    """
    place = base_of(place)
    host = shared_host()
    with naming(target):
        priors = build_priors(place, host, options, manifest)
        if encrypt:
            _require_recipients(priors)
        sealing = sealing_from(
            host,
            priors,
            passphrase_file=None,
            encrypt=encrypt,
            sealing_secret_file=None if sealing_secret_file is None else str(place.base / sealing_secret_file),
            convergent=convergent,
            armor=armor,
            tell=lambda _: None,  # it speaks of new identities only, and none is made here
        )
        report = link_objects(
            [_object(place, text) for text in objects],
            place.base / output,
            sealing,
            priors=priors,
            host=host,
            force=force,
            progress=place.check,
        )
    if as_json:
        print_json(report.as_json())


def _require_recipients(priors: Priors) -> None:
    if not priors.recipients and not priors.recipients_files:
        raise ConfigError(
            "no recipient: name public keys in `recipients` or files that hold them in `recipients_files`"
        )


def _object(place: Place, text: str) -> ObjectFile:
    file, _, name = text.partition("\t")
    return ObjectFile(place.base / file, name or file)
