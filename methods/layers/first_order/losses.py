"""Losses of the reconstruction stage (FOMM section 3.4; MRAA section 3.5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.first_order.config import LossConfig
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.first_order.transform import RandomTransform, equivariance_losses
from methods.layers.perceptual import PerceptualLoss


def reconstruction_losses(
    detector: nn.Module,
    generator: WarpGenerator,
    background: nn.Module | None,
    config: LossConfig,
    perceptual: PerceptualLoss,
    source: Tensor,
    driving: Tensor,
) -> dict[str, Tensor]:
    """Weighted terms on (B, 3, H, W) frames in [0, 1]; terms of weight 0 are left out.

    Args:
        detector: image -> :class:`methods.layers.first_order.affine.AffinePoints`.
        background: (source, driving) -> (B, 3, 3), or None.
    """
    points, moved = detector(source), detector(driving)
    matrix = None if background is None else background(source, driving)
    flow_network = generator.flow
    flow = flow_network(flow_network.down(source), points, moved, matrix)
    prediction = generator(generator.encode(source), source, flow)
    terms = {}
    if config.perceptual:
        terms["perceptual"] = config.perceptual * perceptual(prediction, driving)
    if config.l1:
        terms["l1"] = config.l1 * F.l1_loss(prediction, driving)
    if config.equivariance_value or config.equivariance_matrix:
        transform = RandomTransform.draw(len(driving), driving.device)
        with torch.autocast(driving.device.type, enabled=False):
            bent = transform.frame(driving, generator.sampling)
        transformed = detector(bent)
        with torch.autocast(driving.device.type, enabled=False):
            value, frame = equivariance_losses(transform, moved, transformed, flow_network.axis_swap)
        if config.equivariance_value:
            terms["equivariance_value"] = config.equivariance_value * value
        if config.equivariance_matrix:
            terms["equivariance_matrix"] = config.equivariance_matrix * frame
    return terms
