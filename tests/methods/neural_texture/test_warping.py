"""Laws of MotionNet, feature warping, the occlusion convention and the flow losses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.synthetic.renderer import Renderer
from datasets.synthetic.world import CameraSpec, ClipSpec, MotionSpec, PersonSpec, build
from methods.layers.grids import coordinate_grid
from methods.neural_texture.blocks import SplitConv, SteeredResBlock, every_other
from methods.neural_texture.config import LEVELS, MotionConfig, WarpingConfig
from methods.neural_texture.correspondence import extract_surface, find_correspondence
from methods.neural_texture.flow_losses import (
    affine_regularisation,
    consistency,
    correctness,
    correctness_loss,
    total_variation,
)
from methods.neural_texture.motion import IUV_CHANNELS, Motion, MotionDecoder, MotionEncoder
from methods.neural_texture.warping import PlainBranch, WarpingBranch, fuse

SMALL = MotionConfig(width=8, depth=4, kernels=(3, 3, 3), extra=False, atlas_signal=5, geometry_signal=3)
BRANCH = WarpingConfig(block_expansion=8, max_features=16, blocks=1, edge_kernel=3)


def motion_of(displacement: Tensor, occlusion: float | None) -> Motion:
    """The same (B, 2, H, W) displacement on all levels, with a constant occlusion."""
    levels = [every_other(displacement, LEVELS - 1 - i) for i in range(LEVELS)]
    maps = None if occlusion is None else tuple(torch.full_like(f[:, :1], occlusion) for f in levels)
    return Motion(tuple(levels), tuple(torch.zeros_like(f) for f in levels), maps)


# -- MotionNet ---------------------------------------------------------------------------------------------------
def test_split_convolution_equals_one_of_the_concatenation() -> None:
    torch.manual_seed(0)
    conv = SplitConv(3, 5, 4, kernel=3, stride=2)
    a, b = torch.rand(2, 3, 9, 9), torch.rand(2, 5, 9, 9)
    weight = torch.cat([conv.source.weight, conv.driving.weight], dim=1)
    expected = F.conv2d(torch.cat([a, b], dim=1), weight, conv.source.bias, stride=2, padding=1)
    torch.testing.assert_close(conv(conv.source(a), b), expected)


@pytest.mark.parametrize("spatial", [False, True])
def test_motion_net_gives_three_levels_and_the_signals(spatial: bool) -> None:
    torch.manual_seed(0)
    encoder, decoder = MotionEncoder(SMALL, spatial), MotionDecoder(SMALL)
    response = encoder.encode_source(torch.rand(1, 3, 64, 48), torch.rand(1, IUV_CHANNELS, 64, 48))
    features, signals = encoder(response, torch.rand(2, IUV_CHANNELS, 64, 48))
    motion = decoder(features, None)
    assert [tuple(f.shape) for f in motion.predicted] == [(2, 2, 16, 12), (2, 2, 32, 24), (2, 2, 64, 48)]
    assert motion.occlusion is not None
    assert [tuple(o.shape[1:]) for o in motion.occlusion] == [(1, 16, 12), (1, 32, 24), (1, 64, 48)]
    assert signals.atlas.shape == (2, 5)
    assert signals.geometry.shape == ((2, 3, 16, 12) if spatial else (2, 3))


def test_an_untrained_motion_net_moves_nothing_and_mostly_takes_the_source() -> None:
    torch.manual_seed(0)
    features = [torch.rand(1, c, 32 >> i, 32 >> i) for i, c in enumerate((8, 16, 32, 64))]
    motion = MotionDecoder(SMALL)(features, None)
    for level in range(LEVELS):
        still = coordinate_grid(*motion.predicted[level].shape[2:], features[0])
        torch.testing.assert_close(motion.grid(level)[0], still, atol=0.05, rtol=0)
        assert motion.occlusion is not None
        assert motion.occlusion[level].max() < 0.5
    base = torch.rand(1, 2, 64, 64)
    moved = MotionDecoder(SMALL)(features, base).grid(-1)[0] - coordinate_grid(64, 64, base)
    torch.testing.assert_close(moved, base[0].permute(1, 2, 0), atol=0.05, rtol=0)


def test_a_signal_steers_a_residual_block_for_all_that_instance_norm_does() -> None:
    torch.manual_seed(0)
    block, x = SteeredResBlock(4, 3), torch.rand(1, 4, 8, 8)
    assert not torch.allclose(block(x, torch.zeros(1, 3)), block(x, torch.ones(1, 3)), atol=1e-3)
    assert block(x, torch.rand(5, 3)).shape == (5, 4, 8, 8)


# -- occlusion and fusion ----------------------------------------------------------------------------------------
def test_where_the_occlusion_map_is_0_the_warped_source_passes_and_where_it_is_1_the_previous_features() -> None:
    """Eq. 3 in the paper's own sense, the inverse of FOMM's and TPS's."""
    warped, previous = torch.full((1, 2, 2, 2), 3.0), torch.full((1, 2, 2, 2), 7.0)
    occlusion = torch.tensor([[0.0, 1.0], [0.25, 0.5]]).view(1, 1, 2, 2)
    expected = torch.tensor([[3.0, 7.0], [4.0, 5.0]])
    torch.testing.assert_close(fuse(warped, previous, occlusion)[0, 0], expected)
    torch.testing.assert_close(fuse(warped, None, occlusion)[0, 0], torch.tensor([[3.0, 0.0], [2.25, 1.5]]))
    assert torch.equal(fuse(warped, previous, None), warped + previous)


