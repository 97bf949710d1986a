"""Colour jitter against the definitions of torchvision's ColorJitter."""

from __future__ import annotations

import colorsys

import numpy as np
import torch

from bench.augment import draw_factors, is_used, jitter
from methods.base import Augment


def frames() -> torch.Tensor:
    return torch.rand(3, 3, 5, 6, generator=torch.Generator().manual_seed(0))


def factors(brightness: float = 1, contrast: float = 1, saturation: float = 1, hue: float = 0) -> torch.Tensor:
    return torch.tensor([[brightness, contrast, saturation, hue]]).repeat(3, 1)


def grey(x: torch.Tensor) -> torch.Tensor:
    return 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]


def test_brightness_contrast_saturation() -> None:
    x = frames()
    torch.testing.assert_close(jitter(x, factors(brightness=1.3), [0]), (x * 1.3).clamp(0, 1))
    mean = grey(x).mean((2, 3), keepdim=True)
    torch.testing.assert_close(jitter(x, factors(contrast=0.6), [1]), (0.6 * x + 0.4 * mean).clamp(0, 1))
    torch.testing.assert_close(jitter(x, factors(saturation=1.4), [2]), (1.4 * x - 0.4 * grey(x)).clamp(0, 1))


def test_hue_turns_the_colour_wheel() -> None:
    x = frames()
    x[0, :, 0, 0] = 0.5  # grey has no hue and stays
    for shift in (0.1, -0.3, 0.5):
        got = jitter(x, factors(hue=shift), [3])
        for n, i, j in ((0, 0, 0), (0, 1, 2), (1, 3, 4), (2, 4, 5)):
            h, s, v = colorsys.rgb_to_hsv(*x[n, :, i, j].tolist())
            np.testing.assert_allclose(got[n, :, i, j], colorsys.hsv_to_rgb((h + shift) % 1, s, v), atol=1e-5)


def test_order_matters_and_rows_are_independent() -> None:
    x = frames()
    strong = factors(1.5, 0.5)
    assert not torch.allclose(jitter(x, strong, [0, 1]), jitter(x, strong, [1, 0]))
    mixed = torch.cat([factors(hue=0.2)[:1], factors()[:2]])
    torch.testing.assert_close(jitter(x, mixed, [0, 1, 2, 3])[1:], x[1:])


def test_draws_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([draw_factors(Augment(brightness=0.2, hue=0.1), rng) for _ in range(200)])
    assert 0.8 <= drawn[:, 0].min() < 0.85 < 1.15 < drawn[:, 0].max() <= 1.2
    assert (drawn[:, 1:3] == 1).all()
    assert np.abs(drawn[:, 3]).max() <= 0.1
    assert is_used(Augment(hflip=0.1))
    assert not is_used(Augment())
