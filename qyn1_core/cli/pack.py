"""``qyn1 pack``."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from qyn1_core.cli.options import sealing_options, setting_options
from qyn1_core.cli.terminal import binary_stdout, human_size, print_json, progress_bar, say
from qyn1_core.configuration.priors import resolve
from qyn1_core.keys import sealing_from
from qyn1_core.limits import lower_priority
from qyn1_core.packing import pack
from qyn1_core.report import PackReport
from qyn1_plugins import _native
from qyn1_plugins.host import default_host


@click.command("pack")
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="The package to write ('-': standard output). Default: PROJECT's name with .qyn1.",
)
@click.option(
    "--passphrase-file", metavar="FILE", help="Seal with the passphrase in FILE's first line ('-': standard input)."
)
@sealing_options
@setting_options(short={"recipients": "-r", "recipients_files": "-R"})
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read the configuration from FILE instead of looking for it in PROJECT.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")
@click.option(
    "--progress", type=click.Choice(["auto", "none", "json"]), default="auto", help="Progress on standard error."
)
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
    priors = resolve(project, command_line=options, host=host, manifest_file=manifest)
    if _native.native is None and priors.mode != "fast" and not priors.is_given("mode"):
        priors = replace(priors, mode="fast")
        say(
            "qyn1: no native extension, so mode fast: install a Rust toolchain and reinstall for smaller packages",
            quiet=quiet,
        )
    target: Path | BinaryIO
    if output == "-":
        if as_json:
            raise click.UsageError("--json and -o - both want standard output")
        target = binary_stdout()
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
        tell=lambda line: say(f"qyn1: {line}", quiet=quiet),
    )
    if priors.background:
        lower_priority()
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
