"""Scatter plots with a Pareto front, as inline SVG with text for those who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 42
#: With more rows than this only those on the front carry their name.
MAX_LABELS = 14
_LINE = 12.0


@dataclass(frozen=True)
class Axis:
    """One axis: its title, which direction is better (``lower``, ``higher``), and whether it is logarithmic."""

    title: str
    direction: str
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands before scaling."""
        return math.log10(value) if self.log else value


@dataclass(frozen=True)
class Point:
    """One row; ``hollow``: a bar, which is never on the front."""

    label: str
    x: float
    y: float
    hollow: bool = False


def front(points: Sequence[Point], x: Axis, y: Axis) -> list[Point]:
    """The points that no other one beats in one axis without being worse in the other, by x; bars take no part."""
    sx, sy = (1 if axis.direction == "higher" else -1 for axis in (x, y))

    def beaten(p: Point) -> bool:
        return any(
            sx * q.x >= sx * p.x and sy * q.y >= sy * p.y and (sx * q.x > sx * p.x or sy * q.y > sy * p.y)
            for q in points if not q.hollow
        )  # fmt: skip

    return sorted((p for p in points if not p.hollow and not beaten(p)), key=lambda p: (p.x, p.y, p.label))


def scatter(points: Sequence[Point], x: Axis, y: Axis) -> Markup:
    """The picture; "" with fewer than two points that stand on both axes."""
    good = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y)]
    good = [p for p in good if (p.x > 0 or not x.log) and (p.y > 0 or not y.log)]
    if len(good) < 2:
        return Markup("")
    spans = [_span([axis.place(v) for v in values]) for axis, values in
             ((x, [p.x for p in good]), (y, [p.y for p in good]))]  # fmt: skip

    def px(value: float) -> float:
        return LEFT + (x.place(value) - spans[0][0]) / (spans[0][1] - spans[0][0]) * (WIDTH - LEFT - RIGHT)

    def py(value: float) -> float:
        share = (y.place(value) - spans[1][0]) / (spans[1][1] - spans[1][0])
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    best = front(good, x, y)
    said = f"{y.title} against {x.title}; on the front: {', '.join(p.label for p in best)}"
    parts = [f'<svg class="scatter" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(said)}">']
    parts += [_grid(py(v), _text(v), horizontal=True) for v in _marks(y, spans[1])]
    parts += [_grid(px(v), _text(v), horizontal=False) for v in _marks(x, spans[0])]
    parts.append(f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
                 f"{escape(_axis_text(x, '→', '←'))}</text>")  # fmt: skip
    parts.append(f'<text class="axis" x="12" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate('
                 f'-90 12 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(_axis_text(y, "→", "←"))}</text>')  # fmt: skip
    if len(best) > 1:
        line = " ".join(f"{px(p.x):.1f},{py(p.y):.1f}" for p in best)
        parts.append(f'<polyline class="front" points="{line}"/>')
    parts += [_dot(px(p.x), py(p.y), p) for p in good]
    named = good if len(good) <= MAX_LABELS else best
    parts += _labels([(px(p.x), py(p.y), p.label) for p in named])
    return Markup("".join([*parts, "</svg>"]))


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = (high - low) * 0.09 or abs(high) * 0.1 or 1.0
    return low - pad, high + pad


def _marks(axis: Axis, span: tuple[float, float]) -> list[float]:
    """Round numbers on an axis."""
    low, high = span
    if axis.log:
        whole = [10.0**e * m for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
        found = [v for v in whole if low <= math.log10(v) <= high]
        return found if len(found) <= 6 else [v for v in found if f"{v:e}"[0] == "1"]
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= (high - low) / 5)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _text(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _axis_text(axis: Axis, higher: str, lower: str) -> str:
    return f"{axis.title} {higher if axis.direction == 'higher' else lower} better"


def _grid(at: float, text: str, horizontal: bool) -> str:
    bottom = HEIGHT - BOTTOM
    if horizontal:
        ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"'
        place = f'x="{LEFT - 6}" y="{at + 3.5:.1f}" text-anchor="end"'
    else:
        ends = f'x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{bottom}"'
        place = f'x="{at:.1f}" y="{bottom + 14}" text-anchor="middle"'
    return f'<line class="rule" {ends}/><text class="tick" {place}>{escape(text)}</text>'


def _dot(x: float, y: float, point: Point) -> str:
    kind = "bar" if point.hollow else "dot"
    said = f"{point.label}: {_text(point.x)}, {_text(point.y)}"
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"><title>{escape(said)}</title></circle>'


def _labels(places: Sequence[tuple[float, float, str]]) -> list[str]:
    """Names beside their points, on the side with more room, moved apart where they would overlap."""
    found, taken = [], list[tuple[float, float, float]]()
    for x, y, text in sorted(places, key=lambda p: (p[1], p[0])):
        shown = text if len(text) <= 28 else text[:27] + "…"
        left = x + 8 + 6.2 * len(shown) > WIDTH
        start = x - 8 - 6.2 * len(shown) if left else x + 8
        end = start + 6.2 * len(shown)
        at = y + 4
        while any(abs(at - b) < _LINE and start < e and s < end for s, e, b in taken):
            at += _LINE / 2
        taken.append((start, end, at))
        anchor = ' text-anchor="end"' if left else ""
        found.append(
            f'<text class="name" x="{x - 8 if left else x + 8:.1f}" y="{at:.1f}"{anchor}>{escape(shown)}</text>'
        )
    return found
