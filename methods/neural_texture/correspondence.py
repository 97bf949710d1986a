"""What a photo's IUV map says without learning: textures of its surface, and where each surface point is seen.

Both are values of photo pixels, spread into one small square a body part by (U, V), with holes filled from their
neighbourhood, and read again by another IUV map. Used by the presets for small machines (ours); the paper learns both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.layers.grids import coordinate_grid, warp

PARTS = 24
#: Confidence of a hole falls by this factor with each halving of resolution from which it was filled.
DECAY = 0.6
#: Weight of the coarser level where a texel was seen.
LEAK = 1e-3


#: A part is borrowed where it has less than this share of its partner's pixels.
SLIVER = 0.15
#: For parts 1..24 the other side of the same limb, and whether its U and V run the other way (DensePose's charts).
OTHER_SIDE = (
    (2, 0, 0), (1, 0, 0), (4, 0, 0), (3, 0, 0), (6, 0, 0), (5, 0, 0),
    (9, 1, 1), (10, 1, 1), (7, 1, 1), (8, 1, 1), (13, 1, 0), (14, 1, 0), (11, 1, 0), (12, 1, 0),
    (17, 0, 0), (18, 0, 0), (15, 0, 0), (16, 0, 0), (21, 1, 0), (22, 1, 0), (19, 1, 0), (20, 1, 0),
    (24, 1, 0), (23, 1, 0),
)  # fmt: skip
#: For parts 1..24 the same part of the other limb.
OTHER_LIMB = (2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23)


@dataclass(frozen=True)
class Surface:
    """A photo's surface by part.

    Attributes:
        colours: (B, 24, 3, S, S) in [0, 1], 0 where nothing is known.
        positions: (B, 24, 2, S, S) where a point is seen, network coordinates (x, y).
        confidence: (B, 24, 1, S, S): 1 seen, less the further a hole was from what was seen, less again in a part that
            is hardly seen and borrows from its other side or limb; 0 where that is not seen either.
    """

    colours: Tensor
    positions: Tensor
    confidence: Tensor

    def expand(self, batch: int) -> Surface:
        """One photo's surface for a batch of driving frames."""
        return Surface(*(x.expand(batch, -1, -1, -1, -1) for x in (self.colours, self.positions, self.confidence)))


def texture_grid(parts: Tensor, uv: Tensor) -> Tensor:
    """Sampling grid into a stack of textures: (..., 2) (U, V) in [0, 1] and part numbers 0..23 -> (..., 3).

    Columns are V and rows U, as in FewShotMotionTransfer; exactly on a part's slice, so that parts never mix.
    """
    z = 2.0 * parts.float() / (PARTS - 1) - 1.0
    return torch.stack([2 * uv[..., 1] - 1, 2 * uv[..., 0] - 1, z], dim=-1)


