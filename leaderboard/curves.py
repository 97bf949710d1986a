"""Training curves as inline SVG, from train.jsonl."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

WIDTH, HEIGHT = 320, 150
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 8, 22
POINTS = 160
MAX_CURVES = 12
#: fields of a line that say where it stands, not how training goes
_NOT_CURVES = frozenset({"step", "stage", "global_step", "time", "seconds", "epoch", "total", "wall", "timestamp"})


@dataclass(frozen=True)
class Curve:
    """One scalar over training steps."""

    name: str
    steps: list[float]
    values: list[float]


def read_curves(path: Path) -> list[Curve]:
    """Scalars of a train.jsonl by name; lines that are no JSON object are left out (a killed run may cut the last).

    Where the step falls back within a stage the run was resumed, so what was logged beyond is replaced; a new stage
    goes on where the one before ended.
    """
    series: dict[str, list[tuple[float, float]]] = {}
    stage, offset, last = None, 0.0, -1.0
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            record = _record(line)
            step = record.get("step") if record else None
            if record is None or not isinstance(step, int | float):
                continue
            if record.get("stage") != stage:
                stage, offset = record.get("stage"), max(last, 0.0) if step <= last else 0.0
            last = step + offset
            for name, value in record.items():
                if name not in _NOT_CURVES and isinstance(value, int | float) and math.isfinite(value):
                    points = series.setdefault(name, [])
                    while points and points[-1][0] >= last:
                        points.pop()
                    points.append((last, float(value)))
    curves = [Curve(n, [s for s, _ in p], [v for _, v in p]) for n, p in sorted(series.items()) if len(p) > 1]
    return [_thin(c) for c in curves[:MAX_CURVES]]


def _record(line: str) -> dict[str, object] | None:
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def _thin(curve: Curve) -> Curve:
    """At most ``POINTS`` points, each the mean of its share."""
    n = len(curve.steps)
    if n <= POINTS:
        return curve
    edges = [i * n // POINTS for i in range(POINTS + 1)]
    spans = list(itertools.pairwise(edges))
    return Curve(
        curve.name,
        [sum(curve.steps[a:b]) / (b - a) for a, b in spans],
        [sum(curve.values[a:b]) / (b - a) for a, b in spans],
    )


def _ticks(low: float, high: float, count: int = 3) -> list[float]:
    """Round numbers between ``low`` and ``high``, at steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    start = math.ceil(low / step - 1e-9)
    return [k * step for k in range(start, math.floor(high / step + 1e-9) + 1)]


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:.3g}"


def svg(curve: Curve) -> Markup:
    """One curve as an SVG picture with axes, a title and a description; colours come from the page's style sheet."""
    x0, x1 = min(curve.steps), max(curve.steps)
    y0, y1 = min(curve.values), max(curve.values)
    pad = (y1 - y0) * 0.06 or abs(y1) * 0.1 or 1.0
    y0, y1 = y0 - pad, y1 + pad

    def px(step: float) -> float:
        return LEFT + (step - x0) / ((x1 - x0) or 1.0) * (WIDTH - LEFT - RIGHT)

    def py(value: float) -> float:
        return HEIGHT - BOTTOM - (value - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)

    points = " ".join(f"{px(s):.1f},{py(v):.1f}" for s, v in zip(curve.steps, curve.values, strict=True))
    said = f"{curve.name}: from {curve.values[0]:.4g} to {curve.values[-1]:.4g} over {x1:g} steps"
    parts = [
        f'<svg class="curve" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(said)}">',
        *(_rule(py(t), _short(t)) for t in _ticks(y0, y1)),
        *(_step_tick(px(t), _short(t)) for t in _ticks(x0, x1)),
        f'<polyline class="line" points="{points}"/></svg>',
    ]
    return Markup("".join(parts))


def _rule(y: float, text: str) -> str:
    return (
        f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{escape(text)}</text>'
    )


def _step_tick(x: float, text: str) -> str:
    anchor = "end" if x > WIDTH - 24 else "middle"
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{escape(text)}</text>'


def draw(curves: Sequence[Curve]) -> list[tuple[str, Markup, float]]:
    """(name, picture, last value) of every curve."""
    return [(c.name, svg(c), c.values[-1]) for c in curves]
