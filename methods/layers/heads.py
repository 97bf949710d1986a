"""Small fully connected parts: the perceptron of AVD networks, and a head for an affine transform."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

IDENTITY_AFFINE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def mlp(widths: list[int]) -> nn.Sequential:
    """Linear layers; batch normalisation and ReLU after all but the last."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths[:-1]):
        layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def zero_last(perceptron: nn.Sequential) -> None:
    """Let a perceptron begin as 0: what adds its output to its input begins as the identity."""
    last = perceptron[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


def affine_head(features: int) -> nn.Linear:
    """Linear layer to 6 numbers that begins as the identity transform."""
    head = nn.Linear(features, 6)
    nn.init.zeros_(head.weight)
    head.bias.data = torch.tensor(IDENTITY_AFFINE)
    return head


def affine_matrix(affine: Tensor) -> Tensor:
    """(B, 6) -> (B, 3, 3) with last row 0 0 1."""
    last = affine.new_tensor([0.0, 0.0, 1.0]).expand(len(affine), 1, 3)
    return torch.cat([affine.view(-1, 2, 3), last], dim=1)
