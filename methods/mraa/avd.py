"""Animation via disentanglement: regions of the source's shape in the driving pose (MRAA section 3.6)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.first_order.affine import AffinePoints, inverse
from methods.layers.heads import mlp, zero_last


def aligned(points: AffinePoints, like: AffinePoints) -> Tensor:
    """Frames of ``points`` with the sign that makes entry [0, 0] of A like.A^-1 positive, (B, K, 2, 2)."""
    with torch.autocast(points.matrix.device.type, enabled=False):
        relative = points.matrix @ inverse(like.matrix.float())
    return points.matrix * torch.sign(relative[..., :1, :1])


def _flat(value: Tensor, matrix: Tensor) -> Tensor:
    return torch.cat([value, matrix.flatten(2)], dim=-1).flatten(1)


class AVDNetwork(nn.Module):
    """Shape (id) encoder, pose encoder and decoder of fully connected layers over 6 numbers a region.

    Args:
        regions: K.
        width: of the first layer (official: 256; then 2 and 4 times that).
        bottleneck: size of each code (official: 64).
        residual: predict the change of the driving regions instead of the regions (ours; begins as the ``standard``
            mode, so that a short training cannot make it worse).
    """

    def __init__(self, regions: int, width: int = 256, bottleneck: int = 64, residual: bool = False) -> None:
        super().__init__()
        size, w = regions * 6, width
        self.residual = residual
        self.id_encoder = mlp([size, w, 2 * w, 4 * w, bottleneck])
        self.pose_encoder = mlp([size, w, 2 * w, 4 * w, bottleneck])
        self.decoder = mlp([2 * bottleneck, 4 * w, 2 * w, w, size])
        if residual:
            zero_last(self.decoder)

    def forward(self, source: AffinePoints, driving: AffinePoints) -> AffinePoints:
        """Shape from ``source``, pose from ``driving``, of one batch size; batch 1 needs eval mode."""
        shape = self.id_encoder(_flat(source.value, aligned(source, driving)))
        pose = self.pose_encoder(_flat(driving.value, driving.matrix))
        found = self.decoder(torch.cat([pose, shape], dim=1)).float().unflatten(1, (-1, 6))
        value, matrix = found[..., :2], found[..., 2:].unflatten(2, (2, 2))
        if self.residual:
            value, matrix = driving.value + value, driving.matrix + matrix
        return AffinePoints(value, matrix, matrix @ matrix.mT)


def avd_losses(
    avd: nn.Module,
    source: AffinePoints,
    driving: AffinePoints,
    random_scale: float,
    motion_from: AffinePoints | None = None,
) -> tuple[Tensor, Tensor]:
    """L1 on positions and on frames between the driving regions and their reconstruction from a stretched copy.

    Each sample and axis is scaled by U(1 - random_scale, 1 + random_scale) before the pose encoder sees it; the target
    frame takes the sign of the reconstruction. With ``motion_from`` (ours) the stretched regions are those of other
    people in the poses of ``driving``.
    """
    posed = driving if motion_from is None else motion_from
    factor = (1 + random_scale * (2 * torch.rand(len(driving), 1, 2) - 1)).to(driving.value)
    stretched = AffinePoints(posed.value * factor, factor.unsqueeze(-1) * posed.matrix)
    found: AffinePoints = avd(source, stretched)
    wanted = aligned(driving, AffinePoints(found.value, found.matrix.detach()))
    return F.l1_loss(found.value, driving.value), F.l1_loss(found.matrix, wanted)