def test_the_branch_obeys_the_convention_down_to_the_image() -> None:
    """Occlusion 0 everywhere and no motion: the photo itself. Occlusion 1: nothing of the photo is left."""
    torch.manual_seed(0)
    branch = WarpingBranch(BRANCH.model_copy(update={"image_level": True}), multi_scale=True)
    one, other = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    still = torch.zeros(1, 2, 32, 32)
    shown = branch(branch.encode_source(one), one, motion_of(still, 0.0))
    torch.testing.assert_close(shown.image, one, atol=1e-5, rtol=0)
    hidden = [branch(branch.encode_source(x), x, motion_of(still, 1.0)).image for x in (one, other)]
    torch.testing.assert_close(hidden[0], hidden[1])


@pytest.mark.parametrize("multi_scale", [True, False])
@pytest.mark.parametrize("occlusion", [0.3, None])
def test_branch_shapes(multi_scale: bool, occlusion: float | None) -> None:
    torch.manual_seed(0)
    branch = WarpingBranch(BRANCH, multi_scale)
    image = torch.rand(1, 3, 32, 48)
    made = branch(branch.encode_source(image), image, motion_of(torch.zeros(2, 2, 32, 48), occlusion))
    assert [tuple(x.shape) for x in (made.features, made.image, made.mask)] == [
        (2, 8, 32, 48), (2, 3, 32, 48), (2, 1, 32, 48),
    ]  # fmt: skip
    plain = PlainBranch(BRANCH)
    one_hot = torch.rand(2, IUV_CHANNELS, 32, 48)
    assert plain(plain.encode_source(image, one_hot[:1]), one_hot).image.shape == (2, 3, 32, 48)


def test_single_scale_uses_the_finest_flow_only() -> None:
    torch.manual_seed(0)
    branch, image = WarpingBranch(BRANCH, multi_scale=False), torch.rand(1, 3, 32, 32)
    motion = motion_of(torch.zeros(1, 2, 32, 32), 0.3)
    coarse = Motion(
        (motion.predicted[0] + 1, motion.predicted[1] - 1, motion.predicted[2]), motion.base, motion.occlusion
    )
    levels = branch.encode_source(image)
    assert torch.equal(branch(levels, image, motion).image, branch(levels, image, coarse).image)


# -- the world's true flow -----------------------------------------------------------------------------------------
PHOTO, DRIVING, SIZE = 3, 9, 128


@pytest.fixture(scope="module")
def person() -> Renderer:
    """A dancing person of the synthetic world."""
    who, motion = PersonSpec(3, 3), MotionSpec(3, "dance", 16)
    return build(ClipSpec(who, motion, 3, CameraSpec(3, "full", False, ((who, motion),)), SIZE))


def image(person: Renderer, frame: int) -> Tensor:
    return torch.from_numpy(person.rgb(frame)).permute(2, 0, 1)[None] / 255


