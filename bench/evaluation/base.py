"""The metric interface: a data-only spec, and an accumulator that sees each frame once.

Frames are uint8 RGB (H, W, 3), floor(255 x + 0.5), in the run and from disk alike. A metric is asked for a list of
regions; it answers with one :class:`Outcome` a region and clip.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
REGIONS = ("whole", "seen", "unseen")
STATUSES = ("ok", "undefined", "missing-input", "not-applicable", "invalid-input", "failed")
#: Columns of scores.csv and scores.parquet, in order (a contract).
COLUMNS = (
    "run", "method", "variant", "mode", "dataset", "preset", "size", "seed", "protocol", "protocol_hash",
    "annotation_class", "metric", "profile", "judge", "pair", "region", "value", "n_frames", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class MetricSpec:
    """Data-only card of a metric@profile.

    Attributes:
        name, profile: ``ssim``, ``default``.
        implementation: ``module:Class`` of the accumulator.
        direction: ``lower`` or ``higher`` is better, or ``none``.
        family: heading on the board (``pixel``, ``motion``, ``temporal``, ...).
        needs: inputs beside the generated frame: ``reference``, or annotation kinds of the reference (``mask``,
            ``flow``, ``observability``), or ``driving`` (the driving video's frames); where one is absent the metric
            is ``missing-input``.
        uses: annotation kinds of the reference that are read where the dataset has them.
        protocols: names of protocols without their version; empty = every protocol.
        regions: regions it can be computed on.
        stands_in_for: inputs (as in ``needs``) for want of which this profile stands in for the default one; it is left
            out by default where a protocol has them all.
        headline: stands on the board's first view, and may rank.
        flagged: why a frozen or faded video can win it ("" = it cannot).
    """

    name: str
    title: str
    implementation: str
    direction: str
    family: str
    formula: str
    unit: str = ""
    range: tuple[float, float] = (0.0, float("inf"))
    profile: str = "default"
    version: int = 1
    needs: frozenset[str] = frozenset({"reference"})
    uses: frozenset[str] = frozenset()
    regions: tuple[str, ...] = ("whole",)
    protocols: tuple[str, ...] = ()
    default: bool = True
    stands_in_for: frozenset[str] = frozenset()
    headline: bool = False
    flagged: str = ""

    @property
    def id(self) -> str:
        """``name@profile``."""
        return f"{self.name}@{self.profile}"


@dataclass(frozen=True)
class ClipContext:
    """What is known of a clip before its first frame: fps, (H, W), number of scored frames, and the source photo
    (H, W, 3) uint8 or None."""

    pair: str
    fps: float
    size: tuple[int, int]
    n_frames: int
    source: Array | None = None


@dataclass(frozen=True)
class FramePair:
    """One scored frame: generated, reference (None where there is no truth), the reference's annotations by kind,
    and the driving frame (None where no metric asked for it).

    ``shared`` holds what several metrics compute from the same frames (optical flow), so that it is computed once;
    fill it through :func:`shared`.
    """

    generated: Array
    reference: Array | None = None
    annotations: Mapping[str, Array] = field(default_factory=dict)
    driving: Array | None = None
    shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def shared(frame: FramePair, key: str, compute: Callable[[], Any]) -> Any:
    """The value kept under ``key`` for this frame, computed by the first metric that asks."""
    if key not in frame.shared:
        frame.shared[key] = compute()
    return frame.shared[key]


@dataclass(frozen=True)
class Outcome:
    """Value of one metric on one clip and region. ``value`` is a number only where ``status`` is ``ok``; ``judge`` says
    what measured where a metric has a choice (``true-flow`` or ``dis-flow``)."""

    value: float
    n_frames: int
    status: str = "ok"
    reason: str = ""
    judge: str = ""


class InvalidInputError(ValueError):
    """A clip whose arrays cannot be scored (wrong type, size or length, NaN): its rows become ``invalid-input``."""


def undefined(reason: str, status: str = "undefined") -> Outcome:
    """An outcome without a value."""
    return Outcome(float("nan"), 0, status, reason)


class Metric(ABC):
    """Accumulator of one metric over the frames of one clip at a time; holds no frames but the last."""

    spec: ClassVar[MetricSpec]

    def __init__(self, regions: tuple[str, ...] = ("whole",)) -> None:
        self.regions = regions

    @abstractmethod
    def start(self, clip: ClipContext) -> None:
        """Begin a clip."""

    @abstractmethod
    def update(self, frame: FramePair) -> None:
        """Take the next frame."""

    @abstractmethod
    def finish(self) -> dict[str, Outcome]:
        """End the clip: region -> outcome."""
