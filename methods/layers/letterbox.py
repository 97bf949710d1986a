"""Padding of frames to sides that a network can take, and its inverse."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Letterbox:
    """Centred replicate padding of (height, width) frames to the next multiples of ``multiple`` pixels."""

    height: int
    width: int
    multiple: int

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """Pixels added (left, right, top, bottom)."""
        extra_x, extra_y = -self.width % self.multiple, -self.height % self.multiple
        return extra_x // 2, extra_x - extra_x // 2, extra_y // 2, extra_y - extra_y // 2

    def pad(self, frames: Tensor) -> Tensor:
        """(B, C, height, width) -> (B, C, H, W) with sides divisible by ``multiple``."""
        return F.pad(frames, self.margins, mode="replicate") if any(self.margins) else frames

    def crop(self, frames: Tensor) -> Tensor:
        """The inverse: (B, C, H, W) -> (B, C, height, width)."""
        left, _, top, _ = self.margins
        return frames[..., top : top + self.height, left : left + self.width]
