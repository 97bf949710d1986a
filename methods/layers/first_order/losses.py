"""Losses of the reconstruction stage (FOMM section 3.4; MRAA section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.first_order.affine import AffinePoints
from methods.layers.first_order.config import LossConfig
from methods.layers.first_order.flow import Flow
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.first_order.transform import RandomTransform, equivariance_losses
from methods.layers.perceptual import PerceptualLoss


@dataclass(frozen=True)
class Reconstruction:
    """A driving frame made from the source of the same clip.

    Attributes:
        prediction: (B, 3, H, W) in [0, 1].
        points: of the driving frame.
        flow: what the flow network said.
        posed: the points that the motion came from: ``points``, or another person's in the same pose.
    """

    prediction: Tensor
    points: AffinePoints
    flow: Flow
    posed: AffinePoints


def reconstruct(
    detector: nn.Module,
    generator: WarpGenerator,
    background: nn.Module | None,
    source: Tensor,
    driving: Tensor,
    motion_from: Tensor | None = None,
) -> Reconstruction:
    """Make the driving frames from the sources, both (B, 3, H, W) in [0, 1].

    Args:
        detector: image -> :class:`methods.layers.first_order.affine.AffinePoints`.
        background: (source, driving) -> (B, 3, 3), or None.
        motion_from: frames of other people in the poses of ``driving``, whose points are used in its place (ours; for
            making a shipped checkpoint from a world that has such pairs).
    """
    points, moved = detector(source), detector(driving)
    posed = moved if motion_from is None else detector(motion_from)
    matrix = None if background is None else background(source, driving)
    flow = generator.flow(generator.flow.down(source), points, posed, matrix)
    return Reconstruction(generator(generator.encode(source), source, flow), moved, flow, posed)


def twin_terms(config: LossConfig, made: Reconstruction) -> dict[str, Tensor]:
    """Weighted distance of the points of a driving frame and of another person in its pose; empty without the other."""
    if made.posed is made.points or not config.equivariance_value:
        return {}
    return {"twin": config.equivariance_value * F.l1_loss(made.posed.value, made.points.value)}


def image_terms(
    config: LossConfig, perceptual: PerceptualLoss, prediction: Tensor, driving: Tensor
) -> dict[str, Tensor]:
    """Weighted perceptual and L1 terms between two (B, 3, H, W) batches; terms of weight 0 are left out."""
    terms = {}
    if config.perceptual:
        terms["perceptual"] = config.perceptual * perceptual(prediction, driving)
    if config.l1:
        terms["l1"] = config.l1 * F.l1_loss(prediction, driving)
    return terms


def equivariance_terms(
    config: LossConfig, detector: nn.Module, generator: WarpGenerator, driving: Tensor, points: AffinePoints
) -> dict[str, Tensor]:
    """Weighted equivariance terms of the driving frames under a random transform (FOMM eq. 9 and 10).

    Args:
        driving: (B, 3, H, W) frames. points: found in them.
    """
    if not config.equivariance_value and not config.equivariance_matrix:
        return {}
    transform = RandomTransform.draw(len(driving), driving.device)
    with torch.autocast(driving.device.type, enabled=False):
        bent = transform.frame(driving, generator.sampling)
    transformed = detector(bent)
    with torch.autocast(driving.device.type, enabled=False):
        value, frame = equivariance_losses(transform, points, transformed, generator.flow.axis_swap)
    terms = {}
    if config.equivariance_value:
        terms["equivariance_value"] = config.equivariance_value * value
    if config.equivariance_matrix:
        terms["equivariance_matrix"] = config.equivariance_matrix * frame
    return terms
