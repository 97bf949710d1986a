"""Coordinate grids, warping and key-point heat maps.

Network coordinates are 2x/(W-1) - 1, (x, y) order, end points included; ``align_corners=True`` is said everywhere.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def axis(n: int, like: Tensor) -> Tensor:
    """(n,) network coordinates of n pixels, from -1 to 1, float32 on the device of ``like``."""
    return 2.0 * torch.arange(n, device=like.device, dtype=torch.float32) / max(n - 1, 1) - 1.0


def coordinate_grid(height: int, width: int, like: Tensor) -> Tensor:
    """(height, width, 2) grid of (x, y) network coordinates on the device of ``like``."""
    y, x = torch.meshgrid(axis(height, like), axis(width, like), indexing="ij")
    return torch.stack([x, y], dim=-1)


def warp(image: Tensor, grid: Tensor, padding: str = "zeros") -> Tensor:
    """Sample ``image`` (B, C, H, W) bilinearly at ``grid`` (B, h, w, 2) -> (B, C, h, w), in float32."""
    image, grid = image.float(), grid.float()
    return F.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=True)


def resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize of a flow (B, h, w, 2) in network coordinates to (B, H, W, 2)."""
    if tuple(flow.shape[1:3]) == tuple(size):
        return flow
    resized = F.interpolate(flow.permute(0, 3, 1, 2), size=size, mode="bilinear", align_corners=True)
    return resized.permute(0, 2, 3, 1)


def gaussian_maps(points: Tensor, size: tuple[int, int], variance: float) -> Tensor:
    """exp(-|p - point|^2 / (2 variance)) for each of (B, K, 2) points -> (B, K, h, w), as outer product of two axes."""
    points = points.float()
    gx = torch.exp(-0.5 * (axis(size[1], points) - points[..., :1]) ** 2 / variance)
    gy = torch.exp(-0.5 * (axis(size[0], points) - points[..., 1:]) ** 2 / variance)
    return gy[..., :, None] * gx[..., None, :]
