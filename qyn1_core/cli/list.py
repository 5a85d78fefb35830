"""``qyn1 list``."""

from __future__ import annotations

import stat

import click

from qyn1_core.archive import Entry, EntryKind
from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options
from qyn1_core.cli.terminal import print_json, printable

_KIND = {EntryKind.FILE: "file", EntryKind.COPY: "file", EntryKind.SYMLINK: "symlink", EntryKind.DIRECTORY: "directory"}
_TYPE_BITS = {EntryKind.SYMLINK: stat.S_IFLNK, EntryKind.DIRECTORY: stat.S_IFDIR}


@click.command("list")
@click.argument("file")
@identity_options
@click.option("-l", "--long", "long_form", is_flag=True, help="Show modes and sizes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: str, identity_files: tuple[str, ...], passphrase_file: str | None, long_form: bool, as_json: bool
) -> None:
    """Show what stands in the package FILE; no file is decoded."""
    with open_from_options(file, identity_files, passphrase_file, unportable_names=True) as package:
        entries = package.entries
    if as_json:
        print_json({"schema_version": 1, "entries": [_as_json(entry) for entry in entries]})
        return
    for entry in entries:
        click.echo(_line(entry) if long_form else printable(entry.path))


def _as_json(entry: Entry) -> dict[str, object]:
    record: dict[str, object] = {"path": entry.path, "kind": _KIND[entry.kind], "mode": f"{entry.mode:04o}"}
    if _KIND[entry.kind] == "file":
        record["size"] = entry.size
    if entry.kind is EntryKind.SYMLINK:
        record["target"] = entry.target
    return record


def _line(entry: Entry) -> str:
    mode = stat.filemode(_TYPE_BITS.get(entry.kind, stat.S_IFREG) | entry.mode)
    arrow = f" -> {printable(entry.target)}" if entry.kind is EntryKind.SYMLINK else ""
    return f"{mode} {entry.size:>10} {printable(entry.path)}{arrow}"
