"""The ladders: kinds of damage in growing steps. Data only, cheap to import."""

from __future__ import annotations

from dataclasses import dataclass

_CROSS = "cross-animation@1"


@dataclass(frozen=True)
class Ladder:
    """One kind of damage; the undamaged clip is the rung below the first.

    Attributes:
        name: what ``MetricSpec.claims`` says, and a function of ``bench.evaluation.audit.damage``.
        levels: of growing damage, in ``unit``.
        protocol: whose truth is damaged.
    """

    name: str
    title: str
    levels: tuple[float, ...]
    unit: str
    protocol: str = _CROSS


LADDERS: tuple[Ladder, ...] = (
    Ladder("blur", "Gaussian blur", (0.5, 1.0, 2.0), "px"),
    Ladder("shift", "everything moved to the right", (1, 2, 4), "px"),
    Ladder("lag", "every pose too late", (1, 2, 4, 8), "frames"),
    Ladder("limb", "the left arm erased from the hand upwards", (1, 2, 3), "parts"),
    Ladder("identity", "blend towards another person in the same pose", (0.25, 0.5, 0.75, 1.0), "alpha"),
    Ladder("shape", "the body towards the driver's", (0.25, 0.5, 0.75, 1.0), "share", "cross-shape@1"),
    Ladder("flicker", "brightness alternates", (0.02, 0.05, 0.1, 0.2), "gain"),
    Ladder("freeze", "the last part stands still", (0.25, 0.5, 0.75, 1.0), "share"),
    Ladder("codec", "H.264", (18, 23, 28, 35, 42), "crf"),
)
NAMES = tuple(ladder.name for ladder in LADDERS)
