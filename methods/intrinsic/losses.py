"""Temporal regularization (eq. 2 to 4), the guard of the confidence, perceptual and style loss (eq. 9 to 11)."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.intrinsic.generator import SAMPLING
from methods.layers.gram import style_loss
from methods.layers.grids import coordinate_grid
from methods.layers.perceptual import PerceptualLoss

Scheme = Literal["none", "plain", "extrinsic", "intrinsic"]


def pixel_grid(flow: Tensor) -> Tensor:
    """Displacements (B, H, W, 2) in pixels -> network coordinates of where they lead, (B, H, W, 2)."""
    height, width = flow.shape[1:3]
    pixel = flow.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)], dtype=torch.float32)
    return coordinate_grid(height, width, flow) + flow.float() * pixel


def temporal_loss(
    scheme: Scheme, generated: Tensor, previous: Tensor, flow: Tensor, reliable: Tensor, confidence: Tensor
) -> Tensor:
    """mean |(f_t(O_t) - I_(t-1)) M|: M is 1 (plain, eq. 2), ``reliable`` (extrinsic, eq. 3) or M_t (intrinsic, eq. 4).

    f_t samples O_t where the flow leads, so that it stands on the grid of I_(t-1); the confidence, which belongs to
    O_t's pixels, is taken along by the same f_t (ours; the paper leaves the grid open).

    Args:
        generated: (B, 3, H, W) O_t, made for the driving frame t.
        previous: (B, 3, H, W) true I_(t-1).
        flow: (B, H, W, 2) pixels, from I_(t-1) to I_t.
        reliable: (B, 1, H, W) on the grid of I_(t-1).
        confidence: (B, 1, h, w) of the motion estimator, on the grid of O_t.
    """
    grid = pixel_grid(flow)
    error = (SAMPLING.warp(generated, grid, padding="border") - previous).abs()
    if scheme == "extrinsic":
        error = error * reliable
    elif scheme == "intrinsic":
        full = SAMPLING.resize(confidence, (generated.shape[2], generated.shape[3]))
        error = error * SAMPLING.warp(full, grid, padding="border")
    return error.mean()


def confidence_guard(confidence: Tensor, floor: float) -> Tensor:
    """max(0, log floor - log mean M), scalar: 0 unless the mean confidence falls below ``floor`` (ours).

    Eq. 4 alone is 0 for M = 0. With floor 1 this is -log mean M, always on.
    """
    return torch.relu(math.log(floor) - torch.log(confidence.float().mean().clamp(min=1e-8)))


def feature_losses(perceptual: PerceptualLoss, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Perceptual (eq. 9) and style loss (eq. 10 and 11) of two (B, 3, H, W) batches, before their weights.

    The first is the mean absolute difference of every tap of every scale of the loss network, summed; the second, at
    the first scale only, the squared Frobenius distance of Gram matrices divided by CHW (eq. 11). Eq. 10 prints that
    factor once more, which goes into the weight here.
    """
    content, style = prediction.new_zeros(()), prediction.new_zeros(())
    for i, down in enumerate(perceptual.pyramid):
        with torch.no_grad():
            wanted = perceptual.features(down(target))
        found = perceptual.features(down(prediction))
        content = content + torch.stack([F.l1_loss(a, b) for a, b in zip(found, wanted, strict=True)]).sum()
        if i == 0:
            with torch.autocast(prediction.device.type, enabled=False):
                style = style_loss(found, wanted, "squared")
    return content, style
