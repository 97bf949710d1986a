"""Laws of discriminators, adversarial losses and Gram matrices."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from methods.layers.adversarial import discriminator_loss, feature_matching, generator_loss
from methods.layers.discriminators import MultiScaleDiscriminator, PatchDiscriminator, ResDiscriminator
from methods.layers.gram import gram, style_loss

NORMS = ("none", "batch", "instance", "spectral")


def parameters(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("norm", NORMS)
def test_patch_discriminator_has_the_layers_of_pix2pixhd(norm: Any) -> None:
    torch.manual_seed(0)
    found = PatchDiscriminator(3, width=8, layers=3, norm=norm)(torch.rand(2, 3, 64, 64))
    assert [f.shape[1] for f in found] == [8, 16, 32, 64, 1]
    assert [f.shape[-1] for f in found] == [33, 17, 9, 10, 11]


def test_width_is_capped_and_the_receptive_field_is_local() -> None:
    torch.manual_seed(0)
    net = PatchDiscriminator(3, width=8, layers=3, norm="none", max_width=16).eval()
    image = torch.rand(1, 3, 128, 128)
    changed = image.clone()
    changed[..., 0, 0] += 1
    before, after = net(image), net(changed)
    assert [f.shape[1] for f in before] == [8, 16, 16, 16, 1]
    assert not torch.equal(before[-1][..., 0, 0], after[-1][..., 0, 0])
    assert torch.equal(before[-1][..., -1, -1], after[-1][..., -1, -1])


def test_spectral_norm_bounds_the_weights() -> None:
    torch.manual_seed(0)
    net: Any = PatchDiscriminator(3, width=8, layers=2, norm="spectral")
    for _ in range(30):
        net(torch.rand(1, 3, 32, 32))
    for conv in (net.blocks[0][0], net.blocks[1][0], net.head):
        assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_multi_scale_halves_the_input_between_scales() -> None:
    torch.manual_seed(0)
    net: Any = MultiScaleDiscriminator(5, 3, width=4, layers=2, norm="instance")
    found = net(torch.rand(2, 5, 64, 64))
    assert [tuple(scale[0].shape[2:]) for scale in found] == [(33, 33), (17, 17), (9, 9)]
    flat = net(torch.full((1, 5, 64, 64), 0.25))
    torch.testing.assert_close(flat[1][0], net.scales[1](torch.full((1, 5, 32, 32), 0.25))[0])


def test_res_discriminator_halves_at_every_block() -> None:
    torch.manual_seed(0)
    found = ResDiscriminator()(torch.rand(2, 3, 64, 64))
    assert [tuple(f.shape[1:]) for f in found] == [(32, 32, 32), (64, 16, 16), (128, 8, 8), (128, 4, 4), (1, 4, 4)]
    # blocks: 3 x 3, 4 x 4 and 1 x 1 convolutions with biases, and the head
    widths = [3, 32, 64, 128, 128]
    expected = sum(9 * a * b + b + 16 * b * b + b + a * b + b for a, b in pairwise(widths)) + 129
    assert parameters(ResDiscriminator()) == expected


def test_a_second_pass_before_the_backward_is_allowed() -> None:
    torch.manual_seed(0)
    net = ResDiscriminator(width=4, layers=2).train()
    real, fake = net(torch.rand(2, 3, 16, 16)), net(torch.rand(2, 3, 16, 16))
    discriminator_loss(real, fake).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


# -- losses ------------------------------------------------------------------------------------------------------
def logits(value: float) -> list[Tensor]:
    return [torch.zeros(1, 2, 3, 3), torch.full((1, 1, 2, 2), value)]


@pytest.mark.parametrize(
    ("kind", "real", "fake", "loss"),
    [
        ("lsgan", 1.0, 0.0, 0.0),
        ("lsgan", 0.0, 1.0, 1.0),
        ("hinge", 2.0, -3.0, 0.0),
        ("hinge", 0.0, 0.0, 2.0),
        ("original", 0.0, 0.0, 0.6931472),
    ],
)
def test_discriminator_losses_have_their_known_values(kind: Any, real: float, fake: float, loss: float) -> None:
    assert discriminator_loss(logits(real), logits(fake), kind).item() == pytest.approx(loss)
    scales = [logits(real)] * 3, [logits(fake)] * 3
    assert discriminator_loss(*scales, kind).item() == pytest.approx(loss)


@pytest.mark.parametrize(("kind", "value"), [("lsgan", 4.0), ("hinge", 1.0), ("original", 1.3132617)])
def test_generator_losses_have_their_known_values(kind: Any, value: float) -> None:
    assert generator_loss(logits(-1.0), kind).item() == pytest.approx(value)


def test_feature_matching_sums_layers_averages_scales_and_spares_the_real_side() -> None:
    real = [[torch.zeros(1, 1, 2, 2, requires_grad=True), torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 1, 1)]] * 2
    fake = [
        [
            torch.full((1, 1, 2, 2), 1.0, requires_grad=True),
            torch.full((1, 1, 4, 4), 2.0),
            torch.full((1, 1, 1, 1), 9.0),
        ],
        [torch.full((1, 1, 2, 2), 3.0), torch.full((1, 1, 4, 4), 4.0), torch.full((1, 1, 1, 1), 9.0)],
    ]
    loss = feature_matching(real, fake)
    assert loss.item() == pytest.approx((1 + 2 + 3 + 4) / 2)
    loss.backward()
    assert real[0][0].grad is None
    assert fake[0][0].grad is not None


# -- gram --------------------------------------------------------------------------------------------------------
def test_gram_is_the_mean_inner_product_and_forgets_positions() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5)
    expected = torch.einsum("bchw,bdhw->bcd", x, x) / (3 * 4 * 5)
    torch.testing.assert_close(gram(x), expected)
    shuffled = x.flatten(2)[..., torch.randperm(20)].view(2, 3, 4, 5)
    torch.testing.assert_close(gram(shuffled), expected)


def test_style_loss_kinds() -> None:
    a, b = [torch.ones(1, 2, 2, 2)], [torch.zeros(1, 2, 2, 2)]
    assert style_loss(a, b).item() == pytest.approx(0.5)  # every entry of the Gram matrix is 4 / 8
    assert style_loss(a, b, "squared").item() == pytest.approx(4 * 0.25)
    assert style_loss(a, a).item() == 0
