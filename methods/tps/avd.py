"""Animation via disentanglement: key points of the source's shape in the driving pose (paper section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.layers.heads import mlp, zero_last


class AVDNetwork(nn.Module):
    """Shape (id) encoder, pose encoder and decoder of fully connected layers.

    Args:
        num_points: 5K key points.
        width: of the first layer (official: 256; then 2 and 4 times that).
        bottleneck: size of each code (official: 128).
        residual: predict the change of the driving key points instead of the points (ours; begins near the ``standard``
            mode, so that a short training cannot make it worse).
    """

    def __init__(self, num_points: int, width: int = 256, bottleneck: int = 128, residual: bool = False) -> None:
        super().__init__()
        size, w = num_points * 2, width
        self.residual = residual
        self.id_encoder = mlp([size, w, 2 * w, 4 * w, bottleneck])
        self.pose_encoder = mlp([size, w, 2 * w, 4 * w, bottleneck])
        self.decoder = mlp([2 * bottleneck, 4 * w, 2 * w, w, size])
        if residual:
            zero_last(self.decoder)

    def forward(self, kp_source: Tensor, kp_driving: Tensor) -> Tensor:
        """Shape from (B, N, 2) ``kp_source``, pose from ``kp_driving`` -> (B, N, 2). Batch 1 needs eval mode."""
        shape, pose = self.id_encoder(kp_source.flatten(1)), self.pose_encoder(kp_driving.flatten(1))
        points: Tensor = self.decoder(torch.cat([pose, shape], dim=1)).view_as(kp_driving)
        return kp_driving + points if self.residual else points
