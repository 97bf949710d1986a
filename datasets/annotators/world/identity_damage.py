"""What generated frames suffer from, applied to true ones: blur, ghosts, erased limbs, noise, warps."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

_SIGMAS = (0.5, 1.0, 1.5, 2.5)  # pixels at 64


def blur(frames: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (N, C, H, W) with ``sigma`` pixels; the edge is repeated."""
    radius = max(1, round(3 * sigma))
    at = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).repeat(frames.shape[1], 1, 1, 1)
    padded = F.pad(frames, (radius,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel, groups=frames.shape[1])
    return F.conv2d(across, kernel.transpose(2, 3), groups=frames.shape[1])


def blur_some(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator) -> Tensor:
    """Each frame blurred with a sigma of 0.5 to 2.5 pixels."""
    level = torch.randint(len(_SIGMAS), (len(frames),), generator=g)
    out = frames.clone()
    for i, sigma in enumerate(_SIGMAS):
        out[level == i] = blur(frames[level == i], sigma)
    return out


def coarsen(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator) -> Tensor:
    """Detail lost as in a decoder of half resolution."""
    half = F.interpolate(frames, scale_factor=0.5, mode="area")
    return F.interpolate(half, size=frames.shape[-2:], mode="bilinear", align_corners=False)


def ghost(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator) -> Tensor:
    """A second, shifted, fainter copy of the frame (weight 0.15 to 0.45, up to an eighth of a side away)."""
    n, reach = len(frames), frames.shape[-1] // 8
    weight = 0.15 + 0.3 * torch.rand(n, 1, 1, 1, generator=g)
    shifts = torch.randint(-reach, reach + 1, (n, 2), generator=g).tolist()
    moved = torch.stack([f.roll((dy, dx), (1, 2)) for f, (dy, dx) in zip(frames, shifts, strict=True)])
    return frames * (1 - weight) + moved * weight


def fade(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator) -> Tensor:
    """The background shines through the person (weight 0.1 to 0.4)."""
    weight = 0.1 + 0.3 * torch.rand(len(frames), 1, 1, 1, generator=g)
    return frames * (1 - weight) + backgrounds * weight


def erase(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator) -> Tensor:
    """Two discs around points of the person (radius 5 to 14 % of the side) show the background instead."""
    n, _, h, w = frames.shape
    flat = masks.flatten(1).float() + 1e-6
    centres = torch.multinomial(flat, 2, generator=g)
    y, x = torch.arange(h)[None, :, None], torch.arange(w)[None, None, :]
    out = frames
    for i in range(2):
        cy, cx = (centres[:, i] // w)[:, None, None], (centres[:, i] % w)[:, None, None]
        radius = (0.05 + 0.09 * torch.rand(n, 1, 1, generator=g)) * h
        hole = ((y - cy) ** 2 + (x - cx) ** 2 < radius**2)[:, None]
        out = torch.where(hole, backgrounds, out)
    return out


def add_noise(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator) -> Tensor:
    """Gaussian noise with a deviation of up to 0.12."""
    level = 0.12 * torch.rand(len(frames), 1, 1, 1, generator=g)
    return (frames + level * torch.randn(frames.shape, generator=g)).clamp(0, 1)


def warp(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator) -> Tensor:
    """A smooth random displacement with a deviation of up to 5 % of the side."""
    n, _, h, w = frames.shape
    coarse = torch.randn(n, 2, 5, 5, generator=g) * (0.1 * torch.rand(n, 1, 1, 1, generator=g))
    shift = F.interpolate(coarse, size=(h, w), mode="bicubic", align_corners=False)
    identity = F.affine_grid(torch.eye(2, 3).expand(n, 2, 3), [n, 1, h, w], align_corners=False)
    grid = identity + shift.permute(0, 2, 3, 1)
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False)


Damage = Callable[[Tensor, Tensor, Tensor, Generator], Tensor]
#: Each takes frames (N, 3, H, W) in [0, 1], masks (N, H, W), backgrounds like frames, and a generator.
DAMAGES: dict[str, Damage] = {
    "blur": blur_some, "coarse": coarsen, "ghost": ghost, "fade": fade, "erased": erase, "noise": add_noise,
    "warp": warp,
}  # fmt: skip


def damage_some(frames: Tensor, masks: Tensor, backgrounds: Tensor, g: Generator, share: float = 0.5) -> Tensor:
    """Damage a ``share`` of the frames, each of these by one to three kinds; the others stay as they are.

    Args:
        frames: (N, 3, H, W) in [0, 1]. masks: (N, H, W) bool. backgrounds: like ``frames``, without the person.
    """
    n, out = len(frames), frames.clone()
    hit = torch.rand(n, generator=g) < share
    wanted = torch.rand(n, len(DAMAGES), generator=g) < 2 / len(DAMAGES)
    for i, apply in enumerate(DAMAGES.values()):
        rows = torch.nonzero(hit & wanted[:, i])[:, 0]
        if len(rows):
            out[rows] = apply(out[rows], masks[rows], backgrounds[rows], g)
    return out
