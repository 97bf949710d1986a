"""Losses of both stages (paper section 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.letterbox import Letterbox
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


#: BODY_25 joints in the order of the detector's points: one spline each for head, right and left upper body, legs.
JOINTS = (0, 15, 16, 17, 18, 1, 2, 3, 4, 9, 8, 5, 6, 7, 12, 10, 11, 22, 23, 24, 13, 14, 19, 20, 21)


def joints_loss(points: Tensor, keypoints: Tensor, box: Letterbox) -> Tensor:
    """mean |kp - joint| in network coordinates (ours): teaches every point one BODY_25 joint, so that a point means the
    same on everybody. Joints outside the frame count as where the frame's border is nearest.

    Args:
        points: (B, 25, 2) network coordinates (x, y).
        keypoints: (B, 135, 3) canonical key points in pixels of the frame before ``box`` padded it.
    """
    left, right, top, bottom = box.margins
    sides = keypoints.new_tensor([box.width + left + right - 1, box.height + top + bottom - 1])
    joints = keypoints[:, list(JOINTS), :2] + keypoints.new_tensor([left, top])
    return F.l1_loss(points, (2 * joints / sides - 1).clamp(-1, 1))


def reconstruction_losses(
    nets: nn.ModuleDict,
    config: LossConfig,
    perceptual: PerceptualLoss,
    source: Tensor,
    driving: Tensor,
    drop: float,
    use_background: bool,
    teacher: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> dict[str, Tensor]:
    """Weighted terms of stage 1 (paper eq. 14) on (B, 3, H, W) frames; terms of weight 0 are left out.

    Args:
        drop: spline dropout probability.
        use_background: whether the background predictor (where there is one) takes part yet.
        teacher: (source points, driving points) -> loss on them before its weight ``config.joints``.
    """
    generator: Any = nets["inpainting_network"]
    dense: Any = nets["dense_motion_network"]
    images, spline = [source, driving], None
    if config.equivariance:
        spline = random_spline(len(driving), driving.device)
        images.append(transform_frame(spline, driving))
    kp_source, kp_driving, *kp_transformed = _keypoints(nets["kp_detector"], images)

    background = None
    if use_background and "bg_predictor" in nets:
        background = nets["bg_predictor"](source, driving)
    motion = dense(dense.down(source), kp_source, kp_driving, background, drop)
    features = generator.encode(source)
    prediction, _ = generator(features, source, motion)

    terms = {}
    if teacher is not None:
        terms["joints"] = config.joints * teacher(kp_source, kp_driving)
    if config.perceptual:
        terms["perceptual"] = config.perceptual * perceptual(prediction, driving)
    if config.l1:
        terms["l1"] = config.l1 * F.l1_loss(prediction, driving)
    if spline is not None:
        terms["equivariance"] = config.equivariance * equivariance_loss(spline, kp_driving, kp_transformed[0])
    if config.warp:
        terms["warp"] = config.warp * generator.warp_loss(features, driving, motion)
    if config.background and background is not None:
        terms["background"] = config.background * consistency(background, nets["bg_predictor"](driving, source))
    return terms


def avd_loss(nets: nn.ModuleDict, source: Tensor, driving: Tensor, random_scale: float) -> Tensor:
    """L1 between the driving key points and their reconstruction from a randomly stretched copy (paper section 3.4).

    Each sample and axis is scaled by U(1 - random_scale, 1 + random_scale) before the pose encoder sees it.
    """
    with torch.no_grad():
        kp_source, kp_driving = _keypoints(nets["kp_detector"], [source, driving])
        factor = 1 + random_scale * (2 * torch.rand(len(driving), 1, 2) - 1)
        stretched = kp_driving * factor.to(kp_driving)
    return F.l1_loss(nets["avd_network"](kp_source, stretched), kp_driving)
