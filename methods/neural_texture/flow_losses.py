"""Losses on MotionNet's flow (eq. 10): correctness, affine regularisation, consistency of levels, total variation.

The last three look at what the network predicts, a displacement: adding an affine map changes none of them by much,
and a given correspondence is not to be smoothed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.layers.grids import coordinate_grid, warp
from methods.neural_texture.motion import Motion

#: Side of the affine regulariser's windows, quarter and half resolution (GFLA: 3 and 5).
WINDOWS = (3, 5)
EPS = 1e-8


def correctness(grid: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Perceptual correctness of one flow level (Ren et al., GFLA, eq. 4).

    mean over positions of exp(-cos(warped source, target) / max_j cos(source_j, target)) - 1/e: 0 where the flow
    points at the source position that is most like the target.

    Args:
        grid: (B, h, w, 2). source, target: (B, C, h, w) features, to which no gradient goes.
    """
    source, target = (F.normalize(x.float(), dim=1, eps=EPS) for x in (source, target))
    with torch.no_grad():
        best = torch.bmm(source.flatten(2).mT, target.flatten(2)).amax(dim=1)
    similarity = (F.normalize(warp(source, grid, "border"), dim=1, eps=EPS) * target).sum(1).flatten(1)
    return (torch.exp(-similarity / (best + EPS)) - math.exp(-1)).mean()


def correctness_loss(motion: Motion, source: Sequence[Tensor], target: Sequence[Tensor], levels: int) -> Tensor:
    """Sum over the ``levels`` coarsest flow levels; features are given fine to coarse, halved from tap to tap."""
    count = len(motion.predicted)
    terms = []
    for level in range(levels):
        tap = count - 1 - level
        if source[tap].shape[2:] != motion.predicted[level].shape[2:]:
            raise ValueError(f"tap {tap} has size {tuple(source[tap].shape[2:])}, not that of flow level {level}")
        terms.append(correctness(motion.grid(level), source[tap], target[tap]))
    return torch.stack(terms).sum()


def affine_projection(side: int) -> Tensor:
    """(side^2, side^2) matrix A (A^T A)^-1 A^T - I over a window: what an affine map cannot explain."""
    points = coordinate_grid(side, side, torch.zeros(())).reshape(-1, 2).double()
    a = torch.cat([points, torch.ones(len(points), 1, dtype=torch.float64)], dim=1)
    residual = a @ torch.linalg.inv(a.T @ a) @ a.T - torch.eye(len(a), dtype=torch.float64)
    return residual.float()


def affine_regularisation(flow: Tensor, side: int) -> Tensor:
    """Mean over windows of |K f|^2, f in pixels (GFLA eq. 5): 0 for a flow that is affine in every window.

    Args:
        flow: (B, 2, h, w) displacement in network units. side: of the windows.
    """
    h, w = flow.shape[2:]
    scale = torch.tensor([(w - 1) / 2, (h - 1) / 2], device=flow.device).view(1, 2, 1, 1)
    windows = F.unfold((flow.float() * scale).flatten(0, 1)[:, None], side)
    residual = affine_projection(side).to(flow.device) @ windows
    return residual.square().sum(dim=1).mean()


def consistency(flows: Sequence[Tensor]) -> Tensor:
    """Sum over finer levels of mean |reduced flow - coarsest flow|, the coarsest being the soft label (III-E)."""
    label = flows[0].detach()
    size = (label.shape[2], label.shape[3])
    terms = [F.l1_loss(F.interpolate(f, size, mode="bilinear", align_corners=True), label) for f in flows[1:]]
    return torch.stack(terms).sum()


def total_variation(flows: Sequence[Tensor]) -> Tensor:
    """Sum over levels of the mean absolute difference of neighbours in x and in y, network units."""
    return torch.stack([f.diff(dim=2).abs().mean() + f.diff(dim=3).abs().mean() for f in flows]).sum()
