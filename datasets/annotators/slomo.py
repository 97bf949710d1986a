"""The frame between two: Super SloMo (Jiang et al., CVPR 2018), with the names of A. Paliwal's checkpoint.

Two U-Nets: the first says the flow between the frames, the second mends what equation 4 makes of it for the middle
and says how visible its pixels are in each frame (equation 5 blends them).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.annotators.states import State, build, state_digest
from datasets.base import Array
from datasets.errors import MissingInputError
from datasets.files import digest, source_digest
from datasets.weights import checked, weight

#: Sides must be multiples of this: five halvings.
STRIDE = 32
_MEAN = (0.429, 0.431, 0.397)
_SLOPE = 0.1


class Interpolator:
    """Makes the frame halfway between two.

    Attributes:
        fingerprint: SHA-256 over the weights and this file.
    """

    def __init__(self, flow: State, refine: State) -> None:
        """Make it of the weights of the flow network (6 to 4 channels) and of the other one (20 to 5).

        Raises:
            MissingInputError: they are those of other networks.
        """
        self._flow = build(lambda: UNet(6, 4), flow)
        self._refine = build(lambda: UNet(20, 5), refine)
        self.fingerprint = digest([state_digest(flow), state_digest(refine), source_digest([__file__])])

    @classmethod
    def load(cls) -> Interpolator:
        """With the file of ``bench weights``. Raises MissingInputError with the command that gets it."""
        path = checked(weight("super-slomo"))
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, Mapping) or not {"state_dictFC", "state_dictAT"} <= set(found):
            raise MissingInputError(f"{path} is no checkpoint of Super SloMo", "get the official SuperSloMo.ckpt")
        return cls(found["state_dictFC"], found["state_dictAT"])

    def between(self, first: Array, second: Array) -> Array:
        """(H, W, 3) uint8 RGB: the frame halfway between two (H, W, 3) uint8 ones, floor(x + 0.5).

        Frames whose sides are no multiples of 32 are continued by their edge.
        """
        height, width = first.shape[:2]
        pad = (0, -width % STRIDE, 0, -height % STRIDE)
        mean = torch.tensor(_MEAN).view(1, 3, 1, 1)
        pair = [torch.from_numpy(f.copy()).permute(2, 0, 1)[None].float() / 255.0 - mean for f in (first, second)]
        with torch.inference_mode():
            one, two = (F.pad(f, pad, mode="replicate") for f in pair)
            x = halfway(one, two, self._flow, self._refine)
        x = ((x[..., :height, :width] + mean).clamp(0, 1) * 255.0 + 0.5).floor()
        return np.asarray(x[0].permute(1, 2, 0).to(torch.uint8).numpy())


def halfway(first: Tensor, second: Tensor, flow: nn.Module, refine: nn.Module) -> Tensor:
    """(B, 3, H, W) between two such (equations 4 to 6 at t = 1/2).

    Args:
        flow: (B, 6, H, W) -> (B, 4, H, W), flow to the second frame and back.
        refine: (B, 20, H, W) -> (B, 5, H, W), residuals of both flows, and visibility in the first frame as a logit.
    """
    there, back = flow(torch.cat([first, second], 1)).chunk(2, 1)
    to_first, to_second = 0.25 * (back - there), 0.25 * (there - back)
    warped = (_sample(first, to_first), _sample(second, to_second))
    found = refine(torch.cat([first, second, there, back, to_second, to_first, warped[1], warped[0]], 1))
    seen = torch.sigmoid(found[:, 4:5])
    from_first = _sample(first, to_first + found[:, :2])
    from_second = _sample(second, to_second + found[:, 2:4])
    return seen * from_first + (1 - seen) * from_second


def _sample(image: Tensor, flow: Tensor) -> Tensor:
    """The image sampled at x + flow, zero outside; as the reference does, x / W stands for x / (W - 1)."""
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([2 * ((x + flow[:, 0]) / width - 0.5), 2 * ((y + flow[:, 1]) / height - 0.5)], -1)
    return F.grid_sample(image, grid, align_corners=True)


class _Two(nn.Module):
    """Two convolutions, each with a leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, joined: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv2d(joined * outputs, outputs, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, *skip: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv1(x), _SLOPE)
        return F.leaky_relu(self.conv2(torch.cat([x, *skip], 1)), _SLOPE)


class UNet(nn.Module):
    """(B, inputs, H, W) -> (B, outputs, H, W); H and W are multiples of 32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(inputs, 32, 7, padding=3), nn.Conv2d(32, 32, 7, padding=3)
        widths = (32, 64, 128, 256, 512, 512)
        for i in range(5):
            self.add_module(f"down{i + 1}", _Two(widths[i], widths[i + 1], 3 if i else 5))
        for i in range(5):
            self.add_module(f"up{i + 1}", _Two(widths[5 - i], widths[4 - i], 3, joined=2))
        self.conv3 = nn.Conv2d(32, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        levels = [F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x), _SLOPE)), _SLOPE)]
        for i in range(1, 6):
            levels.append(self.get_submodule(f"down{i}")(F.avg_pool2d(levels[-1], 2)))
        x = levels.pop()
        for i in range(1, 6):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = self.get_submodule(f"up{i}")(x, levels.pop())
        return F.leaky_relu(self.conv3(x), _SLOPE)
