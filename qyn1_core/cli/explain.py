"""``qyn1 explain``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

import click

from qyn1_core.cli.keys import identity_options
from qyn1_core.cli.opening import open_from_options
from qyn1_core.cli.terminal import human_size, print_json, print_table, printable, say
from qyn1_core.measuring.explaining import Explanation, FileCost, Line, Share, explain, lines, pieces
from qyn1_core.measuring.heat_map import heat, heat_map_page
from qyn1_core.output import whole_file
from qyn1_plugins.host import default_host

_TEXT_IN_PAGE: Final = 2_000_000  # bytes of source that a page shows: a browser still scrolls it well
_BACKGROUNDS: Final = (None, 230, 223, 222, 216, 209, 203, 160)  # by heat, of the terminal's 256 colours
_BAR: Final = 8


@click.command("explain")
@click.argument("file")
@click.argument("path", required=False)
@identity_options
@click.option("--top", type=click.IntRange(1), default=20, metavar="N", help="Show so many files.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a heat map of the source.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    file: str,
    path: str | None,
    identity_files: tuple[str, ...],
    passphrase_file: str | None,
    top: int,
    html: Path | None,
    as_json: bool,
) -> None:
    """Show where the bytes of the package FILE go: by file, by kind of token and, for a file PATH, by line.

    PATH may be a folder in the package too. Everything that is looked at is decoded.
    """
    host = default_host()
    with open_from_options(file, identity_files, passphrase_file, unportable_names=True) as package:
        explanation = explain(package, host, [path] if path else [])
        single = explanation.files[0] if [file.path for file in explanation.files] == [path] else None
        own = [file for file in explanation.files if file.raw and file.copy_of is None]
        shown = [] if html is None else _costliest(own)
        wanted = {file.path for file in shown}
        if single is not None:
            wanted.add(single.path)
        parts = pieces(package, host, wanted) if wanted else {}
    if html is not None:
        title = f"qyn1 explain {Path(file).name} {path or ''}".strip()
        sources = [(file, parts[file.path]) for file in shown]
        with whole_file(html, force=True) as out:
            for text in heat_map_page(title, explanation, sources, len(own) - len(shown)):
                out.write(text.encode("utf-8"))
        say(f"wrote {html}")
    found = list(lines(parts[single.path])) if single is not None else []
    if as_json:
        print_json(_as_json(explanation, found))
        return
    if single is not None:
        _print_lines(found)
        click.echo()
    _print(explanation, top)


def _costliest(files: list[FileCost]) -> list[FileCost]:
    """As many of ``files``, the first ones first, as a page has room for."""
    shown = []
    room = _TEXT_IN_PAGE
    for file in files:
        if file.raw <= room:
            shown.append(file)
            room -= file.raw
    return shown


def _record(share: Share) -> dict[str, object]:
    return {"raw_size": share.raw, "bits": round(share.bits, 2)}


def _as_json(explanation: Explanation, found: list[Line]) -> dict[str, object]:
    record: dict[str, object] = {
        "schema_version": 1,
        "package": {
            "blocks": explanation.blocks,
            "directory": explanation.directory,
            "padding": explanation.padding,
            "envelope": explanation.envelope,
        },
        "spread": explanation.spread,
        "files": [
            {
                "path": file.path,
                **_record(file),
                "language": file.language,
                "compressor": file.compressor,
                "copy_of": file.copy_of,
            }
            for file in explanation.files
        ],
        "kinds": {name: _record(share) for name, share in explanation.kinds.items()},
        "languages": {name: _record(share) for name, share in explanation.languages.items()},
    }
    if found:
        record["lines"] = [round(line.bits, 2) for line in found]
    return record


def _print(explanation: Explanation, top: int) -> None:
    total = explanation.total
    for name in explanation.spread:
        click.echo(f"{name} does not say what a byte costs: its blocks are spread evenly over their bytes")
    for heading, shares in (("kind of token", explanation.kinds), ("language", explanation.languages)):
        print_table(["bytes", "cost", "share", "bits/byte", heading], [_row(n, s, total) for n, s in shares.items()])
        click.echo()
    files = explanation.files
    if len(files) > 1:
        rows = [_row(f"{printable(file.path)}{_copied(file)}", file, total) for file in files[:top]]
        print_table(["bytes", "cost", "share", "bits/byte", "file"], rows)
        if len(files) > top:
            click.echo(f"... and {len(files) - top} files that cost less (--top {len(files)} shows all)")
        click.echo()
    click.echo(
        f"{human_size(total.raw)} cost {human_size(round(total.bits / 8))}; the whole package: blocks "
        f"{human_size(explanation.blocks)}, directory {human_size(explanation.directory)}, padding "
        f"{human_size(explanation.padding)}, envelope {human_size(explanation.envelope)}"
    )


def _copied(file: FileCost) -> str:
    return f" (the same as {printable(file.copy_of)})" if file.copy_of else ""


def _row(name: str, share: Share, total: Share) -> list[str]:
    part = 100 * share.bits / total.bits if total.bits else 0.0
    return [str(share.raw), f"{share.bits / 8:.0f}", f"{part:.1f} %", f"{share.bits_per_byte:.2f}", name]


def _print_lines(found: list[Line]) -> None:
    width = max(20, shutil.get_terminal_size().columns - 30) if sys.stdout.isatty() else None
    click.echo(f"{'line':>6} {'bits':>8}  {'bits/byte':<{_BAR + 5}}")
    for line in found:
        mean = line.bits / line.raw
        level = heat(mean)
        text = printable(line.text.decode("utf-8", "replace").expandtabs(4))[:width]
        bar = "█" * level + " " * (_BAR - level)
        shown = click.style(text, bg=_BACKGROUNDS[level], fg=16) if _BACKGROUNDS[level] and text else text
        click.echo(f"{line.number:>6} {line.bits:>8.1f}  {mean:4.2f} {bar} {shown}".rstrip())