def sample_textures(textures: Tensor, parts: Tensor, uv: Tensor) -> Tensor:
    """Bilinear samples of textures (eq. 6).

    Args:
        textures: (B, 24, C, S, S). parts: (B, K, H, W) part numbers 0..23. uv: (B, K, H, W, 2) in [0, 1].

    Returns:
        (B, C, K, H, W) float32.
    """
    grid = texture_grid(parts, uv.float())
    volume = textures.float().transpose(1, 2)
    return F.grid_sample(volume, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _spread(values: Tensor, iuv: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Bilinear splatting of (B, C, H, W) values of body pixels -> sums (B * 24, C, S, S), weights (B * 24, 1, S, S)."""
    b, c = values.shape[:2]
    body = (iuv[..., 0] > 0).nonzero(as_tuple=True)
    part, uv = iuv[body][:, 0].long(), iuv[body][:, 1:].float() / 255 * (size - 1)
    low = uv.floor().clamp(max=max(size - 2, 0))
    share, low = uv - low, low.long()
    rows = values.movedim(1, -1)[body]
    rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
    start = ((body[0] * PARTS + part - 1) * size + low[:, 0]) * size + low[:, 1]
    table = values.new_zeros(b * PARTS * size * size, c + 1)
    for down in (0, 1):
        for right in (0, 1):
            weight = (share[:, 0] if down else 1 - share[:, 0]) * (share[:, 1] if right else 1 - share[:, 1])
            table.index_add_(0, start + down * size + right, rows * weight[:, None])
    made = table.view(b * PARTS, size, size, c + 1).movedim(-1, 1)
    return made[:, :c], made[:, c:]


def _fill(sums: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted means with holes filled from the next coarser level, down to one texel -> values, confidence."""
    if sums.shape[-1] > 1:
        coarse, trust = _fill(4 * F.avg_pool2d(sums, 2), 4 * F.avg_pool2d(weights, 2))
        coarse, trust = (F.interpolate(x, scale_factor=2.0, mode="nearest") for x in (coarse, trust))
    else:
        coarse, trust = torch.zeros_like(sums), torch.zeros_like(weights)
    total = weights + LEAK
    return (sums + LEAK * coarse) / total, (weights + LEAK * DECAY * trust) / total


def _borrow(
    values: Tensor, confidence: Tensor, pixels: Tensor, partners: Sequence[tuple[int, int, int]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Fill the parts of which the photo shows next to nothing from their partners, with less confidence.

    A sliver of a part is a few pixels of its outline, which are half background.

    Args:
        values: (B, 24, C, S, S). confidence: (B, 24, 1, S, S). pixels: (B, 24), of the photo. partners: number, flip U,
            flip V of each part's partner.
    """
    order = torch.tensor([number - 1 for number, _, _ in partners], device=values.device)
    flips = torch.tensor([flip for _, *flip in partners], device=values.device).view(1, PARTS, 2, 1, 1, 1) > 0
    lacking = pixels < SLIVER * pixels[:, order]
    where = lacking[:, :, None, None, None]
    filled = []
    for own, other in ((values, values[:, order]), (confidence, confidence[:, order] * DECAY)):
        other = torch.where(flips[:, :, 0], other.flip(3), other)
        other = torch.where(flips[:, :, 1], other.flip(4), other)
        filled.append(torch.where(where, other, own))
    return filled[0], filled[1], torch.where(lacking, pixels[:, order], pixels)


@torch.no_grad()
def extract_surface(image: Tensor, iuv: Tensor, size: int) -> Surface:
    """The surface that a photo shows.

    Args:
        image: (B, 3, H, W) in [0, 1]. iuv: (B, H, W, 3) uint8 part, U, V. size: texels on a side, a power of two.
    """
    b, _, h, w = image.shape
    where = coordinate_grid(h, w, image).permute(2, 0, 1).expand(b, -1, -1, -1)
    sums, weights = _spread(torch.cat([image.float(), where], dim=1), iuv, size)
    values, confidence = _fill(sums, weights)
    values, confidence = (x.unflatten(0, (b, PARTS)) for x in (values, confidence))
    pixels = F.one_hot(iuv[..., 0].flatten(1).long(), PARTS + 1).sum(1)[:, 1:].float()
    for partners in (OTHER_SIDE, [(limb, 0, 0) for limb in OTHER_LIMB]):
        values, confidence, pixels = _borrow(values, confidence, pixels, partners)
    return Surface(values[:, :, :3], values[:, :, 3:], confidence)


@torch.no_grad()
def find_correspondence(surface: Surface, photo: Tensor, photo_iuv: Tensor, iuv: Tensor) -> Tensor:
    """Where the photo shows the surface points of another frame.

    Args:
        surface: of the photo. photo: (B, 3, H, W). photo_iuv, iuv: (B, H, W, 3) uint8, of the photo and of the frame.

    Returns:
        (B, 6, H, W): displacement in network units (2; 0 on the background and for parts that are not seen),
        confidence (1; 0 where the photo shows another part at that place), and the photo seen through it (3).
    """
    part = iuv[..., 0].long()
    textures = torch.cat([surface.positions, surface.confidence], dim=2)
    found = sample_textures(textures, (part - 1).clamp(min=0)[:, None], iuv[:, None, ..., 1:].float() / 255)[:, :, 0]
    here = coordinate_grid(iuv.shape[1], iuv.shape[2], photo).permute(2, 0, 1)
    known = ((part > 0)[:, None] & (found[:, 2:] > 0)).float()
    displacement = (found[:, :2] - here) * known
    grid = (displacement + here).permute(0, 2, 3, 1)
    labels = photo_iuv[..., :1].movedim(-1, 1).float()
    there = F.grid_sample(labels, grid, mode="nearest", align_corners=True)
    confidence = torch.where(part[:, None] > 0, found[:, 2:] * (there == part[:, None]), 1.0)
    return torch.cat([displacement, confidence, warp(photo, grid)], dim=1)
