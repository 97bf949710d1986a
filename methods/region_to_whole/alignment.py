"""Global Alignment Module: the source person brought to the size and place of the driving one (paper eq. 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from methods.layers.grids import warp
from methods.region_to_whole.inputs import EMPTY


@dataclass(frozen=True)
class Box:
    """Bounding boxes of B masks, in pixels with integer centres.

    Attributes:
        centre: (B, 2) x, y.
        height: (B,) rows from the first to the last, both counted.
        found: (B,) whether the mask is not empty.
    """

    centre: Tensor
    height: Tensor
    found: Tensor


def box_of(mask: Tensor, least: int = 1) -> Box:
    """Box of (B, 1, H, W) masks; rows and columns count where at least ``least`` pixels are above 0."""
    inside = mask[:, 0] > 0
    rows, columns = inside.sum(2) >= least, inside.sum(1) >= least
    top, bottom = _ends(rows)
    left, right = _ends(columns)
    centre = torch.stack([(left + right) / 2, (top + bottom) / 2], dim=1)
    return Box(centre, bottom - top + 1, rows.any(1) & columns.any(1))


def _ends(lines: Tensor) -> tuple[Tensor, Tensor]:
    """First and last true entry of (B, n) as floats (0 and n - 1 where none is)."""
    counted = lines.float()
    first = counted.argmax(1).float()
    last = lines.shape[1] - 1 - counted.flip(1).argmax(1).float()
    return first, last


def alignment(
    source: Tensor, driving: Tensor, limits: tuple[float, float], least: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Scale and centres of eq. 4 from (B, 1, H, W) person masks.

    Eq. 4 read about the centre of the person, since about the origin it would move whoever it scales.

    Returns:
        (B,) scale R = H_d / H_s within ``limits``, (B, 2) source and (B, 2) driving centre; the identity
        where a mask is
        empty.
    """
    here, there = box_of(source, least), box_of(driving, least)
    both = here.found & there.found
    scale = torch.where(both, (there.height / here.height).clamp(*limits), torch.ones_like(here.height))
    return scale, here.centre, torch.where(both[:, None], there.centre, here.centre)


def align(
    image: Tensor, source: Tensor, driving: Tensor, limits: tuple[float, float] = (0.2, 5.0), least: int = 1
) -> Tensor:
    """GAM: scale and move what lies in ``image`` so that the source person takes the driving one's height and place.

    Args:
        image: (B, C, H, W) in [-1, 1], -1 where nothing is (foreground, regions).
        source, driving: (B, 1, H, W) person masks.

    Returns:
        (B, C, H, W), bilinear; -1 where the photo does not reach.
    """
    scale, centre_s, centre_d = alignment(source, driving, limits, least)
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=image.device, dtype=torch.float32),
        torch.arange(width, device=image.device, dtype=torch.float32),
        indexing="ij",
    )
    place = torch.stack([x, y], dim=-1)[None]
    read = centre_s[:, None, None] + (place - centre_d[:, None, None]) / scale[:, None, None, None]
    grid = 2 * read / read.new_tensor([max(width - 1, 1), max(height - 1, 1)]) - 1
    return warp(image - EMPTY, grid) + EMPTY
