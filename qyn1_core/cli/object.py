"""``qyn1 object``."""

from __future__ import annotations

import click

from qyn1_core.cli.building import (
    base_of,
    build_priors,
    naming,
    shared_host,
    source_options,
    sources_from,
    target_option,
)
from qyn1_core.cli.options import setting_options
from qyn1_core.cli.terminal import print_json
from qyn1_core.linking import compile_object
from qyn1_core.worker import Place


@click.command("object")
@click.option("-o", "--output", required=True, metavar="FILE", help="The object to write (.qyn1o).")
@source_options
@click.option("--language", metavar="NAME", help="Take every file for this language, whatever its name suggests.")
@setting_options()
@click.option("--manifest", metavar="FILE", help="Read the configuration from FILE.")
@target_option
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")
@click.pass_obj
def command(
    place: Place | None,
    /,
    output: str,
    files: tuple[str, ...],
    list_file: str | None,
    language: str | None,
    manifest: str | None,
    target: str | None,
    force: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Compress exactly the files that --file and --list name into an object.

    An object is not encrypted: it is for the build that seals it with `qyn1 link`.
    Equal files and options give equal bytes; environment and file modes do not count.
    """
    place = base_of(place)
    host = shared_host()
    with naming(target):
        with naming("language"):
            if language is not None:
                host.frontend(language)
        report = compile_object(
            sources_from(place, files, list_file),
            place.base / output,
            priors=build_priors(place, host, options, manifest),
            host=host,
            base=place.base,
            language=language,
            force=force,
            progress=place.check,
        )
    if as_json:
        print_json(report.as_json())