def test_warping_by_the_worlds_true_flow_reproduces_the_driving_frame_where_it_is_visible(person: Renderer) -> None:
    driving, photo = image(person, DRIVING), image(person, PHOTO)
    flow, visible = person.flow(DRIVING, PHOTO)
    displacement = torch.from_numpy(flow).permute(2, 0, 1)[None] * 2 / (SIZE - 1)
    branch = WarpingBranch(BRANCH, multi_scale=True)
    moved = branch.warp_features([photo], motion_of(displacement, 0.0))[0]
    seen = torch.from_numpy(visible & (person.mask(DRIVING) > 0))
    assert seen.sum() > 500
    error = (moved - driving)[..., seen].abs().mean().item()
    assert error < 0.04
    assert error < 0.5 * (photo - driving)[..., seen].abs().mean().item()


def test_the_correspondence_of_exact_maps_is_the_worlds_true_flow(person: Renderer) -> None:
    """Found from two IUV maps alone, in pixels, where the photo shows the surface."""
    iuv = [torch.from_numpy(person.labels(frame)["iuv"])[None] for frame in (PHOTO, DRIVING)]
    photo = image(person, PHOTO)
    found = find_correspondence(extract_surface(photo, iuv[0], 32), photo, iuv[0], iuv[1])
    flow, visible = person.flow(DRIVING, PHOTO)
    seen = torch.from_numpy(visible & (person.mask(DRIVING) > 0)) & (found[0, 2] > 0.9)
    pixels = found[0, :2].permute(1, 2, 0)[seen] * (SIZE - 1) / 2
    error = (pixels - torch.from_numpy(flow)[seen]).norm(dim=-1)
    assert seen.sum() > 500
    assert error.median().item() < 0.7
    assert torch.from_numpy(flow)[seen].norm(dim=-1).median().item() > 2


# -- flow losses -------------------------------------------------------------------------------------------------
def test_correctness_is_least_for_the_true_displacement() -> None:
    torch.manual_seed(0)
    source = torch.rand(1, 8, 16, 16)
    target = source.roll(3, dims=3)
    grid = coordinate_grid(16, 16, source)[None]
    shift = torch.tensor([3 * 2 / 15, 0.0])
    inner = torch.zeros(1, 1, 16, 16)
    inner[..., 4:] = 1
    right, still, wrong = (correctness(g, source, target).item() for g in (grid - shift, grid, grid + shift))
    assert right < still
    assert right < wrong
    assert correctness(grid, source, source).item() == pytest.approx(0, abs=1e-3)


def test_correctness_needs_features_of_the_flows_sizes() -> None:
    motion = motion_of(torch.zeros(1, 2, 32, 32), 0.0)
    taps = [torch.rand(1, 4, 32 >> i, 32 >> i) for i in range(LEVELS)]
    assert correctness_loss(motion, taps, taps, 2).item() == pytest.approx(0, abs=1e-2)
    with pytest.raises(ValueError, match="flow level"):
        correctness_loss(motion, taps[::-1], taps[::-1], 2)


@pytest.mark.parametrize("side", [3, 5])
def test_affine_regularisation_is_zero_for_affine_flows_only(side: int) -> None:
    grid = coordinate_grid(12, 16, torch.zeros(())).permute(2, 0, 1)[None]
    matrix = torch.tensor([[0.3, -0.2], [0.1, 0.5]])
    affine = torch.einsum("ij,bjhw->bihw", matrix, grid) + 0.4
    assert affine_regularisation(affine, side).item() == pytest.approx(0, abs=1e-6)
    assert affine_regularisation(grid.square(), side).item() > 1e-3


def test_consistency_and_total_variation() -> None:
    same = motion_of(torch.full((1, 2, 16, 16), 0.2), 0.0).predicted
    assert consistency(same).item() == pytest.approx(0, abs=1e-6)
    assert total_variation(same).item() == 0
    fine = torch.zeros(1, 2, 16, 16, requires_grad=True)
    coarse = torch.ones(1, 2, 4, 4, requires_grad=True)
    loss = consistency([coarse, fine])
    assert loss.item() == pytest.approx(1)
    loss.backward()
    assert coarse.grad is None  # the coarsest flow is the label
    assert fine.grad is not None
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 2, 3, 4)
    assert total_variation([ramp]).item() == pytest.approx(1)


def test_bad_sizes_are_refused() -> None:
    bad: dict[str, Any] = {"depth": 2}
    with pytest.raises(ValueError, match="depth"):
        MotionConfig(**bad)
