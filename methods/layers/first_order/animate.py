"""Animation of one photo by a driving video: source state, modes, and the stream of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from datasets.errors import UsageError
from methods.base import AnimateOptions, Driving
from methods.layers.first_order.affine import AffinePoints, movement_scale, relative_points
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.letterbox import Letterbox

#: (source, driving) points -> points that drive the photo.
Transfer = Callable[[AffinePoints, AffinePoints], AffinePoints]


@dataclass(frozen=True)
class SourceState:
    """What animation needs of the photo.

    Attributes:
        box: padding to the sides the networks take.
        image: (1, 3, H, W) padded photo.
        reduced: (1, 3, h, w) anti-aliased photo at flow resolution.
        points: of the photo, batch 1.
        features: encoder features, high to low resolution.
    """

    box: Letterbox
    image: Tensor
    reduced: Tensor
    points: AffinePoints
    features: list[Tensor]


@dataclass(frozen=True)
class Networks:
    """Inference networks of one animation, already in their precision; the optional ones are None where untrained."""

    detector: nn.Module
    generator: WarpGenerator
    background: nn.Module | None = None
    avd: Transfer | None = None


def encode_source(image: Tensor, multiple: int, nets: Networks) -> SourceState:
    """Everything of the photo that does not depend on the driving video; ``image`` is (1, 3, H, W) in [0, 1]."""
    box = Letterbox(image.shape[2], image.shape[3], multiple)
    padded = box.pad(image.float()).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast(padded.device.type, enabled=False):
        features = nets.generator.encode(padded)
        return SourceState(box, padded, nets.generator.flow.down(padded), nets.detector(padded), features)


class Animator:
    """Turns driving frames into generated frames; holds the first driving frame's points for the relative mode.

    Args:
        state: of the photo.
        nets: inference networks.
        options: ``self_driven`` takes points as detected, whatever the mode, and the background predictor if any.
        adapt_scale: relative mode only: scale the motion by the ratio of the convex hulls' sizes.
    """

    def __init__(self, state: SourceState, nets: Networks, options: AnimateOptions, adapt_scale: bool) -> None:
        self.state, self.nets, self.options, self.adapt_scale = state, nets, options, adapt_scale
        self._first: AffinePoints | None = None
        self._scale = 1.0

    def stream(self, driving: Driving, chunk: int) -> Iterator[Tensor]:
        """Generated frames (n, 3, H, W) in [0, 1], n <= ``chunk``, as many as driving frames.

        Raises:
            UsageError: driving frames of another size than the photo.
        """
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
        """(n, 3, H, W) driving frames in [0, 1] -> generated frames of the same shape, in the networks' precision."""
        with torch.no_grad(), torch.autocast(driving.device.type, enabled=False):
            return self._frames(driving)

    def _frames(self, driving: Tensor) -> Tensor:
        state, nets = self.state, self.nets
        driving = state.box.pad(driving)
        points = self._points(nets.detector(driving))
        background = None
        if self.options.self_driven and nets.background is not None:
            background = nets.background(state.image.expand_as(driving), driving)
        flow = nets.generator.flow(state.reduced, state.points, points, background)
        return state.box.crop(nets.generator(state.features, state.image, flow)).clamp(0, 1)

    def _points(self, detected: AffinePoints) -> AffinePoints:
        source = self.state.points
        if self.options.self_driven or self.options.mode == "standard":
            return detected
        if self.options.mode == "avd":
            assert self.nets.avd is not None
            return self.nets.avd(source.expand(len(detected)), detected)
        if self._first is None:
            self._first = detected.first()
            self._scale = movement_scale(source, self._first) if self.adapt_scale else 1.0
        return relative_points(source, detected, self._first, self._scale)
