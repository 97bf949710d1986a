"""Thin-plate splines: motion from key points, and the random transform of the equivariance loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from methods.layers.grids import coordinate_grid, warp


def radial_basis(squared: Tensor) -> Tensor:
    """U(r) = r^2 log r^2 (paper eq. 3) of squared distances; 1e-9 keeps the logarithm finite at 0 [official code]."""
    return squared * torch.log(squared + 1e-9)


def _squared_distances(points: Tensor, control: Tensor) -> Tensor:
    """(B, K, P, 2) and (B, K, N, 2) -> (B, K, P, N), by differences: exact zero for equal points."""
    return (points.unsqueeze(-2) - control.unsqueeze(-3)).square().sum(-1)


@dataclass(frozen=True)
class ThinPlateSpline:
    """K thin-plate splines a sample (paper eq. 2): T(p) = theta [p; 1] + sum_i weights_i U(|p - control_i|).

    Attributes:
        theta: (B, K, 2, 3) affine part.
        weights: (B, K, N, 2) weight of each control point.
        control: (B, K, N, 2) control points.
    """

    theta: Tensor
    weights: Tensor
    control: Tensor

    @classmethod
    def solve(cls, control: Tensor, target: Tensor, regularisation: float = 0.01) -> ThinPlateSpline:
        """Splines that take ``control`` to ``target``, both (B, K, N, 2) in network coordinates.

        ``regularisation`` is added to all N + 3 diagonal entries of the system; the paper does not mention it, the
        official code uses 0.01. With 0 the spline interpolates its control points exactly.
        """
        with torch.autocast(control.device.type, enabled=False):
            control, target = control.float(), target.float()
            b, k, n, _ = control.shape
            system = control.new_zeros(b, k, n + 3, n + 3)
            affine = torch.cat([control, control.new_ones(b, k, n, 1)], dim=-1)
            pairs = control.unsqueeze(-2) - control.unsqueeze(-3)
            system[..., :n, :n] = radial_basis(
                torch.linalg.vector_norm(pairs, dim=-1).square()
            )  # rounds as the official code
            system[..., :n, n:] = affine
            system[..., n:, :n] = affine.mT
            system = system + regularisation * torch.eye(n + 3, device=control.device)
            wanted = torch.cat([target, target.new_zeros(b, k, 3, 2)], dim=-2)
            # The explicit inverse keeps the official code's rounding. inv_ex: a singular system becomes non-finite
            # values, which the training loop catches, without a device synchronisation.
            solution = torch.linalg.inv_ex(system).inverse @ wanted
            return cls(solution[..., n:, :].mT, solution[..., :n, :], control)

    def __call__(self, points: Tensor) -> Tensor:
        """Transform points (P, 2), shared by all, or (B, K, P, 2) -> (B, K, P, 2)."""
        b, k = self.control.shape[:2]
        with torch.autocast(points.device.type, enabled=False):
            points = points.float().expand(b, k, *points.shape[-2:])
            linear = points @ self.theta[..., :2].mT + self.theta[..., 2].unsqueeze(-2)
            return linear + radial_basis(_squared_distances(points, self.control)) @ self.weights

    def grid(self, height: int, width: int) -> Tensor:
        """The transformed coordinate grid, (B, K, height, width, 2)."""
        points = coordinate_grid(height, width, self.control).view(-1, 2)
        return self(points).unflatten(2, (height, width))


def affine_grid(matrix: Tensor, height: int, width: int) -> Tensor:
    """Coordinate grid under background motion (paper eq. 4): (B, 3, 3) -> (B, height, width, 2)."""
    points = coordinate_grid(height, width, matrix).view(1, -1, 2)
    moved = points @ matrix[:, :2, :2].mT + matrix[:, None, :2, 2]
    scale = points @ matrix[:, 2, :2].unsqueeze(-1) + matrix[:, 2:, 2:]
    return (moved / scale).unflatten(1, (height, width))


def random_spline(
    batch: int, device: torch.device, sigma_affine: float = 0.05, sigma_tps: float = 0.005
) -> ThinPlateSpline:
    """Random spline near the identity on a 5 x 5 control grid (FOMM's transform; values of the official code).

    The affine part gets noise of standard deviation ``sigma_affine``; each control point one scalar weight of
    standard deviation ``sigma_tps``, the same for x and y. Drawn on the CPU, so that every device sees the same.
    """
    identity = torch.eye(2, 3).expand(batch, 1, 2, 3)
    theta = (identity + sigma_affine * torch.randn(batch, 1, 2, 3)).to(device)
    weights = (sigma_tps * torch.randn(batch, 1, 25, 1)).to(device).expand(-1, -1, -1, 2)
    control = coordinate_grid(5, 5, theta).view(1, 1, 25, 2).expand(batch, -1, -1, -1)
    return ThinPlateSpline(theta, weights, control)


def transform_frame(spline: ThinPlateSpline, frame: Tensor) -> Tensor:
    """Warp (B, C, H, W) frames by a spline with K = 1, reflecting at the border."""
    return warp(frame, spline.grid(*frame.shape[2:])[:, 0], padding="reflection")
