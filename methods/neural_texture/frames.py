"""Frames and annotations on their way into the networks: padding, and half size where super-resolution follows."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from methods.layers.letterbox import Letterbox
from methods.neural_texture.blocks import as_images, as_iuv


@dataclass(frozen=True)
class Preparation:
    """Pads frames of one size to the networks' multiple, and reduces them.

    Attributes:
        box: the padding. reduction: frame side over network side, 1 or 2.
    """

    box: Letterbox
    reduction: int

    @classmethod
    def of(cls, frames: Tensor, multiple: int, reduction: int) -> Preparation:
        """For frames (B, C, H, W)."""
        return cls(Letterbox(frames.shape[2], frames.shape[3], multiple), reduction)

    def reduce(self, frames: Tensor) -> Tensor:
        """Padded (B, C, H, W) -> (B, C, h, w), mean of pixel areas."""
        return F.avg_pool2d(frames, self.reduction) if self.reduction > 1 else frames

    def image(self, frames: Tensor) -> Tensor:
        """(B, 3, height, width) in [0, 1] -> (B, 3, h, w) as the networks see it."""
        return self.reduce(self.box.pad(frames.float()))

    def iuv(self, labels: Tensor) -> Tensor:
        """(B, height, width, 3) uint8 -> (B, h, w, 3) uint8; labels are picked, not averaged."""
        padded = self.box.pad(as_images(labels))
        return as_iuv(padded[..., :: self.reduction, :: self.reduction])

    def mask(self, labels: Tensor) -> Tensor:
        """(B, height, width) of 0 and 1 -> padded (B, 1, H, W) float, not reduced."""
        return self.box.pad(labels[:, None].float())
