"""Size against speed as an SVG picture: one panel for each direction, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final, NamedTuple

from benchmarks.tables import Summary, summaries

__all__ = ["front", "pareto_picture"]

WIDTH: Final = 1180
HEIGHT: Final = 560
PANEL: Final = 570
LEFT: Final = 58
TOP: Final = 46
RIGHT: Final = 14
BOTTOM: Final = 52
INK: Final = "#1f2430"
PALE: Final = "#d9dde5"
COLOURS: Final = {"peer": "#7a8394", "compressor": "#e08a00", "mode": "#0a66c2"}
LABEL_HEIGHT: Final = 12.0
BASELINE: Final = 7.0  # from a label's middle to its bottom
LETTER_WIDTH: Final = 6.2


class Box(NamedTuple):
    """A rectangle that a dot or a label takes."""

    left: float
    top: float
    right: float
    bottom: float

    def covers(self, other: Box) -> bool:
        """Whether the two share any area."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other beats in both speed (first, higher) and size (second, lower), fastest first."""
    kept: list[tuple[float, float]] = []
    for speed, size in sorted(points, key=lambda point: (-point[0], point[1])):
        if not kept or size < kept[-1][1]:
            kept.append((speed, size))
    return kept


def pareto_picture(answer: Mapping[str, Any]) -> str:
    """The picture: bytes as a share of the source against MB/s on one core (logarithmic)."""
    rows = [row for row in summaries(answer) if row.threads == 1]
    if not rows:
        raise ValueError("no contender ran on every project: nothing to draw")
    shares = [100 * row.size / row.raw for row in rows]
    low, high = math.floor(min(shares) - 0.5), math.ceil(max(shares) + 0.5)
    body = _panel(rows, "encode", 0, (low, high)) + _panel(rows, "decode", WIDTH - PANEL, (low, high))
    title = f"{len(answer['projects'])} projects, {rows[0].raw / 1e6:.1f} MB of source"
    title += f"; one core of {answer['machine']['processor']}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        f'<text x="{WIDTH / 2}" y="18" text-anchor="middle" font-size="13">{escape(title)}</text>\n{body}</svg>\n'
    )


def _panel(rows: Sequence[Summary], way: str, left: int, shares: tuple[int, int]) -> str:
    speeds = [getattr(row, way) for row in rows]
    first, last = math.floor(math.log10(min(speeds)) - 0.1), math.ceil(math.log10(max(speeds)) + 0.1)
    plot_width, plot_height = PANEL - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(speed: float) -> float:
        return left + LEFT + plot_width * (math.log10(speed) - first) / (last - first)

    def down(share: float) -> float:
        return TOP + plot_height * (shares[1] - share) / (shares[1] - shares[0])

    parts = []
    for exponent in range(first, last + 1):
        x = across(10.0**exponent)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{PALE}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10.0**exponent:g}</text>')
    step = max(1, round((shares[1] - shares[0]) / 10))
    for percent in range(shares[0], shares[1] + 1, step):
        y = down(percent)
        parts.append(f'<path d="M{left + LEFT} {y:.1f}H{left + PANEL - RIGHT}" stroke="{PALE}"/>')
        parts.append(f'<text x="{left + LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    middle = left + LEFT + plot_width / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{way} speed, MB/s of CPU time</text>')
    points = [(speed, 100 * row.size / row.raw) for speed, row in zip(speeds, rows, strict=True)]
    line = " ".join(f"{across(speed):.1f},{down(share):.1f}" for speed, share in front(points))
    parts.append(f'<polyline points="{line}" fill="none" stroke="{INK}" stroke-dasharray="3 3" opacity="0.5"/>')
    dots = [(across(speed), down(share)) for speed, share in points]
    taken = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in dots]
    for (x, y), row in sorted(zip(dots, rows, strict=True), key=lambda item: (item[1].kind != "mode", item[0][1])):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[row.kind]}"/>')
        width = (LETTER_WIDTH + (row.kind == "mode")) * len(row.contender)  # modes stand in bold
        label = _place(x, y, width, taken, left + PANEL)
        taken.append(label)
        if abs(label.bottom - BASELINE - y) > LABEL_HEIGHT:  # too far off to be read as this dot's
            end = label.left if label.left > x else min(label.right, max(label.left, x))
            parts.append(f'<path d="M{x:.1f} {y:.1f}L{end:.1f} {label.bottom - BASELINE:.1f}" stroke="{PALE}"/>')
        anchor, place = ("start", label.left) if label.left > x else ("end", label.right)
        weight = ' font-weight="600"' if row.kind == "mode" else ""
        parts.append(
            f'<text x="{place:.1f}" y="{label.bottom - 3:.1f}" text-anchor="{anchor}" '
            f'fill="{COLOURS[row.kind]}"{weight}>{escape(row.contender)}</text>'
        )
    return "\n".join(parts) + "\n"


def _place(x: float, y: float, width: float, taken: Sequence[Box], right: float) -> Box:
    """Where a label of ``width`` for the dot at ``x``, ``y`` covers nothing: beside it, else the nearest free line."""
    for off in range(0, HEIGHT, 3):
        for down in (off, -off):
            for start in (x + 8, x - 8 - width):
                box = Box(start, y + down + BASELINE - LABEL_HEIGHT, start + width, y + down + BASELINE)
                inside = box.right < right and box.left > right - PANEL + LEFT and box.top > TOP
                if inside and box.bottom < HEIGHT - BOTTOM and not any(box.covers(other) for other in taken):
                    return box
    return Box(x + 8, y + BASELINE - LABEL_HEIGHT, x + 8 + width, y + BASELINE)
