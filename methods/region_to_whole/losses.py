"""Loss terms of the three stages (paper 3.1, 3.2; vid2vid where it is silent)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.adversarial import discriminator_loss, feature_matching, generator_loss
from methods.layers.gram import style_loss
from methods.layers.perceptual import RandomFeatures, VGG19Features
from methods.region_to_whole.alignment import box_of
from methods.region_to_whole.flow import warp_previous

#: Weights of the content taps, shallow to deep (vid2vid); of networks with fewer taps the last ones.
TAP_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
_TINY = 1e-6


class FeatureLoss(nn.Module):
    """Eq. 7: content and style of a fixed network's features; L1 of features and of their Gram matrices.

    Taps relu1_1 .. relu5_1 and the content weights are vid2vid's; the paper names neither.

    Args:
        network: ``vgg19`` or ``random-features``. pretrained: False leaves VGG19 random (timing).

    Raises:
        MissingInputError: ``vgg19`` without its weights file.
    """

    def __init__(self, network: str, pretrained: bool = True) -> None:
        super().__init__()
        self.features = VGG19Features(pretrained) if network == "vgg19" else RandomFeatures()
        self.requires_grad_(False).eval()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Scalar between two (B, 3, H, W) batches in [-1, 1]; the gradient reaches ``prediction`` only."""
        with torch.no_grad():
            wanted = self.features((target + 1) / 2)
        found = self.features((prediction + 1) / 2)
        content = [w * F.l1_loss(a, b) for w, a, b in zip(TAP_WEIGHTS[-len(found) :], found, wanted, strict=True)]
        return torch.stack(content).sum() + style_loss(found, wanted)


class Adversary:
    """A discriminator as both players see it: images under a condition, real ones against made ones.

    Args:
        judge: gives lists of feature maps. adversarial, matching: weights of the generator's two terms.
    """

    def __init__(
        self, judge: Any, kind: Literal["lsgan", "hinge", "original"], adversarial: float, matching: float = 0.0
    ) -> None:
        self._judge, self._kind = judge, kind
        self._adversarial, self._matching = adversarial, matching

    def generator(self, condition: Tensor, made: Tensor, real: Tensor, name: str = "adversarial") -> dict[str, Tensor]:
        """Weighted terms of the generator."""
        answers = self._judge(torch.cat([condition, made], 1))
        terms = {name: self._adversarial * generator_loss(answers, self._kind)}
        if self._matching:
            with torch.no_grad():
                wanted = self._judge(torch.cat([condition, real], 1))
            terms["matching"] = self._matching * feature_matching(wanted, answers)
        return terms

    def discriminator(self, condition: Tensor, made: Tensor, real: Tensor) -> Tensor:
        """Loss of the discriminator; half of its two parts (vid2vid)."""
        fake = self._judge(torch.cat([condition, made.detach()], 1))
        return discriminator_loss(self._judge(torch.cat([condition, real], 1)), fake, self._kind)


def likelihood(layout: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood of (B, H, W) labels under (B, 6, H, W) probabilities."""
    return F.nll_loss(layout.clamp(min=_TINY).log(), labels.long())


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of (B, C, H, W) values where (B, 1, H, W) weights are above 0; 0 where they are nowhere."""
    return (values * weight).sum() / (weight.sum() * values.shape[1]).clamp(min=1.0)


def flow_terms(
    weights: Any,
    made: Mapping[str, Tensor],
    before: Tensor,
    now: Tensor,
    teacher: tuple[Tensor, Tensor] | None,
) -> dict[str, Tensor]:
    """Terms of the refinement branch (vid2vid).

    Args:
        weights: with ``warp``, ``flow``, ``gate`` and ``flow_scale``.
        made: with ``flow`` (B, 2, H, W) in pixels and ``gate`` (B, 1, H, W).
        before, now: the true previous and present layout or foreground (B, C, H, W).
        teacher: flow from now to before in pixels, and where it is sure (B, 1, H, W).
    """
    terms = {}
    if weights.warp:
        terms["warp"] = weights.warp * F.l1_loss(warp_previous(before, made["flow"]), now)
    if teacher is not None and weights.flow:
        error = (made["flow"] - teacher[0]).abs() / weights.flow_scale
        terms["flow"] = weights.flow * weighted_mean(error, teacher[1])
    if teacher is not None and weights.gate:
        terms["gate"] = weights.gate * weighted_mean(made["gate"], teacher[1])
    return terms


def head_crops(images: Tensor, head: Tensor, size: int) -> Tensor:
    """Squares around the heads of (B, C, H, W) images, (n, C, size, size); samples without a head are left out.

    Args:
        head: (B, 1, H, W) masks. size: side in pixels; no larger than the image is used.
    """
    height, width = images.shape[-2:]
    box = box_of(head)
    side_y, side_x = min(size, height), min(size, width)
    crops = []
    for image, (x, y), found in zip(images, box.centre.tolist(), box.found.tolist(), strict=True):
        if not found:
            continue
        top = min(max(round(y) - side_y // 2, 0), height - side_y)
        left = min(max(round(x) - side_x // 2, 0), width - side_x)
        crops.append(image[:, top : top + side_y, left : left + side_x])
    return torch.stack(crops) if crops else images.new_zeros(0, images.shape[1], side_y, side_x)


def triples(frames: Tensor, stride: int, last: range) -> Tensor | None:
    """Three frames ``stride`` apart ending at each of ``last``: (B, T, C, H, W) -> (n, 3C, H, W), or None."""
    ends = [t for t in last if t >= 2 * stride]
    if not ends:
        return None
    return torch.cat([frames[:, [t - 2 * stride, t - stride, t]].flatten(1, 2) for t in ends])
