"""Animation of one photo by a driving video: source state, the three modes, and the stream of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from datasets.errors import UsageError
from methods.base import AnimateOptions, Driving
from methods.layers.hull import hull_scale
from methods.layers.letterbox import Letterbox
from methods.tps.avd import AVDNetwork
from methods.tps.dense_motion import DenseMotionNetwork
from methods.tps.inpainting import InpaintingNetwork


@dataclass(frozen=True)
class SourceState:
    """What animation needs of the photo.

    Attributes:
        box: padding to the sides the networks take.
        image: (1, 3, H, W) padded photo.
        reduced: (1, 3, h, w) anti-aliased photo at flow resolution.
        keypoints: (1, 5K, 2).
        features: encoder features, high to low resolution.
    """

    box: Letterbox
    image: Tensor
    reduced: Tensor
    keypoints: Tensor
    features: list[Tensor]


@dataclass(frozen=True)
class Networks:
    """Inference networks of one animation, already in their precision; the optional ones are None where untrained."""

    keypoints: nn.Module
    motion: DenseMotionNetwork
    inpainting: InpaintingNetwork
    background: nn.Module | None
    avd: AVDNetwork | None


def encode_source(image: Tensor, multiple: int, nets: Networks) -> SourceState:
    """Everything of the photo that does not depend on the driving video; ``image`` is (1, 3, H, W) in [0, 1]."""
    box = Letterbox(image.shape[2], image.shape[3], multiple)
    padded = box.pad(image.float()).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast(padded.device.type, enabled=False):
        features = nets.inpainting.encode(padded)
        return SourceState(box, padded, nets.motion.down(padded), nets.keypoints(padded), features)


class Animator:
    """Turns driving frames into generated frames; holds the first driving frame's key points for the relative mode."""

    def __init__(self, state: SourceState, nets: Networks, options: AnimateOptions) -> None:
        self.state = state
        self.nets = nets
        self.options = options
        self._first: Tensor | None = None
        self._scale = 1.0

    def stream(self, driving: Driving, chunk: int) -> Iterator[Tensor]:
        """Generated frames (n, 3, H, W) in [0, 1], n <= ``chunk``, as many as driving frames."""
        box = self.state.box
        for part in driving.chunks(chunk):
            frames = part["rgb"]
            if tuple(frames.shape[2:]) != (box.height, box.width):
                size = f"{frames.shape[3]} x {frames.shape[2]}"
                raise UsageError(
                    f"Driving frames are {size} pixels, but the source is {box.width} x {box.height}.",
                    "resize both to one size",
                )
            yield self.frames(frames.float())

    def frames(self, driving: Tensor) -> Tensor:
        """(n, 3, H, W) driving frames in [0, 1] -> generated frames of the same shape.

        Precision is that of the networks: an autocast around the call has no effect.
        """
        with torch.no_grad(), torch.autocast(driving.device.type, enabled=False):
            return self._frames(driving)

    def _frames(self, driving: Tensor) -> Tensor:
        state, nets = self.state, self.nets
        driving = state.box.pad(driving)
        points = self._points(nets.keypoints(driving))
        background = None
        if self.options.self_driven and nets.background is not None:
            background = nets.background(state.image.expand_as(driving), driving)
        motion = nets.motion(state.reduced, state.keypoints, points, background)
        prediction, _ = nets.inpainting(state.features, state.image, motion)
        return state.box.crop(prediction).clamp(0, 1)

    def _points(self, detected: Tensor) -> Tensor:
        """Key points that drive the photo, under the mode; driving by the source's own clip takes them as they are."""
        source = self.state.keypoints
        if self.options.self_driven or self.options.mode == "standard":
            return detected
        if self.options.mode == "avd":
            assert self.nets.avd is not None
            points: Tensor = self.nets.avd(source.expand_as(detected), detected)
            return points
        if self._first is None:
            self._first = detected[:1]
            self._scale = hull_scale(source[0], self._first[0])
        return (detected - self._first) * self._scale + source
