"""Augmentation of Pose2Body: rotation and scale of everything, squeeze and stretch of the maps alone (section 3.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methods.dance.config import AugmentConfig
from methods.dance.inputs import Annotated


def warp_labels(labels: Tensor, matrix: Tensor) -> Tensor:
    """Labels read where a matrix says, nearest pixel; 0 outside the frame.

    Args:
        labels: (B, H, W) or (B, H, W, C) integers.
        matrix: (B, 2, 3) from pixels of the result to pixels of ``labels``, x before y.

    Returns:
        The same shape and type.
    """
    height, width = labels.shape[1:3]
    y = torch.arange(height, device=labels.device, dtype=torch.float32)
    x = torch.arange(width, device=labels.device, dtype=torch.float32)
    matrix = matrix.float()[:, :, :, None, None]
    at = matrix[:, :, 0] * x + matrix[:, :, 1] * y[:, None] + matrix[:, :, 2]
    at = (at + 0.5).floor().long()  # halves go up, so that no pixel is drawn twice by rounding to even
    inside = (at[:, 0] >= 0) & (at[:, 0] < width) & (at[:, 1] >= 0) & (at[:, 1] < height)
    index = at[:, 1].clamp(0, height - 1) * width + at[:, 0].clamp(0, width - 1)
    flat = labels.reshape(len(labels), height * width, -1)
    found = flat.gather(1, index.flatten(1)[..., None].expand(-1, -1, flat.shape[-1]))
    return (found * inside.flatten(1)[..., None]).reshape(labels.shape)


def warp_points(keypoints: Tensor, matrix: Tensor) -> Tensor:
    """(B, K, 3) key points moved as :func:`warp_labels` moves pixels; ``matrix`` leads back, so it is inverted."""
    linear, shift = matrix[:, :, :2].float(), matrix[:, :, 2].float()
    xy = torch.linalg.solve(linear, (keypoints[..., :2].float() - shift[:, None]).mT).mT
    return torch.cat([xy, keypoints[..., 2:].float()], -1)


def anchor_of(labels: Tensor) -> Tensor:
    """(B, 2) x, y of the middle of the person's box at its lower edge: where he stands; the frame's where none is."""
    person = labels > 0
    height, width = labels.shape[1:]
    columns, rows = person.any(1).float(), person.any(2).float()
    left, right = columns.argmax(1), width - 1 - columns.flip(1).argmax(1)
    bottom = height - 1 - rows.flip(1).argmax(1)
    return torch.stack([(left + right) / 2, bottom.float()], 1)


def stretch_matrix(anchor: Tensor, factors: Tensor) -> Tensor:
    """(B, 2, 3) that stretches by (B, 2) factors in x and y about an anchor (B, 2)."""
    matrix = torch.diag_embed(1 / factors.float())
    return torch.cat([matrix, (anchor - anchor / factors)[..., None]], 2)


def stretch(labels: Tensor, factors: Tensor) -> Tensor:
    """Squeeze and stretch: (B, H, W) labels, (B, 2) factors in x and y; the person's feet stay in place (ours)."""
    return warp_labels(labels, stretch_matrix(anchor_of(labels), factors))


@dataclass(frozen=True)
class Draw:
    """Random numbers of one batch: angle in radians (B,), scale (B,), stretch (B, 2)."""

    angle: Tensor
    scale: Tensor
    stretch: Tensor

    @classmethod
    def random(cls, count: int, config: AugmentConfig, like: Tensor) -> Draw:
        """Uniform angles; factors uniform in their logarithm."""
        number = torch.rand(4, count, device=like.device)
        angle = (2 * number[0] - 1) * math.radians(config.rotation)
        scale = ((2 * number[1] - 1) * math.log(config.scale)).exp()
        low, high = (math.log(factor) for factor in config.stretch)
        return cls(angle, scale, (low + (high - low) * number[2:]).exp().T)

    def matrix(self, height: int, width: int) -> Tensor:
        """(B, 2, 3) of rotation and scale about the frame's middle, from result to origin."""
        cos, sin = self.angle.cos() / self.scale, self.angle.sin() / self.scale
        linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
        middle = self.angle.new_tensor([(width - 1) / 2, (height - 1) / 2])
        return torch.cat([linear, (middle - (linear * middle).sum(2))[..., None]], 2)


def augment_pair(photo: Annotated, driving: Annotated, draw: Draw) -> tuple[Annotated, Annotated]:
    """Both turned and scaled alike; then both maps stretched alike, but not the poses. Images are left out of it."""
    matrix = draw.matrix(driving.labels.shape[1], driving.labels.shape[2])

    def turned(given: Annotated) -> Annotated:
        labels, iuv = warp_labels(given.labels, matrix), warp_labels(given.iuv, matrix)
        return replace(
            given, labels=stretch(labels, draw.stretch), iuv=iuv, keypoints=warp_points(given.keypoints, matrix)
        )

    return turned(photo), turned(driving)
