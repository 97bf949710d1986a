"""Pictures of a sweep as inline SVG: history, slices, parallel coordinates, Pareto front. Text says the same beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT = 460, 220
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 36


@dataclass(frozen=True)
class Scale:
    """Values of one axis -> 0..1; texts are placed evenly in their order."""

    title: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    words: tuple[str, ...] = ()

    def place(self, value: Any) -> float:
        """Where a value stands; 0.5 where all are alike."""
        if self.words:
            return self.words.index(str(value)) / max(1, len(self.words) - 1)
        low, high, v = self.low, self.high, float(value)
        if self.log:
            low, high, v = math.log(low), math.log(high), math.log(v)
        return 0.5 if high == low else (v - low) / (high - low)

    @property
    def ends(self) -> tuple[str, str]:
        """What stands at its two ends."""
        return (self.words[0], self.words[-1]) if self.words else (f"{self.low:.3g}", f"{self.high:.3g}")


def scale_of(title: str, values: Sequence[Any], log: bool = False) -> Scale:
    """The scale that holds all values."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return Scale(title, words=tuple(dict.fromkeys(map(str, values))))
    return Scale(title, min(numbers), max(numbers), log and min(numbers) > 0)


def scatter(
    points: Sequence[tuple[Any, Any, str]], x: Scale, y: Scale, line: Sequence[tuple[Any, Any]] = (), said: str = ""
) -> Markup:
    """Dots with their names as titles, and a line through some of them; "" with fewer than two points."""
    if len(points) < 2:
        return Markup("")

    def at(px: Any, py: Any) -> tuple[float, float]:
        return (
            LEFT + x.place(px) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - y.place(py) * (HEIGHT - TOP - BOTTOM),
        )  # fmt: skip

    parts = [_frame(x, y)]
    if len(line) > 1:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in (at(*p) for p in line))
        parts.append(Markup('<polyline class="line" points="{}"/>').format(path))
    for px, py, name in points:
        a, b = at(px, py)
        parts.append(
            Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.2" fill="currentColor" fill-opacity="0.55"><title>{}</title>'
                   '</circle>').format(a, b, name)
        )  # fmt: skip
    return _picture(parts, said or f"{y.title} over {x.title}, {len(points)} trials")


def parallel(trials: Sequence[tuple[Sequence[Any], bool]], scales: Sequence[Scale], said: str) -> Markup:
    """One line a trial over all axes, the best in the accent colour; "" with fewer than two axes or trials."""
    if len(scales) < 2 or len(trials) < 2:
        return Markup("")
    step = (WIDTH - LEFT - RIGHT) / (len(scales) - 1)
    bottom = HEIGHT - BOTTOM
    parts = []
    for i, scale in enumerate(scales):
        x, (low, high) = LEFT + i * step, scale.ends
        anchor = "start" if i == 0 else "end" if i == len(scales) - 1 else "middle"
        parts.append(Markup('<line class="rule" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(x, TOP, bottom))
        for text, y in ((high, TOP - 3), (low, bottom + 11), (scale.title, bottom + 23 + 10 * (i % 2))):
            parts.append(_text(x, y, text[-22:], anchor))
    for values, best in sorted(trials, key=lambda t: t[1]):
        points = " ".join(
            f"{LEFT + i * step:.1f},{bottom - s.place(v) * (bottom - TOP):.1f}"
            for i, (s, v) in enumerate(zip(scales, values, strict=True))
        )
        shape = 'class="line"' if best else 'fill="none" stroke="currentColor" stroke-opacity="0.3"'
        parts.append(Markup('<polyline {} points="{}"/>').format(Markup(shape), points))
    return _picture(parts, said)


def _frame(x: Scale, y: Scale) -> Markup:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    rules = Markup('<line class="rule" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><line class="rule" x1="{0}" x2="{0}" '
                   'y1="{3}" y2="{2}"/>').format(LEFT, right, bottom, TOP)  # fmt: skip
    (low, high), (bottom_text, top_text) = x.ends, y.ends
    texts = (
        (LEFT, bottom + 12, low, "start"), (right, bottom + 12, high, "end"), (LEFT - 4, bottom, bottom_text, "end"),
        (LEFT - 4, TOP + 8, top_text, "end"), ((LEFT + right) / 2, bottom + 24, x.title, "middle"),
        (LEFT + 4, TOP + 8, y.title, "start"),
    )  # fmt: skip
    return rules + Markup("").join(_text(*text) for text in texts)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _picture(parts: Sequence[Markup], said: str) -> Markup:
    return Markup('<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, escape(said), Markup("").join(parts)
    )
