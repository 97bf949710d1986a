"""The dataset interface: clips with annotations, and the pairs of each protocol.

Conventions (fixed once for the whole suite)
    * images: RGB, uint8, (H, W, 3) on this side of the interface;
    * integer pixel centres: the centre of the left-most pixel has x = 0;
    * key points: (x, y, confidence), confidence 1 visible, 0.5 self-occluded (present), 0 outside or missing;
    * flow(a, b): displacement in pixels from each pixel of a to b; warp b to a by sampling b at x + flow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datasets.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from datasets.footage import Footage

    Array = np.ndarray[Any, np.dtype[Any]]
else:  # cards of datasets are imported to list them, which must not cost the import of numpy
    Array = Any

#: Annotation kinds of a frame: shape behind the leading time axis, and dtype, in the canonical encoding.
KINDS: Mapping[str, str] = {
    "keypoints": "(135, 3) float32: x, y, confidence; groups in KEYPOINT_GROUPS",
    "iuv": "(H, W, 3) uint8: part 0..24, u, v (DensePose charts)",
    "parsing20": "(H, W) uint8: CIHP label 0..19",
    "parsing6": "(H, W) uint8: background, head, top, bottom, shoes, limbs",
    "mask": "(H, W) uint8: 1 = person",
    "flow": "(H, W, 2) float32: displacement to the next frame in pixels (the last frame: to its successor)",
    "occlusion": "(H, W) uint8: 1 = not visible in the next frame",
    "background": "(H, W, 3) uint8: the scene without the person",
    "face": "(4,) float32: x0, y0, x1, y1 of the face in pixels, NaN where there is none",
    "observability": "(H, W) uint8: OBSERVABILITY code against the source photo (reference clips only)",
}
KEYPOINT_GROUPS: Mapping[str, slice] = {
    "body25": slice(0, 25),
    "lhand": slice(25, 46),
    "rhand": slice(46, 67),
    "face68": slice(67, 135),
}
#: Codes of the ``observability`` map: was this surface shown by the source photo?
OBSERVABILITY: Mapping[str, int] = {
    "person-seen": 0,
    "person-unseen": 1,
    "background-seen": 2,
    "background-revealed": 3,
}
SPLITS = ("train", "val", "test", "judge")


@dataclass(frozen=True)
class FrameStack:
    """T frames with their annotations.

    Attributes:
        rgb: (T, H, W, 3) uint8.
        annotations: kind -> array with leading axis T, in the encoding of :data:`KINDS`.
    """

    rgb: Array
    annotations: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rgb)


class Clip(ABC):
    """One video of one person. Random access by frame index; nothing is held for the whole clip.

    Attributes:
        id: stable name, unique in its dataset, safe as a folder name.
        identity: who is shown; clips of one person share it.
        fps: frames per second.
        size: (H, W) in pixels.
        kinds: annotation kinds that :meth:`read` can give.
        factors: diagnostic factors of the clip (``framing``, ``motion-kind``, ``camera-motion``, ...).
    """

    id: str
    identity: str
    fps: float
    size: tuple[int, int]
    kinds: frozenset[str]
    factors: Mapping[str, float | str]

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames."""

    @abstractmethod
    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices`` (any order, repeats allowed) with the asked annotations.

        Raises:
            MissingInputError: a kind that the clip does not have.
        """

    def stream(
        self, kinds: frozenset[str] = frozenset(), start: int = 0, stop: int | None = None, chunk: int = 8
    ) -> Iterator[FrameStack]:
        """Frames start..stop-1 in order, in stacks of at most ``chunk``; memory does not grow with the clip."""
        stop = len(self) if stop is None else min(stop, len(self))
        for i in range(start, stop, chunk):
            yield self.read(range(i, min(i + chunk, stop)), kinds)


@dataclass(frozen=True)
class Pair:
    """One (source clip, driving clip) of a protocol.

    Attributes:
        id: unique in the protocol, safe as a folder name.
        source, source_frame: clip id and frame index of the photo.
        driving, start, stop: clip id and frame range that drives (and is generated).
        first_scored: offset into that range from which frames are scored.
        driving_identity, source_identity: for clustered intervals.
        factors: diagnostic factors of the pair (``pose-gap``, ``scale-mismatch``, ...).
    """

    id: str
    source: str
    source_frame: int
    driving: str
    start: int
    stop: int
    first_scored: int = 0
    source_identity: str = ""
    driving_motion: str = ""
    factors: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class PairList:
    """What a dataset says of one protocol: its pairs and the target that its truth shows.

    Attributes:
        name: ``self-reconstruction@1`` and the like.
        target: ``pose/place`` of the truth (``abs/src``, ``rel/src``, ``self``), or None where there is no truth.
    """

    name: str
    pairs: tuple[Pair, ...]
    target: str | None


@dataclass(frozen=True)
class Trial:
    """One pair, opened.

    Attributes:
        source: one frame with annotations (T = 1).
        driving: the driving frames, already cut to the pair's range.
        reference: the truth, aligned with ``driving`` frame by frame (same length), or None.
        oracles: further renderings for the sanity rows, aligned alike: ``target``, ``rel``, ``leak``; opened on call.
        source_background: (H, W, 3) uint8 source photo with the person removed (true or inpainted), on call.
    """

    pair: Pair
    source: FrameStack
    driving: Clip
    reference: Clip | None
    oracles: Mapping[str, Callable[[], Clip]] = field(default_factory=dict)
    source_background: Callable[[], Array] | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """Data-only card of a dataset; importing it must stay cheap (no torch, no cv2, no av).

    Attributes:
        factory: ``module:attribute`` of a callable ``(argument, preset, annotation_class) -> Dataset``;
            ``argument`` is the text behind the colon in ``--dataset name:argument`` (empty where there is none).
        protocols: all that the data set has. optional: those of them that run only when asked for by name.
    """

    name: str
    title: str
    factory: str
    licence: str
    kinds: frozenset[str]
    protocols: tuple[str, ...]
    synthetic: bool = False
    publishable: bool = False
    where: str = ""
    optional: tuple[str, ...] = ()


class Dataset(ABC):
    """Clips by split, and the pairs of each protocol.

    Attributes:
        spec: the card.
        slug: safe folder name (``synthetic``, ``folder-<basename>-<hash>``).
        size: side of the square frames in pixels that methods see and return.
        annotation_class: ``exact``, ``detected`` or ``noisy-1..3``.
    """

    spec: DatasetSpec
    slug: str
    size: int
    annotation_class: str

    @abstractmethod
    def clips(self, split: str) -> Sequence[Clip]:
        """Clips of a split in a fixed order."""

    @abstractmethod
    def clip(self, clip_id: str) -> Clip:
        """The clip of that id.

        Raises:
            MissingInputError: no such clip (the message names the nearest).
        """

    @abstractmethod
    def pairs(self, protocol: str) -> PairList:
        """The pairs of a protocol under this dataset's preset.

        Raises:
            UsageError: the dataset does not have that protocol.
        """

    @abstractmethod
    def open(self, protocol: str, pair: Pair) -> Trial:
        """Open one pair of a protocol."""

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """Hash of everything that the frames and annotations of a split depend on."""

    def prepare(  # noqa: B027 - a dataset that needs no preparation keeps this one
        self, splits: Sequence[str], protocols: Sequence[str], progress: Callable[[int, int, str], None]
    ) -> None:
        """Decode or render into the cache what is not there yet; calls ``progress(done, total, what)``."""

    def footage(self) -> Sequence[Footage]:
        """What annotators go through: every clip once, in its own size, with the folder of its annotations.

        Raises:
            UsageError: the annotations of this data set come with it.
        """
        raise UsageError(
            f"the annotations of {self.spec.name} come with it, nothing is to be annotated",
            f"it has: {', '.join(sorted(self.spec.kinds)) or 'none'}",
        )

    def findings(self) -> Sequence[str]:
        """One line per file that was left out, with the reason (corrupt, too short, ...)."""
        return ()
