"""Laws of the shared layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from datasets.errors import MissingInputError, UsageError
from datasets.files import weights_root as engine_weights_root
from methods.layers.antialias import AntiAlias, gaussian_kernel
from methods.layers.blocks import InstanceNorm, UpBlock
from methods.layers.grids import coordinate_grid, gaussian_maps, resize_flow, warp
from methods.layers.hourglass import Hourglass
from methods.layers.inference import InferenceCopies
from methods.layers.letterbox import Letterbox
from methods.layers.official import load_network
from methods.layers.perceptual import VGG19_FILE, PerceptualLoss, RandomFeatures, weights_root


@pytest.mark.parametrize(("scale", "side"), [(0.5, 5), (0.25, 13), (0.125, 29)])
def test_anti_alias_kernel_sides_are_the_official_ones(scale: float, side: int) -> None:
    kernel = gaussian_kernel(scale)
    assert kernel.shape == (side, side)
    assert kernel.sum().item() == pytest.approx(1.0, abs=1e-6)


def test_anti_alias_keeps_a_constant_inside_and_scale_one_is_the_identity() -> None:
    image = torch.full((1, 3, 64, 64), 0.7)
    reduced = AntiAlias(3, 0.25)(image)
    assert reduced.shape == (1, 3, 16, 16)
    torch.testing.assert_close(reduced[..., 2:-2, 2:-2], torch.full((1, 3, 12, 12), 0.7))
    assert AntiAlias(3, 1.0)(image) is image


def test_instance_norm_equals_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = InstanceNorm(6), nn.InstanceNorm2d(6, affine=True)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 6, 8, 9) * 4 + 2
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)


def test_merged_up_sampling_equals_the_plain_one() -> None:
    torch.manual_seed(1)
    block = UpBlock(5, 7)
    x = torch.randn(2, 5, 6, 9)
    expected = block(x)
    block.fuse()
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)
    assert "subpixel" not in block.state_dict()


def test_hourglass_channels_and_sizes() -> None:
    net = Hourglass(expansion=4, cin=5, num_blocks=3, max_features=12)
    levels = net(torch.randn(1, 5, 16, 24))
    assert [level.shape[1] for level in levels] == net.channels == [24, 16, 9]
    assert [tuple(level.shape[2:]) for level in levels] == [(4, 6), (8, 12), (16, 24)]


def test_warp_by_the_coordinate_grid_is_the_identity() -> None:
    image = torch.rand(2, 3, 7, 11)
    grid = coordinate_grid(7, 11, image)
    assert grid[0, 0].tolist() == [-1.0, -1.0]
    assert grid[-1, -1].tolist() == [1.0, 1.0]
    torch.testing.assert_close(warp(image, grid.expand(2, -1, -1, -1)), image, atol=1e-5, rtol=0)


def test_resized_identity_flow_is_the_identity() -> None:
    like = torch.zeros(1)
    flow = coordinate_grid(8, 8, like).unsqueeze(0)
    torch.testing.assert_close(resize_flow(flow, (32, 16))[0], coordinate_grid(32, 16, like), atol=1e-6, rtol=0)


def test_gaussian_maps_peak_at_their_point() -> None:
    maps = gaussian_maps(torch.tensor([[[0.0, 0.5], [-1.0, 1.0]]]), (5, 5), 0.01)
    assert [divmod(int(m.argmax()), 5) for m in maps[0]] == [(3, 2), (4, 0)]
    assert maps.max().item() == pytest.approx(1.0)


@pytest.mark.parametrize("size", [(64, 64), (60, 100), (1, 5)])
def test_letterbox_pads_to_multiples_and_back(size: tuple[int, int]) -> None:
    frames = torch.rand(2, 3, *size)
    box = Letterbox(*size, 32)
    padded = box.pad(frames)
    assert padded.shape[2] % 32 == padded.shape[3] % 32 == 0
    assert torch.equal(box.crop(padded), frames)


def test_random_features_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(0)
    first = RandomFeatures(seed=3)
    torch.manual_seed(1)
    again, other = RandomFeatures(seed=3), RandomFeatures(seed=4)
    x = torch.rand(1, 3, 16, 16)
    assert all(torch.equal(a, b) for a, b in zip(first(x), again(x), strict=True))
    assert not torch.equal(first(x)[0], other(x)[0])
    expected = np.random.default_rng([0x7B5, 3]).standard_normal(4) * np.sqrt(2 / 27)
    np.testing.assert_allclose(first.state_dict()["convs.0.weight"].flatten()[:4].numpy(), expected, rtol=1e-6)


def test_perceptual_loss_is_zero_for_equal_images_and_its_gradient_reaches_the_prediction_only() -> None:
    loss = PerceptualLoss("random-features", (1.0, 0.5))
    target = torch.rand(1, 3, 32, 32, requires_grad=True)
    assert loss(target, target).item() == 0
    prediction = torch.rand(1, 3, 32, 32, requires_grad=True)
    loss(prediction, target).backward()
    assert target.grad is None
    assert prediction.grad is not None
    assert prediction.grad.abs().sum() > 0


def test_vgg_without_or_with_a_damaged_file_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingInputError) as absent:
        PerceptualLoss("vgg19", (1.0,))
    assert "bench weights fetch vgg19" in absent.value.hint
    (tmp_path / VGG19_FILE).write_bytes(b"no weights")
    with pytest.raises(MissingInputError, match="damaged"):
        PerceptualLoss("vgg19", (1.0,))


@pytest.mark.parametrize("value", ["", "some/where"])
def test_weights_lie_where_the_engine_puts_them(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", value)
    assert weights_root() == engine_weights_root()


def test_vgg19_taps() -> None:
    taps = PerceptualLoss("vgg19", (1.0,), pretrained=False).features(torch.rand(1, 3, 32, 32))
    assert [tap.shape[1] for tap in taps] == [64, 128, 256, 512, 512]
    assert [tap.shape[2] for tap in taps] == [32, 16, 8, 4, 2]
    assert all(tap.min() >= 0 for tap in taps)


def test_inference_copies_follow_the_weights_and_leave_the_network_alone() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).train()
    copies = InferenceCopies()
    copy = copies.get(net)
    assert copies.get(net) is copy
    assert not copy.training
    assert net.training
    assert net[0].weight.is_contiguous()
    with torch.no_grad():
        net[0].weight.add_(1)
    assert torch.equal(copies.get(net)[0].weight, net[0].weight)


def test_official_loading_names_what_is_wrong() -> None:
    net = nn.Linear(2, 3)
    good = net.state_dict()
    load_network(net, {"net": good}, "net")
    cases = [
        ({}, "no 'net'"),
        ({"net": {"weight": good["weight"]}}, "no key 'bias'"),
        ({"net": good | {"bias": torch.zeros(4)}}, r"'net\.bias' has shape \(4,\), expected \(3,\)"),
        ({"net": good | {"more": torch.zeros(1)}}, "'more'"),
    ]
    for checkpoint, message in cases:
        with pytest.raises(UsageError, match=message):
            load_network(net, checkpoint, "net")
