"""A profile as one HTML page: flame graph, stages and memory over time, without anything from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Final

from qyn1_core.measuring.profiling import Frame, Profile, stage_of

__all__ = ["flame_graph_page"]

_WIDTH: Final = 1200.0
_ROW: Final = 18
_NARROWEST: Final = 0.5  # pixels; what is narrower is left out
_CHARACTER: Final = 6.5  # pixels
_COLOURS: Final = {
    "model": "#d9a441",
    "entropy coder": "#c4632b",
    "lex": "#6b9e5b",
    "cipher": "#7d6bb0",
    "archive": "#4f8fb3",
    "I/O": "#8a8a8a",
    "discover": "#b38f8f",
    "plan": "#a3b34f",
    "cache": "#5fb3a1",
    "other": "#bdb7ab",
}
_STYLE: Final = """
body { font: 13px system-ui, sans-serif; margin: 24px; color: #222; background: #fff; max-width: 1200px }
svg text { font: 11px ui-monospace, monospace; fill: #111; pointer-events: none }
svg rect.frame { stroke: #fff; stroke-width: .5 } svg rect.frame:hover { stroke: #000 }
.key span { display: inline-block; margin-right: 14px }
.key i { display: inline-block; width: 11px; height: 11px; margin-right: 5px }
"""


class _Node:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.below: dict[Frame, _Node] = {}


def _tree(profile: Profile) -> _Node:
    root = _Node()
    for stack, seconds in profile.stacks.items():
        node = root
        node.seconds += seconds
        for frame in stack:
            node = node.below.setdefault(frame, _Node())
            node.seconds += seconds
    return root


def _depth(node: _Node) -> int:
    return 1 + max(map(_depth, node.below.values()), default=0)


def _draw(node: _Node, stack: tuple[Frame, ...], left: float, scale: float, total: float, out: list[str]) -> None:
    for frame, child in sorted(node.below.items()):
        width = child.seconds * scale
        if width >= _NARROWEST:
            path = (*stack, frame)
            label = escape(f"{frame[0]}.{frame[1]}")
            line = f", line {frame[2]}" if frame[2] else ""
            top = len(stack) * _ROW
            share = 100 * child.seconds / total
            out.append(
                f'<rect class="frame" x="{left:.2f}" y="{top}" width="{width:.2f}" height="{_ROW}" '
                f'fill="{_COLOURS[stage_of(path)]}"><title>{label}{line}: {child.seconds:.3f} s '
                f"({share:.1f} %)</title></rect>"
            )
            shown = int((width - 6) / _CHARACTER)
            if shown >= 3:
                text = escape(f"{frame[0].rpartition('.')[2]}.{frame[1]}"[:shown])
                out.append(f'<text x="{left + 3:.2f}" y="{top + 13}">{text}</text>')
            _draw(child, path, left, scale, total, out)
        left += width


def _memory(profile: Profile) -> str:
    if len(profile.rss) < 2:
        return ""
    last, most = profile.rss[-1][0], max(size for _, size in profile.rss)
    points = " ".join(f"{at / last * _WIDTH:.1f},{120 - size / most * 110:.1f}" for at, size in profile.rss)
    return (
        f"<h2>Resident memory: {most / 1e6:.0f} MB at most, over {last:.2f} s</h2>"
        f'<svg width="{_WIDTH:.0f}" height="122" role="img" aria-label="resident memory over time">'
        f'<polyline points="{points}" fill="none" stroke="#4f8fb3" stroke-width="1.5"/></svg>'
    )


def flame_graph_page(profile: Profile, title: str) -> str:
    """The page. Wider is longer; what a function calls stands below it; hover for seconds."""
    root = _tree(profile)
    total = root.seconds or 1.0
    drawing: list[str] = []
    _draw(root, (), 0.0, _WIDTH / total, total, drawing)
    height = _depth(root) * _ROW
    key = "".join(
        f'<span><i style="background:{_COLOURS[stage]}"></i>{stage} {seconds:.2f} s</span>'
        for stage, seconds in profile.stages().items()
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p>{root.seconds:.2f} s in all threads together.</p><p class="key">{key}</p>'
        f'<svg width="{_WIDTH:.0f}" height="{height}" role="img" aria-label="flame graph">{"".join(drawing)}</svg>'
        f"{_memory(profile)}</body></html>\n"
    )
