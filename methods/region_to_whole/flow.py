"""Flow of the refinement from the previous frame (paper eq. 2c): warping, and the teacher's backward flow."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.layers.grids import coordinate_grid, warp

#: A warped frame is sure where its squared colour difference, channels in [-1, 1] summed, is below this (vid2vid).
PHOTOMETRIC = 0.02


def warp_previous(previous: Tensor, flow: Tensor) -> Tensor:
    """Sample (B, C, H, W) at x + flow, (B, 2, H, W) in pixels, edges repeated; float32."""
    height, width = previous.shape[-2:]
    scale = flow.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])
    grid = coordinate_grid(height, width, flow)[None] + flow.float().movedim(1, -1) * scale
    return warp(previous, grid, padding="border")


def backward_flow(forward: Tensor, occluded: Tensor) -> tuple[Tensor, Tensor]:
    """Flow from a frame back to the one before, of the surface that both show.

    Each visible pixel of the earlier frame is sent to the nearest pixel where it lands; pixels that several reach take
    the mean.

    Args:
        forward: (B, H, W, 2) displacement of the earlier frame's pixels to the later frame.
        occluded: (B, H, W), 1 where that surface is not visible in the later frame.

    Returns:
        (B, 2, H, W) displacement, and (B, 1, H, W) 1 where it is known.
    """
    b, h, w, _ = forward.shape
    y, x = torch.meshgrid(torch.arange(h, device=forward.device), torch.arange(w, device=forward.device), indexing="ij")
    to_x = (x + forward[..., 0]).round().long()
    to_y = (y + forward[..., 1]).round().long()
    lands = (occluded == 0) & (to_x >= 0) & (to_x < w) & (to_y >= 0) & (to_y < h)
    index = torch.where(lands, to_y * w + to_x, torch.full_like(to_x, h * w)).view(b, 1, -1)
    values = torch.cat([-forward.movedim(-1, 1), torch.ones_like(forward[..., 0])[:, None]], dim=1).flatten(2)
    sums = forward.new_zeros(b, 3, h * w + 1).scatter_add_(2, index.expand(b, 3, -1), values)[..., :-1]
    count = sums[:, 2:]
    mean = sums[:, :2] / count.clamp(min=1)
    return mean.view(b, 2, h, w), (count > 0).float().view(b, 1, h, w)


def confidence(frame: Tensor, previous: Tensor, flow: Tensor, known: Tensor) -> Tensor:
    """(B, 1, H, W): 1 where the teacher's flow is known and explains the colours (vid2vid). Images in [-1, 1]."""
    error = (frame - warp_previous(previous, flow)).square().sum(1, keepdim=True)
    return known * (error < PHOTOMETRIC).float()
