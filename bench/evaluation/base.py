"""The metric interface: a data-only spec, and an accumulator that sees each frame once.

Frames are uint8 RGB (H, W, 3), floor(255 x + 0.5), in the run and from disk alike. A metric is asked for a list of
regions; it answers with one :class:`Outcome` a region and clip.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from bench.evaluation.judges.base import Judge

Array = np.ndarray[Any, np.dtype[Any]]
REGIONS = ("whole", "seen", "unseen")
#: Presets whose boards may rank methods; the others are smoke: shown, never ranked.
RANKED_PRESETS = frozenset({"standard", "paper"})
STATUSES = ("ok", "undefined", "missing-input", "not-applicable", "invalid-input", "failed")
#: What becomes of frames and clips without a value, for every metric.
UNDEFINED = "a clip without a value has a row with its status and reason, and the mean says how many there are"
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
        flagged: what to beware of when reading it ("" = nothing); where ``still_can_win``, why.
        still_can_win: a still photo can have a better value than a video that moves rightly and looks a little worse
            (it asks for look, smoothness or presence rather than for where the body is); then it says nothing on
            whether a method is better than copying a still. Always False without a direction: nothing wins that.
        judge: role of the judge that it asks (``bench.evaluation.judges.base.ROLES``), "" = none.
        seed: which of the two seeds of a judge.
        scope: ``pair``, or ``set``: one value over all pairs (a :class:`SetMetric`).
        ranking_only: measured by default only under :data:`RANKED_PRESETS` (a second judge for the order, say).
        average: what the row ``pair = *`` is a mean over: ``videos``, or ``frames`` (of all videos together, as some
            published recipes do, so that long videos weigh more).
        claims: ladders of the metric audit (``bench.evaluation.audit.ladders``) that it must get worse on at every
            rung (a metric without a direction: rise or fall on at every rung): what it claims to measure.
        missing: what a missing detection does ("" = nothing is detected: see :data:`UNDEFINED`).
        blanks: it sees a black frame in place of one that was not delivered (``FramePair.delivered`` is False there);
            every other metric has no value for a pair with such a frame.
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
    still_can_win: bool = False
    judge: str = ""
    seed: str = "a"
    scope: str = "pair"
    ranking_only: bool = False
    average: str = "videos"
    claims: tuple[str, ...] = ()
    missing: str = ""
    blanks: bool = False

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
    and the driving frame (None where no metric asked for it). ``delivered`` is False where ``generated`` is a black
    frame in place of one that is not there (``MetricSpec.blanks``).

    ``shared`` holds what several metrics compute from the same frames (optical flow), so that it is computed once;
    fill it through :func:`shared`.
    """

    generated: Array
    reference: Array | None = None
    annotations: Mapping[str, Array] = field(default_factory=dict)
    driving: Array | None = None
    shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    delivered: bool = True


def shared(frame: FramePair, key: str, compute: Callable[[], Any]) -> Any:
    """The value kept under ``key`` for this frame, computed by the first metric that asks."""
    if key not in frame.shared:
        frame.shared[key] = compute()
    return frame.shared[key]


@dataclass(frozen=True)
class Outcome:
    """Value of one metric on one clip and region.

    Attributes:
        value: a number only where ``status`` is ``ok``.
        judge: what measured (``true-flow``, ``dis-flow``, a judge's name).
        frames: (n_frames,) value of each scored frame, NaN where it has none; None where a metric has no such values.
        part: what a set metric keeps of the clip (see :class:`SetMetric`).
    """

    value: float
    n_frames: int
    status: str = "ok"
    reason: str = ""
    judge: str = ""
    frames: Array | None = field(default=None, repr=False, compare=False)
    part: Any = field(default=None, repr=False, compare=False)


class InvalidInputError(ValueError):
    """A clip whose arrays cannot be scored (wrong type, size or length, NaN): its rows become ``invalid-input``."""


def undefined(reason: str, status: str = "undefined") -> Outcome:
    """An outcome without a value."""
    return Outcome(float("nan"), 0, status, reason)


class Metric(ABC):
    """Accumulator of one metric over the frames of one clip at a time; holds no frames but the last.

    Attributes:
        judge: the judge of the card's role, set before the first clip; None where the card names none.
        no_judge: why the judge that the card names is not there; then the metric is never started.
    """

    spec: ClassVar[MetricSpec]
    judge: Judge | None = None
    no_judge: str = ""

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


class SetMetric(Metric):
    """A metric over a set of videos (a Frechet distance, say): it keeps a small part of each clip, and has one value.

    Its rows in the scores have ``pair = *`` only.
    """

    @abstractmethod
    def part(self) -> Mapping[str, Array]:
        """End the clip: what is kept of it, as named arrays with the same keys for every clip."""

    @classmethod
    @abstractmethod
    def combine(cls, parts: Sequence[Mapping[str, Array]]) -> Outcome:
        """The value over clips; their order must not change it."""

    def finish(self) -> dict[str, Outcome]:
        """End the clip: its part."""
        part = self.part()
        n_frames = max((len(array) for array in part.values()), default=0)
        return {region: Outcome(float("nan"), n_frames, part=part) for region in self.regions}
