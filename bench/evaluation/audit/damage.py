"""What the ladders do to a true clip: each function gives (T, H, W, 3) uint8 frames for one level of damage."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from bench.evaluation.base import Array
from datasets.base import Clip, Dataset, Pair, Trial

#: DensePose parts of the left arm from the hand up: hand, forearm, upper arm.
_LEFT_ARM = ((4,), (19, 21), (15, 17))
_FPS = Fraction(25)


@dataclass(frozen=True)
class Truth:
    """The true clip of a pair, and what else its data set can show of it.

    Attributes:
        siblings: pairs that differ from this one in the driver's body only, from the source's own body to the one of
            this pair (empty where the protocol has none).
    """

    dataset: Dataset
    protocol: str
    pair: Pair
    siblings: tuple[Pair, ...] = ()

    @cached_property
    def trial(self) -> Trial:
        """The pair, opened."""
        return self.dataset.open(self.protocol, self.pair)

    @cached_property
    def rgb(self) -> Array:
        """(T, H, W, 3) uint8 frames."""
        return _frames(self.reference)

    @property
    def reference(self) -> Clip:
        """The clip itself; the audit asks only protocols that have one."""
        assert self.trial.reference is not None
        return self.trial.reference

    def annotation(self, kind: str) -> Array:
        """An annotation of all frames."""
        return self.reference.read(range(len(self.reference)), frozenset({kind})).annotations[kind]


def _frames(clip: Clip) -> Array:
    return clip.read(range(len(clip))).rgb


def to_uint8(frames: Array) -> Array:
    """Float frames in 0..255 as uint8, rounded and clipped."""
    return np.clip(frames + 0.5, 0, 255).astype(np.uint8)


def blur(truth: Truth, sigma: float) -> Array:
    """Gaussian blur of ``sigma`` pixels, edges repeated."""
    import cv2

    border = cv2.BORDER_REPLICATE
    return np.stack([cv2.GaussianBlur(f, (0, 0), sigma, borderType=border) for f in truth.rgb]).astype(np.uint8)


def shift(truth: Truth, pixels: float) -> Array:
    """Everything ``pixels`` to the right, the left-most column repeated."""
    columns = np.maximum(np.arange(truth.rgb.shape[2]) - int(pixels), 0)
    return truth.rgb[:, :, columns]


def lag(truth: Truth, frames: float) -> Array:
    """Every pose ``frames`` frames too late; the first frame waits."""
    return truth.rgb[np.maximum(np.arange(len(truth.rgb)) - int(frames), 0)]


def limb(truth: Truth, parts: float) -> Array:
    """The left arm gone from the hand upwards: 1 = hand, 2 = and forearm, 3 = the whole arm; the scene shows there."""
    import cv2

    gone = np.isin(truth.annotation("iuv")[..., 0], [p for group in _LEFT_ARM[: int(parts)] for p in group])
    # One pixel more, since the outline's mixed pixels would still draw the arm.
    wider = np.stack([cv2.dilate(g.astype(np.uint8), np.ones((3, 3), np.uint8)) for g in gone])
    others = (truth.annotation("mask") > 0) & ~gone
    return np.where(((wider > 0) & ~others)[..., None], truth.annotation("background"), truth.rgb)


def identity(truth: Truth, alpha: float) -> Array:
    """Blend towards the driving person, cut out into the true scene: the same pose and camera, another identity."""
    driving = truth.trial.driving
    stack = driving.read(range(len(driving)), frozenset({"mask"}))
    other = np.where(stack.annotations["mask"][..., None] > 0, stack.rgb, truth.annotation("background"))
    return to_uint8((1 - alpha) * truth.rgb + alpha * other.astype(np.float64))


def shape(truth: Truth, share: float) -> Array:
    """The source's look on a body that is ``share`` of the way from the source's to the driver's; same pose, camera."""
    sibling = truth.siblings[round(share * (len(truth.siblings) - 1))]
    return _frames(truth.dataset.open(truth.protocol, sibling).oracles["leak"]())


def flicker(truth: Truth, gain: float) -> Array:
    """Brightness up and down by ``gain`` from frame to frame."""
    factor = 1 + gain * (-1.0) ** np.arange(len(truth.rgb))
    return to_uint8(truth.rgb * factor[:, None, None, None])


def freeze(truth: Truth, share: float) -> Array:
    """The last ``share`` of the clip stands still."""
    last = round((1 - share) * (len(truth.rgb) - 1))
    return truth.rgb[np.minimum(np.arange(len(truth.rgb)), last)]


def codec(truth: Truth, crf: float) -> Array:
    """Through H.264 (x264, preset medium, 4:2:0) at a constant rate factor, and back."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        # Without mbtree=0 x264 reads uninitialised memory on small frames, and values would not repeat.
        options = {"crf": f"{crf:g}", "preset": "medium", "x264-params": "mbtree=0"}
        stream: Any = container.add_stream("libx264", rate=_FPS, options=options)
        stream.height, stream.width = truth.rgb.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in truth.rgb:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as decoded:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in decoded.decode(video=0)])


def families(pairs: Sequence[Pair]) -> list[tuple[Pair, ...]]:
    """Pairs of the same people, grouped in their order: levels of one thing that changes between them."""
    groups: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.source_identity, pair.driving_motion), []).append(pair)
    return [tuple(group) for group in groups.values()]
