"""From the values on a ladder to a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

#: A step below this share of the largest value on the ladder is no step.
TOLERANCE = 1e-3
_LEAST = 1e-9
RULE = (
    "means over clips, truth first. monotone: every step goes the worse way (a metric without a direction: the way of "
    "the whole ladder) by more than 0.1 % of the largest value; wrong-way: a step goes the other way by that; "
    "flat: neither (some step does not move it); undefined: a rung without a value"
)
VERDICTS = ("monotone", "flat", "wrong-way", "undefined")


def trend(values: Sequence[float]) -> int:
    """+1 where the last rung is above the first, -1 where it is below, 0 where they are equal within the tolerance."""
    change = values[-1] - values[0]
    return 0 if abs(change) <= _tolerance(values) else int(math.copysign(1, change))


def verdict(values: Sequence[float | None], direction: str) -> str:
    """One of :data:`VERDICTS`, by :data:`RULE`.

    Args:
        values: mean over clips at each rung, the truth first; None where there is none.
        direction: ``lower`` or ``higher`` is better, or ``none``.
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values) or len(known) < 2:
        return "undefined"
    sign = {"lower": 1, "higher": -1}.get(direction) or trend(known) or 1
    tolerance = _tolerance(known)
    steps = [sign * (after - before) for before, after in pairwise(known)]
    if min(steps) < -tolerance:
        return "wrong-way"
    return "monotone" if min(steps) > tolerance else "flat"


def _tolerance(values: Sequence[float]) -> float:
    return max(_LEAST, TOLERANCE * max(map(abs, values)))
