"""One ladder of the metric audit as a small plot: the metric's value at each rung of damage, the truth first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT, PAD = 96, 34, 5


def ladder_plot(name: str, ladder: Mapping[str, Any], found: Mapping[str, Any]) -> Markup:
    """The picture; "" where fewer than two rungs have a value.

    Args:
        ladder: ``title``, ``unit`` and ``levels`` of the damage. found: ``values`` at each rung, ``verdict``.
    """
    values = [None if v is None else float(v) for v in found["values"]]
    known = [(i, v) for i, v in enumerate(values) if v is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(v for _, v in known), max(v for _, v in known)

    def at(i: int, v: float) -> tuple[float, float]:
        share = (v - low) / (high - low) if high > low else 0.5
        return PAD + i / (len(values) - 1) * (WIDTH - 2 * PAD), HEIGHT - PAD - share * (HEIGHT - 2 * PAD)

    levels = ["truth", *(f"{level:g}" for level in ladder["levels"])]
    said = ", ".join(f"{level}: {v:.4g}" for level, v in zip(levels, values, strict=False) if v is not None)
    title = f"{ladder['title']} ({ladder['unit']}); {found['verdict']}; {said}"
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(i, v) for i, v in known))
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.8"/>' for x, y in (at(i, v) for i, v in known))
    return Markup(
        f'<svg class="ladder" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(name)}: {escape(title)}">'
        f'<polyline points="{points}"/>{dots}</svg>'
    )
