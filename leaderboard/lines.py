"""Values by frame of several rows in one picture: the curve under a pair's videos, with a cursor that follows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

WIDTH, HEIGHT = 720, 150
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 8, 22
#: rows with a colour and dash pattern of their own in the style sheet
STYLES = 10


@dataclass(frozen=True)
class Line:
    """Values of one row, from frame ``first`` on; NaN where a frame has none. ``style``: 0 to :data:`STYLES` - 1."""

    label: str
    style: int
    values: Sequence[float]
    first: int = 0


@dataclass(frozen=True)
class Chart:
    """One metric of one pair: title, picture, and the lines' (label, style, mean)."""

    title: str
    picture: Markup
    legend: tuple[tuple[str, int, float], ...]


def chart(title: str, lines: Sequence[Line], total: int) -> Chart | None:
    """The picture of one metric over the ``total`` frames of a pair; None where there is nothing to draw."""
    good = [line for line in lines if any(map(math.isfinite, line.values))]
    if not good or total < 2:
        return None
    known = [v for line in good for v in line.values if math.isfinite(v)]
    low, high = min(0.0, *known), max(known)
    high = high if high > low else low + 1.0

    def at(frame: int, value: float) -> str:
        x = LEFT + frame / (total - 1) * (WIDTH - LEFT - RIGHT)
        return f"{x:.1f},{HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM):.1f}"

    legend = tuple((line.label, line.style % STYLES, _mean(line.values)) for line in good)
    said = f"{title} by frame; mean: " + ", ".join(f"{name} {mean:.4g}" for name, _, mean in legend)
    parts = [
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(said)}" '
        f'data-left="{LEFT}" data-right="{WIDTH - RIGHT}" data-total="{total}">'
    ]
    for value in (low, (low + high) / 2, high):
        y = at(0, value).partition(",")[2]
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{float(y) + 3.5:.1f}" text-anchor="end">{value:.3g}</text>')
    for frame in sorted({0, (total - 1) // 2, total - 1}):
        x = at(frame, low).partition(",")[0]
        parts.append(f'<text class="tick" x="{x}" y="{HEIGHT - 6}" text-anchor="middle">{frame + 1}</text>')
    for line in good:
        parts += [f'<polyline class="line l{line.style % STYLES}" points="{p}"/>' for p in _pieces(line, at)]
    parts.append(f'<line class="cursor" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></svg>')
    return Chart(title, Markup("".join(parts)), legend)


def _pieces(line: Line, at: object) -> list[str]:
    """Points of each stretch of frames that have a value; a lone frame is drawn as a short stroke."""
    found = []
    for is_there, run in groupby(range(len(line.values)), key=lambda i: math.isfinite(line.values[i])):
        if is_there:
            points = [at(line.first + i, line.values[i]) for i in run]  # type: ignore[operator]
            found.append(" ".join(points if len(points) > 1 else points * 2))
    return found


def _mean(values: Sequence[float]) -> float:
    good = [v for v in values if math.isfinite(v)]
    return math.fsum(good) / len(good)
