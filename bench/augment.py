"""Image augmentation: flips and colour jitter, the same draw for all frames of an item."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import torch
from torch import Tensor

from datasets.base import Array
from methods.base import Augment

#: luma weights of ITU-R BT.601, as torchvision's ``rgb_to_grayscale``
_LUMA = (0.299, 0.587, 0.114)


def is_used(augment: Augment) -> bool:
    """Whether any augmentation is asked for."""
    return any(astuple(augment))


def draw_factors(augment: Augment, rng: np.random.Generator) -> Array:
    """(4,) float32 factors of brightness, contrast, saturation (1 = none) and the hue shift in turns (0 = none)."""
    spreads = (augment.brightness, augment.contrast, augment.saturation)
    scales = [rng.uniform(max(0.0, 1 - s), 1 + s) if s else 1.0 for s in spreads]
    return np.array([*scales, rng.uniform(-augment.hue, augment.hue) if augment.hue else 0.0], np.float32)


def jitter(frames: Tensor, factors: Tensor, order: list[int]) -> Tensor:
    """Colour jitter as in torchvision's ``ColorJitter``.

    Args:
        frames: (N, 3, H, W) in [0, 1].
        factors: (N, 4) as :func:`draw_factors` gives them, one row a frame.
        order: which to apply in which order: brightness (0), contrast (1), saturation (2), hue (3).

    Returns:
        (N, 3, H, W) in [0, 1].
    """
    brightness, contrast, saturation, hue = (f[:, None, None, None] for f in factors.unbind(1))
    for step in order:
        if step == 0:
            frames = (frames * brightness).clamp_(0, 1)
        elif step == 1:
            frames = _blend(frames, _grey(frames).mean((2, 3), keepdim=True), contrast)
        elif step == 2:
            frames = _blend(frames, _grey(frames), saturation)
        else:
            frames = _shift_hue(frames, hue)
    return frames


def _grey(frames: Tensor) -> Tensor:
    return (frames * torch.tensor(_LUMA, device=frames.device)[:, None, None]).sum(1, keepdim=True)


def _blend(frames: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (factor * frames + (1 - factor) * other).clamp_(0, 1)


def _shift_hue(frames: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue by ``shift`` (N, 1, 1, 1) turns at equal saturation and value (HSV)."""
    red, green, blue = frames.unbind(1)
    value, low = frames.amax(1), frames.amin(1)
    chroma = value - low
    safe = torch.where(chroma > 0, chroma, 1.0)
    hue = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    turned = hue[:, None] + 6 * shift
    # channel n of HSV -> RGB: value - chroma * clamp(min(k, 4 - k), 0, 1) with k = (n + hue) mod 6, n = 5, 3, 1
    k = (turned + torch.tensor([5.0, 3.0, 1.0], device=frames.device)[:, None, None]) % 6
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)
