"""Bilinear sampling and resizing under a stated corner convention."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """The two ``align_corners`` conventions, of ``grid_sample`` and of bilinear resizing.

    Official code of FOMM and MRAA leaves both to torch, whose default for sampling changed from True to False in 1.3;
    coordinates are 2x/(W-1) - 1 in either case.
    """

    sample_align: bool = True
    resize_align: bool = False

    def warp(self, image: Tensor, grid: Tensor, padding: str = "zeros") -> Tensor:
        """Sample (B, C, H, W) at a grid (B, h, w, 2) -> (B, C, h, w), in float32."""
        image, grid = image.float(), grid.float()
        return F.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=self.sample_align)

    def resize(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Bilinear resize of (B, C, h, w) to ``size`` (H, W); the same tensor where it has that size."""
        if tuple(x.shape[2:]) == tuple(size):
            return x
        return F.interpolate(x, size=size, mode="bilinear", align_corners=self.resize_align)

    def resize_flow(self, flow: Tensor, size: tuple[int, int]) -> Tensor:
        """Bilinear resize of a flow (B, h, w, 2) to (B, H, W, 2); values are coordinates and are not scaled."""
        return self.resize(flow.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
