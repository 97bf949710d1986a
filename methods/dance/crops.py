"""l(I): five images of the appearance, the resized boxes of five segments of the photo (section 3.2, eq. 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.dance.labels import SEGMENTS
from methods.layers.grids import warp


def segment_masks(labels: Tensor) -> Tensor:
    """(B, H, W) labels -> (B, 5, H, W) bool: face and hair, upper, lower, shoes and socks, skin."""
    table = torch.zeros(len(SEGMENTS), 256, dtype=torch.bool, device=labels.device)
    for i, members in enumerate(SEGMENTS):
        table[i, list(members)] = True
    return table[:, labels.long()].movedim(0, 1)


def boxes_of(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes of (..., H, W) bool masks: (..., 4) x0, y0, x1, y1 (last pixels included), and whether there is any."""
    columns, rows = masks.any(-2), masks.any(-1)
    height, width = masks.shape[-2:]

    def ends(lines: Tensor, length: int) -> tuple[Tensor, Tensor]:
        return lines.float().argmax(-1), length - 1 - lines.flip(-1).float().argmax(-1)

    (left, right), (top, bottom) = ends(columns, width), ends(rows, height)
    return torch.stack([left, top, right, bottom], -1).float(), columns.any(-1)


def segment_crops(rgb: Tensor, labels: Tensor, size: int) -> Tensor:
    """t_1 .. t_5: each segment's box brought to a square; what is in it of other labels is black (ours).

    Args:
        rgb: (B, 3, H, W) in [0, 1]. labels: (B, H, W).

    Returns:
        (B, 5, 3, size, size), bilinear; black for a segment that the photo does not show.
    """
    masks = segment_masks(labels)
    box, found = boxes_of(masks)
    step = (torch.arange(size, device=rgb.device) + 0.5) / size
    x = box[..., 0, None] - 0.5 + (box[..., 2] - box[..., 0] + 1)[..., None] * step
    y = box[..., 1, None] - 0.5 + (box[..., 3] - box[..., 1] + 1)[..., None] * step
    height, width = labels.shape[-2:]
    x, y = 2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1
    shape = (*x.shape[:2], size, size)
    grid = torch.stack([x[..., None, :].expand(shape), y[..., :, None].expand(shape)], -1)
    cut = rgb[:, None] * (masks & found[..., None, None])[:, :, None]
    crops = warp(cut.flatten(0, 1), grid.flatten(0, 1), padding="border")
    return crops.unflatten(0, (-1, len(SEGMENTS)))


def colour_table(rgb: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Mean colour of each label in the photo; of one it does not show, that of its segment, else of the person.

    Returns:
        (B, classes, 3) in [0, 1]; grey where no person is seen.
    """
    pixels = rgb.flatten(2).mT
    member = torch.nn.functional.one_hot(labels.flatten(1).long(), classes).float()

    def means(groups: Tensor) -> tuple[Tensor, Tensor]:
        count = groups.sum(1)
        return (groups.mT @ pixels) / count.clamp(min=1)[..., None], count > 0

    person = (labels.flatten(1) > 0).float()[..., None]
    whole, any_person = means(person)
    table = torch.where(any_person[..., None], whole, torch.full_like(whole, 0.5)).expand(-1, classes, -1).clone()
    of_segment, seen = means(segment_masks(labels).flatten(2).mT.float())
    for i, members in enumerate(SEGMENTS):
        inside = [label for label in members if label < classes]
        table[:, inside] = torch.where(seen[:, i, None, None], of_segment[:, i, None], table[:, inside])
    own, shown = means(member)
    return torch.where(shown[..., None], own, table)
