"""Adversarial losses on a discriminator's lists of feature maps (:mod:`methods.layers.discriminators`).

Every function takes one list (feature maps, logits last) or a list of such lists, one a scale; it is the mean over
scales.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor

Kind = Literal["lsgan", "hinge", "original"]
Outputs: TypeAlias = Sequence[Tensor] | Sequence[Sequence[Tensor]]


def _by_scale(outputs: Outputs) -> Sequence[Sequence[Tensor]]:
    if isinstance(outputs[0], Tensor):
        return [cast("Sequence[Tensor]", outputs)]
    return cast("Sequence[Sequence[Tensor]]", outputs)


def _half_lsgan(real: Tensor, fake: Tensor) -> Tensor:
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def _half_original(real: Tensor, fake: Tensor) -> Tensor:
    return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2


_DISCRIMINATOR: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "lsgan": _half_lsgan,
    "hinge": _hinge,
    "original": _half_original,
}
_GENERATOR: dict[str, Callable[[Tensor], Tensor]] = {
    "lsgan": lambda fake: (fake - 1).square().mean(),
    "hinge": lambda fake: -fake.mean(),
    "original": lambda fake: F.softplus(-fake).mean(),
}


def discriminator_loss(real: Outputs, fake: Outputs, kind: Kind = "lsgan") -> Tensor:
    """Loss of the discriminator, scalar; ``fake`` must come from a detached image.

    lsgan: half of mean (D(x) - 1)^2 + D(y)^2 (Mao et al. 2017). hinge: mean max(0, 1 - D(x)) + max(0, 1 + D(y)).
    original: half of the two cross-entropies (Goodfellow et al. 2014). Logits are the last entry of each list.
    """
    scales = _by_scale(real), _by_scale(fake)
    terms = [_DISCRIMINATOR[kind](r[-1].float(), f[-1].float()) for r, f in zip(*scales, strict=True)]
    return torch.stack(terms).mean()


def generator_loss(fake: Outputs, kind: Kind = "lsgan") -> Tensor:
    """Loss of the generator, scalar: lsgan mean (D(y) - 1)^2, hinge -mean D(y), original -mean log sigmoid D(y)."""
    return torch.stack([_GENERATOR[kind](f[-1].float()) for f in _by_scale(fake)]).mean()


def feature_matching(real: Outputs, fake: Outputs) -> Tensor:
    """Sum over layers of the mean absolute difference of feature maps, logits left out, averaged over scales.

    The gradient reaches ``fake`` only (pix2pixHD section 3.2, without its factor 4 / layers).
    """
    terms = [
        torch.stack([F.l1_loss(b.float(), a.detach().float()) for a, b in zip(r[:-1], f[:-1], strict=True)]).sum()
        for r, f in zip(_by_scale(real), _by_scale(fake), strict=True)
    ]
    return torch.stack(terms).mean()
