"""``qyn1 pack``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import cast, BinaryIO

import click

from qyn1_core.cli.keys import sealing_from
from qyn1_core.cli.terminal import binary_stdout, human_size, print_json, progress_bar, say
from qyn1_core.packing import pack
from qyn1_core.plan import MODES
from qyn1_core.priors import resolve
from qyn1_core.report import PackReport
from qyn1_plugins import _native
from qyn1_plugins.host import default_host

_PRIORS = (
    "preset", "mode", "level", "fidelity", "block_size", "workers", "executor", "cipher", "permissions", "name", "deterministic",
)


@click.command("pack")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FILE", help="The package to write ('-': standard output). Default: PROJECT's name with .qyn1.")
@click.option("-r", "--recipient", "recipients", multiple=True, metavar="KEY", help="Seal to this public key (age1…, age1pq1… or SCHEME:REFERENCE). May be repeated.")
@click.option("-R", "--recipients-file", "recipients_files", multiple=True, metavar="FILE", help="Seal to every public key in FILE. May be repeated.")
@click.option("--passphrase-file", metavar="FILE", help="Seal with the passphrase in FILE's first line ('-': standard input).")
@click.option("--no-encrypt", "encrypt", flag_value=False, default=True, help="Write a bare archive: anyone can read and change it.")
@click.option("-a", "--armor", is_flag=True, help="Write text (PEM) instead of bytes.")
@click.option("--mode", type=click.Choice(sorted(MODES)), help="fast, balanced (default), maximum or security.")
@click.option("--level", type=int, metavar="N", help="The compressor's level.")
@click.option("--fidelity", type=click.Choice(["exact", "canonical"]), help="exact (default) keeps every byte; canonical drops comments and formatting of Python.")
@click.option("--preset", metavar="NAME", help="Start from the preset NAME.")
@click.option("--block-size", metavar="SIZE", help="Plain bytes in a block, such as '256 KiB'.")
@click.option("--workers", type=int, metavar="N", help="How many blocks at a time (0: as the machine allows).")
@click.option("--executor", metavar="NAME", help="threads (default), processes, or a plugin's.")
@click.option("--cipher", metavar="NAME", help="Which implementation of ChaCha20-Poly1305 to use.")
@click.option("--permissions", type=click.Choice(["exact", "normalized"]), help="Keep file modes as they are, or only the executable bit.")
@click.option("--name", metavar="TEXT", help="Publish TEXT as the project's name, readable without a key.")
@click.option("--deterministic", is_flag=True, default=None, help="Equal input gives equal bytes; needs --sealing-secret-file.")
@click.option("--sealing-secret-file", metavar="FILE", help="The secret from which deterministic packages derive their keys.")
@click.option("--convergent", is_flag=True, help="Deterministic without a secret: a guess of the whole input can be confirmed.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Pack these although they are ignored. May be repeated.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Do not pack these. May be repeated.")
@click.option("--manifest", type=click.Path(path_type=Path), metavar="FILE", help="Read the configuration from FILE instead of looking for it in PROJECT.")
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")
@click.option("--progress", type=click.Choice(["auto", "none", "json"]), default="auto", help="Progress on standard error.")
def command(
    project: Path,
    output: str | None,
    passphrase_file: str | None,
    encrypt: bool,
    armor: bool,
    sealing_secret_file: str | None,
    convergent: bool,
    manifest: Path | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    progress: str,
    **options: object,
) -> None:
    """Seal PROJECT (default: this folder) into one package.

    With no key option the package is sealed to your own identity, which is made on
    first use. The manifest of PROJECT may hold all of these options.
    """
    host = default_host()
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    priors = resolve(project, command_line=given, host=host, manifest_file=manifest)
    if _native.native is None and "mode" not in given and not quiet:
        say("qyn1: without the native extension this is mode fast; a Rust toolchain and a reinstall bring smaller packages")
    target: Path | BinaryIO
    if output == "-":
        if as_json:
            raise click.UsageError("--json and -o - both want standard output")
        target = cast(BinaryIO, binary_stdout())
    else:
        target = Path(output) if output else Path(f"{project.resolve().name}.qyn1")
    sealing = sealing_from(
        host,
        priors,
        passphrase_file=passphrase_file,
        encrypt=encrypt,
        sealing_secret_file=sealing_secret_file,
        convergent=convergent,
        armor=armor,
        quiet=quiet,
    )
    style = "none" if quiet and progress == "auto" else progress
    with contextlib.ExitStack() as stack:
        observer = stack.enter_context(progress_bar(style, f"packing {project.resolve().name}"))
        report = pack(project, target, sealing, priors=priors, force=force, host=host, progress=observer)
    if as_json:
        print_json(report.as_json())
    elif not quiet:
        _print_report(report)


def _print_report(report: PackReport) -> None:
    percent = 100 * report.ratio
    say(
        f"{report.output}: {report.files} files, {human_size(report.raw_size)} in {human_size(report.packed_size)} "
        f"({percent:.1f} %), {report.seconds['total']:.1f} s, mode {report.mode}, "
        + ("not encrypted" if report.encryption == "none" else f"sealed ({report.encryption})")
    )
    for note in report.notes:
        say(f"note: {note}")
