"""Local affine motion: points with a 2x2 frame each, their heat maps, sampling grids, and transfer between people."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from methods.layers.grids import axis, coordinate_grid, gaussian_maps
from methods.layers.hull import hull_scale


@dataclass(frozen=True)
class AffinePoints:
    """K points of a batch, in network coordinates (x, y).

    Attributes:
        value: (B, K, 2) position.
        matrix: (B, K, 2, 2) local frame: FOMM's Jacobian, or MRAA's U sqrt(S).
        covariance: (B, K, 2, 2) of the region's heat map; None where points have none (FOMM).
    """

    value: Tensor
    matrix: Tensor
    covariance: Tensor | None = None

    def __len__(self) -> int:
        return len(self.value)

    def first(self) -> AffinePoints:
        """The first sample alone."""
        return AffinePoints(self.value[:1], self.matrix[:1], None if self.covariance is None else self.covariance[:1])

    def expand(self, batch: int) -> AffinePoints:
        """One sample (or already ``batch``) -> ``batch`` samples, without copying."""
        covariance = None if self.covariance is None else self.covariance.expand(batch, -1, -1, -1)
        return AffinePoints(self.value.expand(batch, -1, -1), self.matrix.expand(batch, -1, -1, -1), covariance)


def soft_argmax(heat: Tensor) -> Tensor:
    """Expected position of (B, K, h, w) heat maps that sum to 1 -> (B, K, 2) network coordinates."""
    height, width = heat.shape[2:]
    x = (heat.sum(2) * axis(width, heat)).sum(-1)
    y = (heat.sum(3) * axis(height, heat)).sum(-1)
    return torch.stack([x, y], dim=-1)


def spatial_softmax(logits: Tensor, temperature: float) -> Tensor:
    """Softmax over the pixels of each of (B, K, h, w) logits, divided by ``temperature``."""
    heat = torch.softmax(logits.flatten(2) / temperature, dim=-1)
    return heat.unflatten(2, (logits.shape[2], logits.shape[3]))


def inverse(matrix: Tensor) -> Tensor:
    """Inverse of (..., 2, 2); a singular one becomes non-finite, which the training loop catches."""
    found: Tensor = torch.linalg.inv_ex(matrix).inverse
    return found


def without_axis_swap(matrix: Tensor) -> Tensor:
    """(..., 2, 2) times the sign of its entry [0, 0]: the sign of singular vectors is arbitrary (MRAA)."""
    return matrix * torch.sign(matrix[..., :1, :1])


def heat_maps(points: AffinePoints, size: tuple[int, int], variance: float) -> Tensor:
    """Gaussians about the points, (B, K, h, w): of the points' covariance, or of ``variance`` where they have none."""
    if points.covariance is None:
        return gaussian_maps(points.value, size, variance)
    delta = coordinate_grid(*size, points.value) - points.value[:, :, None, None]
    precision = inverse(points.covariance)
    distance = torch.einsum("bkhwi,bkij,bkhwj->bkhw", delta, precision, delta)
    return torch.exp(-0.5 * distance)


def affine_grids(
    source: AffinePoints,
    driving: AffinePoints,
    size: tuple[int, int],
    background: Tensor | None = None,
    axis_swap: bool = False,
) -> Tensor:
    """Backward motion of every slot on the driving grid (FOMM eq. 4), (B, K + 1, h, w, 2).

    T_k(p) = A_S A_D^-1 (p - p_D) + p_S; slot 0 is the background, the identity where ``background`` is None.

    Args:
        size: (h, w) of the grid.
        background: (B, 3, 3) homogeneous transform, driving to source.
        axis_swap: undo the sign of singular vectors, see :func:`without_axis_swap`.
    """
    batch = len(driving)
    grid = coordinate_grid(*size, driving.value)
    local = source.matrix @ inverse(driving.matrix)
    if axis_swap:
        local = without_axis_swap(local)
    delta = grid - driving.value[:, :, None, None]
    moved = torch.einsum("bkij,bkhwj->bkhwi", local, delta) + source.value[:, :, None, None]
    if background is None:
        first = grid.expand(batch, 1, *size, 2)
    else:
        homogeneous = torch.cat([grid, torch.ones_like(grid[..., :1])], dim=-1)
        first = torch.einsum("bij,hwj->bhwi", background, homogeneous).unsqueeze(1)
        first = first[..., :2] / first[..., 2:]
    return torch.cat([first, moved], dim=1)


def movement_scale(source: AffinePoints, initial: AffinePoints) -> float:
    """sqrt(hull area of the source / of the first driving frame), of batch entry 0; 1 where one is degenerate."""
    return hull_scale(source.value[0], initial.value[0])


def relative_points(source: AffinePoints, driving: AffinePoints, initial: AffinePoints, scale: float) -> AffinePoints:
    """Motion since the first driving frame, applied to the source (FOMM section 3.3).

    Positions: (p_D - p_D0) ``scale`` + p_S; frames: A_D A_D0^-1 A_S; covariances (where points have any) stay those of
    the driving frame, so that MRAA's heat maps keep its extent [official code].
    """
    value = (driving.value - initial.value) * scale + source.value
    return AffinePoints(value, driving.matrix @ inverse(initial.matrix) @ source.matrix, driving.covariance)
