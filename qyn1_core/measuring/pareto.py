"""Size against time: the front of what no other beats in both, as a picture (SVG) and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final, Protocol, TypeVar

__all__ = ["Point", "pareto_front", "pareto_picture", "pareto_plot"]

_WIDTH, _HEIGHT, _MARGIN = 640, 400, 56
_COLUMNS: Final = 60
_ROWS: Final = 12


class Point(Protocol):
    """Something that takes ``seconds`` and comes out with ``packed_size`` bytes."""

    @property
    def packed_size(self) -> int:
        """Bytes."""

    @property
    def seconds(self) -> float:
        """Seconds on the clock."""

    @property
    def name(self) -> str:
        """For people."""


_Point = TypeVar("_Point", bound=Point)


def pareto_front(points: Sequence[_Point]) -> list[_Point]:
    """The points that no other beats in both size and time, smallest first."""
    front: list[_Point] = []
    for point in sorted(points, key=lambda p: (p.packed_size, p.seconds)):
        if not front or point.seconds < front[-1].seconds:
            front.append(point)
    return front


def pareto_picture(points: Sequence[_Point], best: _Point, title: str) -> str:
    """Size over time as an SVG: every point a circle, the front a line, ``best`` filled."""
    most_seconds = max(point.seconds for point in points) or 1.0
    most_size = max(point.packed_size for point in points) or 1

    def place(point: _Point) -> tuple[float, float]:
        x = _MARGIN + (_WIDTH - 2 * _MARGIN) * point.seconds / most_seconds
        return x, _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * point.packed_size / most_size

    circles = []
    for point in points:
        x, y = place(point)
        fill = "#c4632b" if point == best else "#fff"
        circles.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="#c4632b"><title>{escape(point.name)}: '
            f"{point.packed_size} bytes, {point.seconds:.2f} s</title></circle>"
        )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, pareto_front(points)))
    bottom, right = _HEIGHT - _MARGIN, _WIDTH - _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<text x="{_MARGIN}" y="24" font-size="14">{escape(title)}</text>'
        f'<path d="M{_MARGIN} {_MARGIN}V{bottom}H{right}" fill="none" stroke="#444"/>'
        f'<text x="{right}" y="{bottom + 20}" text-anchor="end">{most_seconds:.2f} s</text>'
        f'<text x="{_MARGIN + 4}" y="{_MARGIN - 6}">{most_size} bytes</text>'
        f'<polyline points="{line}" fill="none" stroke="#c4632b" stroke-width="1.5"/>{"".join(circles)}</svg>\n'
    )


def pareto_plot(points: Sequence[_Point], best: _Point) -> list[str]:
    """Lines of text: ``@`` is ``best``, ``o`` on the front, ``.`` another point.

    From the smallest size (below) to the largest, and from the shortest time (left) to the
    longest, which is drawn by its logarithm.
    """
    front = pareto_front(points)
    sizes = [point.packed_size for point in points]
    times = [math.log(max(point.seconds, 1e-6)) for point in points]
    grid = [[" "] * _COLUMNS for _ in range(_ROWS)]
    rank = " .o@"
    for point, size, time in zip(points, sizes, times, strict=True):
        mark = "@" if point == best else "o" if point in front else "."
        row = _ROWS - 1 - _scaled(size, min(sizes), max(sizes), _ROWS)
        column = _scaled(time, min(times), max(times), _COLUMNS)
        if rank.index(mark) > rank.index(grid[row][column]):
            grid[row][column] = mark
    labels = {0: f"{max(sizes)} B", _ROWS - 1: f"{min(sizes)} B"}
    width = max(map(len, labels.values()))
    lines = [f"{labels.get(number, ''):>{width}} |{''.join(row)}".rstrip() for number, row in enumerate(grid)]
    quickest, slowest = (f"{bound(point.seconds for point in points):.2f} s" for bound in (min, max))
    lines.append(" " * width + " +" + "-" * _COLUMNS)
    lines.append(" " * (width + 2) + quickest + slowest.rjust(_COLUMNS - len(quickest)))
    return lines


def _scaled(value: float, least: float, most: float, cells: int) -> int:
    return round((cells - 1) * (value - least) / (most - least)) if most > least else 0
