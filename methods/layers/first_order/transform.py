"""The random transform of the equivariance losses, with its Jacobian (FOMM section 3.1 and supplement)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.layers.first_order.affine import AffinePoints, inverse, without_axis_swap
from methods.layers.first_order.sampling import Sampling
from methods.layers.grids import coordinate_grid

_EPS = 1e-6


@dataclass(frozen=True)
class RandomTransform:
    """T(p) = theta [p; 1] + sum_i weight_i d_i^2 ln(d_i + 1e-6), d_i the L1 distance to control point i [official].

    Attributes:
        theta: (B, 2, 3).
        weights: (B, N), the same for x and y.
        control: (N, 2).
    """

    theta: Tensor
    weights: Tensor
    control: Tensor

    @classmethod
    def draw(cls, batch: int, device: torch.device, affine: float = 0.05, spline: float = 0.005) -> RandomTransform:
        """Near the identity: normal noise on the affine part and on the 5 x 5 control weights, drawn on the CPU."""
        theta = (torch.eye(2, 3) + affine * torch.randn(batch, 2, 3)).to(device)
        weights = (spline * torch.randn(batch, 25)).to(device)
        return cls(theta, weights, coordinate_grid(5, 5, theta).view(25, 2))

    def __call__(self, points: Tensor) -> Tensor:
        """(B, P, 2) -> (B, P, 2)."""
        distance = (points.unsqueeze(2) - self.control).abs().sum(-1)
        bend = (distance.square() * torch.log(distance + _EPS) * self.weights.unsqueeze(1)).sum(-1, keepdim=True)
        return points @ self.theta[:, :, :2].mT + self.theta[:, None, :, 2] + bend

    def jacobian(self, points: Tensor) -> Tensor:
        """dT/dp at (B, P, 2) points -> (B, P, 2, 2); entry [i, j] is the derivative of T_i by p_j."""
        delta = points.unsqueeze(2) - self.control
        distance = delta.abs().sum(-1)
        slope = 2 * distance * torch.log(distance + _EPS) + distance.square() / (distance + _EPS)
        bend = ((slope * self.weights.unsqueeze(1)).unsqueeze(-1) * torch.sign(delta)).sum(2)
        return self.theta[:, None, :, :2] + bend.unsqueeze(2)

    def frame(self, image: Tensor, sampling: Sampling) -> Tensor:
        """Warp (B, C, H, W) by the transform, reflecting at the border."""
        height, width = image.shape[2:]
        points = coordinate_grid(height, width, image).view(1, -1, 2).expand(len(image), -1, -1)
        return sampling.warp(image, self(points).unflatten(1, (height, width)), padding="reflection")


def equivariance_losses(
    transform: RandomTransform, driving: AffinePoints, transformed: AffinePoints, axis_swap: bool = False
) -> tuple[Tensor, Tensor]:
    """mean |p - T(p')| and mean |I - A^-1 (dT/dp) A'| (FOMM eq. 9 and 10; MRAA likewise for its regions).

    Args:
        driving: points p with frames A of a frame.
        transformed: points p' with frames A' of the frame after :meth:`RandomTransform.frame`.
        axis_swap: see :func:`methods.layers.first_order.affine.without_axis_swap`.
    """
    value = F.l1_loss(transform(transformed.value), driving.value)
    product = inverse(driving.matrix) @ (transform.jacobian(transformed.value) @ transformed.matrix)
    if axis_swap:
        product = without_axis_swap(product)
    return value, (torch.eye(2, device=product.device) - product).abs().mean()
