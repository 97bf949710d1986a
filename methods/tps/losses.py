"""Losses of both stages (paper section 3.3 and 3.4)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.perceptual import PerceptualLoss
from methods.tps.background import consistency
from methods.tps.config import LossConfig, TrainConfig
from methods.tps.transform import ThinPlateSpline, random_spline, transform_frame


def dropout_probability(config: TrainConfig, epoch: int) -> float:
    """Spline dropout probability [official code]: min(epoch / ramp * max + start, max), 0 at the end."""
    if epoch >= config.dropout_epochs:
        return 0.0
    ramp = epoch / config.dropout_ramp_epochs * config.dropout_max
    return min(ramp + config.dropout_start, config.dropout_max)


def _keypoints(detector: Any, images: list[Tensor]) -> list[Tensor]:
    """Key points of several batches; in one pass where the detector has no batch statistics."""
    if detector.batchable:
        return list(detector(torch.cat(images)).chunk(len(images)))
    return [detector(image) for image in images]


def equivariance_loss(spline: ThinPlateSpline, kp_driving: Tensor, kp_transformed: Tensor) -> Tensor:
    """mean |kp(D) - T(kp(T-warped D))| (paper eq. 10, in the official code's direction)."""
    return F.l1_loss(spline(kp_transformed.unsqueeze(1))[:, 0], kp_driving)


def reconstruction_losses(
    nets: nn.ModuleDict,
    config: LossConfig,
    perceptual: PerceptualLoss,
    source: Tensor,
    driving: Tensor,
    drop: float,
    use_background: bool,
    motion_from: Tensor | None = None,
) -> dict[str, Tensor]:
    """Weighted terms of stage 1 (paper eq. 14) on (B, 3, H, W) frames; terms of weight 0 are left out.

    Args:
        drop: spline dropout probability.
        use_background: whether the background predictor (where there is one) takes part yet.
        motion_from: frames of other people in the poses of ``driving``, whose key points are used in its place (ours;
            for making a shipped checkpoint from a world that has such pairs).
    """
    generator: Any = nets["inpainting_network"]
    dense: Any = nets["dense_motion_network"]
    posed = driving if motion_from is None else motion_from
    images, spline = [source, posed], None
    if config.equivariance:
        spline = random_spline(len(posed), posed.device)
        images.append(transform_frame(spline, posed))
    if motion_from is not None:
        images.append(driving)
    kp_source, kp_driving, *others = _keypoints(nets["kp_detector"], images)

    background = None
    if use_background and "bg_predictor" in nets:
        background = nets["bg_predictor"](source, driving)
    motion = dense(dense.down(source), kp_source, kp_driving, background, drop)
    features = generator.encode(source)
    prediction, _ = generator(features, source, motion)

    terms = {}
    if config.perceptual:
        terms["perceptual"] = config.perceptual * perceptual(prediction, driving)
    if config.l1:
        terms["l1"] = config.l1 * F.l1_loss(prediction, driving)
    if spline is not None:
        terms["equivariance"] = config.equivariance * equivariance_loss(spline, kp_driving, others[0])
    if motion_from is not None:
        terms["twin"] = config.equivariance * F.l1_loss(kp_driving, others[-1])
    if config.warp:
        terms["warp"] = config.warp * generator.warp_loss(features, driving, motion)
    if config.background and background is not None:
        terms["background"] = config.background * consistency(background, nets["bg_predictor"](driving, source))
    return terms


def avd_loss(
    nets: nn.ModuleDict,
    source: Tensor,
    driving: Tensor,
    random_scale: float,
    jitter: float = 0.0,
    motion_from: Tensor | None = None,
) -> Tensor:
    """L1 between the driving key points and their reconstruction from a randomly stretched copy (paper section 3.4).

    Each sample and axis is scaled by U(1 - random_scale, 1 + random_scale) before the pose encoder sees it; with
    ``jitter`` (ours), every point is also moved by N(0, s), s ~ U(0, jitter) for each sample. With ``motion_from``
    (ours) the stretched points are those of other people in the poses of ``driving``.
    """
    with torch.no_grad():
        images = [source, driving] if motion_from is None else [source, driving, motion_from]
        kp_source, kp_driving, *others = _keypoints(nets["kp_detector"], images)
        factor = 1 + random_scale * (2 * torch.rand(len(driving), 1, 2) - 1)
        stretched = (others[0] if others else kp_driving) * factor.to(kp_driving)
        if jitter:
            sigma = jitter * torch.rand(len(driving), 1, 1)
            stretched = stretched + (sigma * torch.randn(kp_driving.shape)).to(kp_driving)
    return F.l1_loss(nets["avd_network"](kp_source, stretched), kp_driving)
