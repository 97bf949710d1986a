"""The losses of section III-E, weighted; each stage sums those of the modules that it runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.layers.perceptual import PerceptualLoss
from methods.neural_texture.config import LossConfig
from methods.neural_texture.correspondence import PARTS
from methods.neural_texture.flow_losses import (
    WINDOWS,
    affine_regularisation,
    consistency,
    correctness_loss,
    total_variation,
)
from methods.neural_texture.motion import Motion
from methods.neural_texture.texture import Geometry, TextureOutput

Terms = dict[str, Tensor]


def flow_terms(
    motion: Motion, config: LossConfig, perceptual: PerceptualLoss, source: Tensor, driving: Tensor
) -> Terms:
    """Eq. 10 on the flow of all levels; ``source`` and ``driving`` are (B, 3, H, W) in [0, 1]."""
    terms = {}
    if config.correctness:
        with torch.no_grad():
            before, after = perceptual.features(source), perceptual.features(driving)
        terms["correctness"] = config.correctness * correctness_loss(motion, before, after, config.correctness_levels)
    if config.affine:
        levels = zip(motion.predicted, WINDOWS, strict=False)
        terms["affine"] = config.affine * torch.stack([affine_regularisation(f, side) for f, side in levels]).sum()
    if config.consistency:
        terms["consistency"] = config.consistency * consistency(motion.predicted)
    if config.smoothness:
        terms["smoothness"] = config.smoothness * total_variation(motion.predicted)
    return terms


def part_loss(geometry: Geometry, iuv: Tensor) -> Tensor:
    """Cross-entropy of background and parts against the labels of (B, H, W, 3) uint8 IUV."""
    return F.cross_entropy(geometry.logits, iuv[..., 0].long())


def coordinate_loss(geometry: Geometry, iuv: Tensor) -> Tensor:
    """L1 of U and V of the labelled part, mean over the labelled pixels; 0 where there are none."""
    part = iuv[..., 0].long()
    index = (part - 1).clamp(0, PARTS - 1)[:, None, None].expand(-1, -1, 2, -1, -1)
    found = geometry.uv.gather(1, index)[:, 0].clamp(0, 1)
    wanted = iuv[..., 1:].movedim(-1, 1).float() / 255
    body = (part > 0)[:, None].float()
    return ((found - wanted).abs() * body).sum() / (2 * body.sum()).clamp(min=1)


def masked_l1(image: Tensor, driving: Tensor, mask: Tensor) -> Tensor:
    """L1 of (B, 3, H, W) images over the pixels of (B, 1, H, W) 0/1 mask; 0 where there are none."""
    return ((image - driving).abs() * mask).sum() / (3 * mask.sum()).clamp(min=1)


def texture_terms(made: TextureOutput, config: LossConfig, driving: Tensor, iuv: Tensor, mask: Tensor) -> Terms:
    """Eq. 11, and eq. 13 of the 2.5D branch. The image counts inside the labelled silhouette only."""
    body = (iuv[..., 0] > 0)[:, None].float()
    return {
        "parts": config.parts * part_loss(made.geometry, iuv),
        "coordinates": config.coordinates * coordinate_loss(made.geometry, iuv),
        "masked_l1": config.masked_l1 * masked_l1(made.image, driving, body),
        "mask_25d": config.mask * mask_loss(made.mask, mask),
    }


def mask_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Eq. 13: binary cross-entropy of mask logits against a (B, 1, H, W) mask of 0 and 1."""
    return F.binary_cross_entropy_with_logits(logits.float(), mask)


def image_terms(made: Sequence[Tensor], driving: Tensor, config: LossConfig, perceptual: PerceptualLoss) -> Terms:
    """Eq. 12 summed over the images of the 2D branch and the blender, all (B, 3, H, W) of one size."""
    n = len(made)
    together, wanted = torch.cat(list(made)), driving.repeat(n, 1, 1, 1)
    terms = {}
    if config.perceptual:
        terms["perceptual"] = config.perceptual * n * perceptual(together, wanted)
    if config.l1:
        terms["l1"] = config.l1 * n * F.l1_loss(together, wanted)
    return terms
