"""What the photo shows of the surface that a driving IUV map shows: labels and colours.

Ours, not the paper's: the presets ``quick`` and ``tiny`` begin with it, so that some hundred steps are enough.
"""

from __future__ import annotations

import torch
from torch import Tensor

from methods.layers.labels import IUV_PARTS

#: Bins of U and of V in which the photo's labels are counted for ``residual``.
_BINS = 8
#: Mirror image of each DensePose part, and the other side of the same limb: where a label is looked for next.
_MIRROR = (0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23)
_BEHIND = (0, 2, 1, 3, 4, 5, 6, 9, 10, 7, 8, 13, 14, 11, 12, 17, 18, 15, 16, 21, 22, 19, 20, 24, 23)
#: The same for colours.
_COLOUR_BINS = 16


def suggested(labels: Tensor, iuv: Tensor, driving: Tensor, classes: int) -> Tensor:
    """Shares of labels that the photo shows on the surface that a driving IUV map shows (ours, not the paper's).

    Labels are counted by part and by :data:`_BINS` x :data:`_BINS` bins of U and V; an empty bin takes the part's
    counts, an empty part those of its mirror image or of the other side of the limb, else none.

    Args:
        labels: (B, H, W) of the photo. iuv: (B, H, W, 3) uint8 of the photo. driving: (B, h, w, 3) uint8.

    Returns:
        (B, classes, h, w) in [0, 1]; background where the driving map has no part.
    """
    cells = _BINS * _BINS
    shape = (len(labels), IUV_PARTS + 1, cells, classes)
    index = _cell_of(iuv).flatten(1) * classes + labels.flatten(1).long()
    counts = torch.zeros(len(labels), shape[1] * cells * classes, device=labels.device)
    counts = counts.scatter_add(1, index, torch.ones_like(index, dtype=torch.float32)).view(shape)
    counts[..., 0] = 0
    part = counts.sum(2)
    for other in (_MIRROR, _BEHIND, tuple(_MIRROR[i] for i in _BEHIND)):
        empty = part.sum(-1, keepdim=True) == 0
        part = torch.where(empty, part[:, list(other)], part)
    counts = torch.where(counts.sum(-1, keepdim=True) == 0, part[:, :, None], counts)
    shares = counts / counts.sum(-1, keepdim=True).clamp(min=1)
    shares[:, 0] = 0
    shares[:, 0, :, 0] = 1
    index = _cell_of(driving).flatten(1)[..., None].expand(-1, -1, classes)
    found = shares.flatten(1, 2).gather(1, index)
    return found.mT.unflatten(2, driving.shape[1:3])


def _cell_of(iuv: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, H, W) number of the part's bin."""
    bins = (iuv[..., 1:].long() * _BINS // 256).clamp(0, _BINS - 1)
    return (iuv[..., 0].long() * _BINS + bins[..., 0]) * _BINS + bins[..., 1]


def surface_colours(rgb: Tensor, iuv: Tensor, driving: Tensor, instead: Tensor) -> Tensor:
    """Colours that the photo shows on the surface of a driving IUV map (ours, not the paper's).

    Colours are averaged by part and by :data:`_COLOUR_BINS` x :data:`_COLOUR_BINS` bins of U and V, and read between
    bins bilinearly, over those that the photo shows.

    Args:
        rgb: (B, 3, H, W) and iuv: (B, H, W, 3) uint8, the photo. driving: (B, h, w, 3) uint8.
        instead: (B, 3, h, w) where the photo shows nothing of it.

    Returns:
        (B, 3, h, w) in the range of ``rgb``.
    """
    bins = _COLOUR_BINS
    index = _colour_cell(iuv[..., 0].long(), *(_place(iuv, i).round().long() for i in (1, 2))).flatten(1)
    pixels = torch.cat([rgb, torch.ones_like(rgb[:, :1])], 1).flatten(2).mT
    cells = torch.zeros(len(rgb), (IUV_PARTS + 1) * bins * bins, 4, device=rgb.device)
    cells = cells.scatter_add(1, index[..., None].expand(-1, -1, 4), pixels)
    shown = (cells[..., 3:] > 0).float()
    means = torch.cat([cells[..., :3] / cells[..., 3:].clamp(min=1), shown], -1)
    part, u, v = driving[..., 0].long(), _place(driving, 1), _place(driving, 2)
    total = torch.zeros(*driving.shape[:3], 4, device=rgb.device)
    for du in (0, 1):
        for dv in (0, 1):
            at_u, at_v = u.floor().long() + du, v.floor().long() + dv
            weight = (1 - (u - at_u).abs()) * (1 - (v - at_v).abs())
            cell = _colour_cell(part, at_u.clamp(max=bins - 1), at_v.clamp(max=bins - 1)).flatten(1)
            total = total + weight[..., None] * means.gather(1, cell[..., None].expand(-1, -1, 4)).view_as(total)
    known = ((total[..., 3:] > 1e-3) & (part > 0)[..., None]).movedim(-1, 1)
    found = (total[..., :3] / total[..., 3:].clamp(min=1e-3)).movedim(-1, 1)
    return torch.where(known, found, instead)


def _place(iuv: Tensor, channel: int) -> Tensor:
    """U or V in bins, so that whole numbers are the bins' middles, cut to 0 .. bins - 1."""
    return ((iuv[..., channel].float() + 0.5) * (_COLOUR_BINS / 256) - 0.5).clamp(0, _COLOUR_BINS - 1)


def _colour_cell(part: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return (part * _COLOUR_BINS + u) * _COLOUR_BINS + v
