"""Random weights for networks whose published ones are not here: tests and benchmarks need the arithmetic only."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def random_state(make: Callable[[], nn.Module], seed: int = 0) -> dict[str, Tensor]:
    """Weights of every name and shape that a network has, scaled so that activations stay in range (He et al. 2015).

    Args:
        make: the network; it is made without storage.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = dict(make().state_dict())
    state = {}
    for name, like in shapes.items():
        if not like.is_floating_point():
            state[name] = torch.zeros(like.shape, dtype=like.dtype)
        elif like.ndim > 1:
            fan_in = like[0].numel()
            state[name] = torch.randn(like.shape, generator=generator) * (2.0 / fan_in) ** 0.5
        else:  # norms, variances and biases; a mean or bias of 0.1 does no harm and shows mistakes
            centre = 0.1 if name.endswith(("bias", "mean")) else 1.0
            state[name] = centre + 0.1 * torch.rand(like.shape, generator=generator)
    return state
