"""What the networks of the world are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .network import POINT_STRIDE, Outputs

_SIGMA = 0.8  # cells: how far the target of a point map spreads
_PLACED = 67  # points whose mean is trained too: body and hands
_WEIGHTS = {"points": 1.0, "place": 0.5, "states": 1.0, "parts": 1.0, "uv": 4.0, "parsing": 1.0, "damage": 0.5}


@dataclass(frozen=True)
class Batch:
    """B examples as tensors: rgb (B, 3, S, S) in 0..1, iuv (B, S/2, S/2, 3) uint8, parsing (B, S/2, S/2) int64,
    keypoints (B, 135, 3) in canonical pixels, damage (B, D) strengths 0..1."""

    rgb: Tensor
    iuv: Tensor
    parsing: Tensor
    keypoints: Tensor
    damage: Tensor


def losses(out: Outputs, batch: Batch) -> dict[str, Tensor]:
    """Weighted losses by name; their sum is minimised."""
    state = (batch.keypoints[..., 2] * 2).round().long()  # 0 absent, 1 occluded, 2 visible
    weight = _point_weights(out.points.device) * torch.tensor([0.0, 0.5, 1.0])[state]
    cells = (batch.keypoints[..., :2] + 0.5) / POINT_STRIDE - 0.5
    person = batch.iuv[..., 0] > 0
    values = {
        "points": _weighted(_point_entropy(out.points, cells), weight),
        "place": _weighted(_place_error(out.points[:, :_PLACED], cells[:, :_PLACED]), weight[:, :_PLACED]),
        "states": _weighted(
            functional.cross_entropy(out.states.flatten(0, 1), state.flatten(), reduction="none").view(state.shape),
            _point_weights(out.points.device).expand(state.shape),
        ),
        "parts": _dense(out.parts, batch.iuv[..., 0].long(), person),
        "uv": _weighted((out.uv - batch.iuv[..., 1:].permute(0, 3, 1, 2) / 255).abs().mean(1), person.float()),
        "parsing": _dense(out.parsing, batch.parsing, person),
        "damage": functional.binary_cross_entropy_with_logits(out.damage, batch.damage),
    }
    return {name: _WEIGHTS[name] * value for name, value in values.items()}


def _point_weights(device: torch.device) -> Tensor:
    """(135,) body 1, hands 0.3, face 0.1: 110 points of hands and face shall not outvote the body."""
    weight = torch.full((135,), 0.1, device=device)
    weight[:25], weight[25:67] = 1.0, 0.3
    return weight


def _weighted(value: Tensor, weight: Tensor) -> Tensor:
    return (value * weight).sum() / weight.sum().clamp(min=1)


def _dense(logits: Tensor, labels: Tensor, person: Tensor) -> Tensor:
    """Cross-entropy; pixels of the person count three times, as most are background."""
    return _weighted(functional.cross_entropy(logits, labels, reduction="none"), 1 + 2 * person.float())


def _point_entropy(logits: Tensor, cells: Tensor) -> Tensor:
    """(B, K) cross-entropy of each point map against a Gaussian around the truth ``cells`` (B, K, 2)."""
    h, w = logits.shape[2:]
    target = _gaussian(cells[..., 1], h)[..., :, None] * _gaussian(cells[..., 0], w)[..., None, :]
    return -(target.flatten(2) * logits.flatten(2).log_softmax(2)).sum(2)


def _gaussian(at: Tensor, count: int) -> Tensor:
    """(B, K, count) weights that sum to 1."""
    cells = torch.arange(count, device=at.device)
    return (-0.5 * ((cells - at[..., None].clamp(-0.5, count - 0.5)) / _SIGMA) ** 2).softmax(-1)


def _place_error(logits: Tensor, cells: Tensor) -> Tensor:
    """(B, K) distance in cells from the mean of each point map to the truth, capped softly."""
    h, w = logits.shape[2:]
    p = logits.flatten(2).softmax(2).view(logits.shape)
    x = (p.sum(2) * torch.arange(w, device=p.device)).sum(2)
    y = (p.sum(3) * torch.arange(h, device=p.device)).sum(2)
    return functional.smooth_l1_loss(torch.stack([x, y], 2), cells, reduction="none", beta=0.5).sum(2).clamp(max=8)
