"""An explanation as one HTML page: tables, and the source coloured by what it costs. Nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Final

from qyn1_core.measuring.explaining import Explanation, FileCost, Piece, Share

__all__ = ["HEAT_LEVELS", "heat", "heat_map_page"]

HEAT_LEVELS: Final = 8
_STEPS: Final = (0.1, 0.3, 0.7, 1.3, 2.2, 3.5, 5.5)
"""Bits per byte from which a colour is used. Most of source costs little: the steps widen."""

_COLOURS: Final = ("#ffffff", "#fdf3e1", "#fce4bd", "#fbcf92", "#f9b26a", "#f28f4f", "#e0683f", "#c23b33")
_LIGHT_FROM: Final = 6  # from here on the text on the colour is white
_STYLE: Final = """
body { font: 14px system-ui, sans-serif; margin: 24px; color: #222; background: #fff }
table { border-collapse: collapse; margin: 12px 0 } th { text-align: left; font-weight: 600 }
td, th { padding: 2px 14px 2px 0 } td.n { text-align: right; font-variant-numeric: tabular-nums }
td.bar i { display: inline-block; height: 10px; background: #e0683f }
.tables { display: flex; flex-wrap: wrap; gap: 8px 48px; align-items: flex-start }
.key span { padding: 1px 8px; border: 1px solid #ddd } summary { cursor: pointer; margin: 10px 0 4px }
pre { font: 12px/1.45 ui-monospace, monospace; margin: 0; tab-size: 4 }
pre b { display: inline-block; width: 5em; padding-right: 1em; text-align: right; font-weight: 400; color: #888;
  user-select: none }
""" + "".join(
    f".h{level} {{ background: {colour}{'; color: #fff' if level >= _LIGHT_FROM else ''} }}\n"
    for level, colour in enumerate(_COLOURS)
)


def heat(bits_per_byte: float) -> int:
    """The colour, 0 (free) to ``HEAT_LEVELS - 1``, for a cost."""
    return sum(bits_per_byte >= step for step in _STEPS)


def heat_map_page(
    title: str, explanation: Explanation, sources: Iterable[tuple[FileCost, list[Piece]]], left_out: int
) -> Iterator[str]:
    """The page, in parts to be written one after the other.

    ``sources`` are the files to show with their text; ``left_out`` how many are not.
    """
    yield (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
    )
    total = explanation.total
    yield (
        f"<p>{total.raw:,} bytes cost {total.bits / 8:,.0f} ({total.bits_per_byte:.2f} bits a byte). "
        f"The whole package: blocks {explanation.blocks:,}, directory {explanation.directory:,}, "
        f"padding {explanation.padding:,}, envelope {explanation.envelope:,} bytes.</p>"
    )
    for name in explanation.spread:
        yield f"<p>{escape(name)} does not say what a byte costs: its blocks are spread evenly over their bytes.</p>"
    yield f'<div class="tables">{_table("kind of token", explanation.kinds)}'
    yield f"{_table('language', explanation.languages)}</div>"
    yield _table("file", {file.path: file for file in explanation.files})
    yield f'<p class="key">Bits a byte: {_key()}. The number before a line is its cost in bits.</p>'
    if left_out:
        yield f"<p>The text of {left_out} files that cost less is left out.</p>"
    for number, (file, parts) in enumerate(sources):
        yield (
            f"<details{'' if number else ' open'}><summary>{_name(file.path)}: {file.bits / 8:,.0f} bytes, "
            f"{file.bits_per_byte:.2f} bits a byte</summary><pre>"
        )
        yield from _text(parts)
        yield "</pre></details>\n"
    yield "</body></html>\n"


def _key() -> str:
    bounds = [f"below {_STEPS[0]}", *(f"from {step}" for step in _STEPS)]
    return " ".join(f'<span class="h{level}">{bound}</span>' for level, bound in enumerate(bounds))


def _table(heading: str, shares: Mapping[str, Share]) -> str:
    most = max((share.bits for share in shares.values()), default=0.0) or 1.0
    rows = "".join(
        f'<tr><td>{_name(name)}</td><td class="n">{share.raw:,}</td><td class="n">{share.bits / 8:,.0f}</td>'
        f'<td class="n">{share.bits_per_byte:.2f}</td>'
        f'<td class="bar"><i style="width:{160 * share.bits / most:.0f}px"></i></td></tr>\n'
        for name, share in shares.items()
    )
    return f"<table><tr><th>{heading}</th><th>bytes</th><th>cost</th><th>bits a byte</th><th></th></tr>\n{rows}</table>"


def _text(parts: list[Piece]) -> Iterator[str]:
    """The lines of one file, each token in its colour; tokens of one colour in one span."""
    line: list[tuple[int, str]] = []
    bits = 0.0
    for level, text, cost in _runs(parts):
        line.append((level, text.rstrip("\r\n")))
        bits += cost
        if text.endswith(("\n", "\r")):
            yield _line(line, bits)
            line, bits = [], 0.0
    if line:
        yield _line(line, bits)


def _line(runs: list[tuple[int, str]], bits: float) -> str:
    spans = []
    for level, same in groupby(runs, key=lambda run: run[0]):
        text = escape("".join(text for _, text in same), quote=False)
        spans.append(f'<span class="h{level}">{text}</span>' if level and text else text)
    return f"<b>{bits:.0f}</b>{''.join(spans)}\n"


def _runs(parts: list[Piece]) -> Iterator[tuple[int, str, float]]:
    """Heat, text and bits of each token, cut where lines end."""
    for part in parts:
        begins = part.tokens.start.tolist()
        for begin, end, bits in zip(begins, part.tokens.end.tolist(), part.token_bits.tolist(), strict=True):
            level = heat(bits / (end - begin))
            for text in part.data[begin:end].splitlines(keepends=True):
                yield level, _shown(text), bits * len(text) / (end - begin)


def _shown(text: bytes) -> str:
    """``text`` for a page: what is no UTF-8 becomes U+FFFD."""
    return _visible(text.decode("utf-8", "replace"))


def _name(text: str) -> str:
    return escape(_visible(text))


def _visible(text: str) -> str:
    """``text`` with U+FFFD for every character that there is nothing to see of."""
    return "".join(c if c.isprintable() or c in "\t\r\n" else "\ufffd" for c in text)
