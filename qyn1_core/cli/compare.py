"""``qyn1 compare``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from qyn1_core.archive import Entry, EntryKind
from qyn1_core.cli.building import base_of, source_options, sources_from
from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options
from qyn1_core.cli.terminal import say
from qyn1_core.linking import SourceFile
from qyn1_core.package import Package
from qyn1_core.worker import Place


@click.command("compare")
@click.argument("package")
@source_options
@identity_options
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but differences and errors.")
@click.pass_obj
def command(
    place: Place | None,
    /,
    package: str,
    files: tuple[str, ...],
    list_file: str | None,
    identity_files: tuple[str, ...],
    passphrase_file: str | None,
    quiet: bool,
) -> int:
    """Compare every file of PACKAGE with those that --file and --list name: bytes, modes, and that none is missing.

    Prints the paths that differ; the exit code is 1 when there are any.
    """
    place = base_of(place)
    sources = {source.path: source for source in sources_from(place, files, list_file)}
    with open_from_options(package, identity_files, passphrase_file, unportable_names=True) as opened:
        found = list(_differences(opened, sources, place.base))
    for path, what in found:
        click.echo(f"{what:8} {path}")
    say(f"{package}: {len(sources)} files, {len(found)} differences", quiet=quiet)
    return 1 if found else 0


def _differences(package: Package, sources: dict[str, SourceFile], base: Path) -> Iterator[tuple[str, str]]:
    entries = {entry.path: entry for entry in package.entries}
    for path in sorted(entries.keys() | sources.keys()):
        if path not in sources:
            yield path, "added"
        elif path not in entries:
            yield path, "missing"
        elif not _is_file(entries[path]) or package.read(path) != (base / sources[path].file).read_bytes():
            yield path, "changed"
        elif bool(entries[path].mode & 0o100) != sources[path].executable:
            yield path, "mode"


def _is_file(entry: Entry) -> bool:
    return entry.kind in (EntryKind.FILE, EntryKind.COPY)
