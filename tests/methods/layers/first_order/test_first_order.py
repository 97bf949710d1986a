"""Laws of local affine motion, the random transform, the flow network and sampling conventions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methods.layers.first_order.affine import (
    AffinePoints,
    affine_grids,
    heat_maps,
    movement_scale,
    relative_points,
    soft_argmax,
    spatial_softmax,
    without_axis_swap,
)
from methods.layers.first_order.config import FlowConfig, GeneratorConfig
from methods.layers.first_order.flow import Flow, FlowNetwork
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.first_order.sampling import Sampling
from methods.layers.first_order.transform import RandomTransform, equivariance_losses
from methods.layers.grids import coordinate_grid
from methods.layers.hull import hull_area

MATRIX = torch.tensor([[1.2, 0.3], [-0.2, 0.9]])
OFFSET = torch.tensor([0.1, -0.05])
SMALL = FlowConfig(scale=0.5, block_expansion=4, num_blocks=2, max_features=8, head_kernel=3)


def random_points(batch: int = 2, count: int = 4, seed: int = 0) -> AffinePoints:
    g = torch.Generator().manual_seed(seed)
    value = torch.rand(batch, count, 2, generator=g) - 0.5
    return AffinePoints(value, torch.eye(2) + 0.3 * torch.randn(batch, count, 2, 2, generator=g))


def moved_by_affine(points: AffinePoints) -> AffinePoints:
    return AffinePoints(points.value @ MATRIX.mT + OFFSET, MATRIX @ points.matrix)


# -- points ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 5), (6, 8), (6, 0)])
def test_soft_argmax_of_a_delta_is_its_place(row: int, column: int) -> None:
    heat = torch.zeros(1, 1, 7, 9)
    heat[0, 0, row, column] = 1
    place = coordinate_grid(7, 9, heat)[row, column]
    torch.testing.assert_close(soft_argmax(heat)[0, 0], place)
    torch.testing.assert_close(soft_argmax(spatial_softmax(20 * heat, 0.1))[0, 0], place)


def test_temperature_sharpens() -> None:
    logits = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    soft, sharp = spatial_softmax(logits, 1.0), spatial_softmax(logits, 0.1)
    torch.testing.assert_close(sharp.sum((2, 3)), torch.ones(1, 2))
    assert (sharp.amax((2, 3)) > soft.amax((2, 3))).all()


def test_heat_maps_follow_the_covariance() -> None:
    covariance = torch.tensor([[0.04, 0.0], [0.0, 0.01]]).expand(1, 1, 2, 2)
    points = AffinePoints(torch.zeros(1, 1, 2), torch.eye(2).expand(1, 1, 2, 2), covariance)
    heat = heat_maps(points, (21, 21), 0.01)[0, 0]  # 10 pixels are 1
    torch.testing.assert_close(heat[10, 12], torch.tensor(-0.5).exp())  # one deviation along x
    torch.testing.assert_close(heat[11, 10], torch.tensor(-0.5).exp())  # one along y
    round_points = AffinePoints(points.value, points.matrix, 0.01 * torch.eye(2).expand(1, 1, 2, 2))
    plain = AffinePoints(points.value, points.matrix)
    torch.testing.assert_close(heat_maps(round_points, (21, 21), 9.0), heat_maps(plain, (21, 21), 0.01))


# -- motion ------------------------------------------------------------------------------------------------------
def test_local_affine_motion_reproduces_a_known_affine_warp() -> None:
    driving = random_points()
    source = moved_by_affine(driving)
    grids = affine_grids(source, driving, (6, 8))
    base = coordinate_grid(6, 8, grids)
    wanted = base @ MATRIX.mT + OFFSET
    torch.testing.assert_close(grids[:, 1:], wanted.expand(2, 4, -1, -1, -1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(grids[:, 0], base.expand(2, -1, -1, -1))
    matrix = torch.eye(3)
    matrix[:2, :2], matrix[:2, 2] = MATRIX, OFFSET
    background = affine_grids(source, driving, (6, 8), matrix.expand(2, 3, 3))
    torch.testing.assert_close(background[:, 0], wanted.expand(2, -1, -1, -1))


def test_axis_swap_undoes_a_flipped_sign_only() -> None:
    driving = random_points()
    flipped = AffinePoints(driving.value, -driving.matrix)
    identity = coordinate_grid(5, 5, driving.value).expand(2, 4, -1, -1, -1)
    torch.testing.assert_close(
        affine_grids(flipped, driving, (5, 5), axis_swap=True)[:, 1:], identity, atol=1e-5, rtol=0
    )
    assert (affine_grids(flipped, driving, (5, 5))[:, 1:] - identity).abs().max() > 0.5
    assert torch.equal(without_axis_swap(-MATRIX), MATRIX)


def test_relative_motion_is_none_for_a_still_driver_and_scales() -> None:
    source, initial = random_points(1, seed=1), random_points(1, seed=2)
    still = relative_points(source, initial, initial, 3.0)
    torch.testing.assert_close(still.value, source.value)
    torch.testing.assert_close(still.matrix, source.matrix, atol=1e-4, rtol=0)
    shifted = AffinePoints(initial.value + 0.1, initial.matrix)
    torch.testing.assert_close(relative_points(source, shifted, initial, 3.0).value, source.value + 0.3)


def test_relative_motion_keeps_the_extent_of_the_driving_regions() -> None:
    """As the official MRAA does: its heat maps are of the driving frame's covariance."""
    covariance = torch.rand(1, 4, 2, 2)
    points = [AffinePoints(p.value, p.matrix, covariance * i) for i, p in enumerate(map(random_points, (1, 1, 1)))]
    assert torch.equal(relative_points(points[0], points[1], points[2], 1.0).covariance, covariance)  # type: ignore[arg-type]


def test_movement_scale_is_the_root_of_the_hull_areas() -> None:
    square = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
    frames = torch.eye(2).expand(1, 4, 2, 2)
    assert movement_scale(AffinePoints(3 * square, frames), AffinePoints(square, frames)) == pytest.approx(3)
    line = square * torch.tensor([1.0, 0.0])
    assert hull_area(line[0]) == hull_area(square[0, :2]) == 0
    assert movement_scale(AffinePoints(square, frames), AffinePoints(line, frames)) == 1


# -- equivariance ------------------------------------------------------------------------------------------------
def test_jacobian_of_the_random_transform_is_its_derivative() -> None:
    torch.manual_seed(0)
    transform = RandomTransform.draw(2, torch.device("cpu"))
    points = (torch.rand(2, 3, 2) - 0.5).requires_grad_()
    moved = transform(points)
    for i in range(2):
        (gradient,) = torch.autograd.grad(moved[..., i].sum(), points, retain_graph=True)
        torch.testing.assert_close(transform.jacobian(points)[..., i, :], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("axis_swap", [False, True])
def test_equivariance_losses_vanish_for_an_equivariant_detector(axis_swap: bool) -> None:
    torch.manual_seed(0)
    transform = RandomTransform.draw(2, torch.device("cpu"))
    found = random_points()
    jacobian = transform.jacobian(found.value)
    driving = AffinePoints(transform(found.value), jacobian @ found.matrix)
    value, frame = equivariance_losses(transform, driving, found, axis_swap)
    assert value == 0
    assert frame < 1e-5
    assert equivariance_losses(transform, random_points(seed=9), found, axis_swap)[1] > 0.1
    flipped = AffinePoints(driving.value, -driving.matrix)
    assert (equivariance_losses(transform, flipped, found, axis_swap)[1] < 1e-5) == axis_swap


def test_the_transform_moves_the_image_as_the_points() -> None:
    """What stands at T(p) in the frame stands at p in the transformed frame: a detector of a blob sees it move."""
    torch.manual_seed(3)
    transform = RandomTransform.draw(1, torch.device("cpu"))
    where = torch.tensor([[[0.2, -0.1]]])
    blob = heat_maps(AffinePoints(transform(where), torch.eye(2).expand(1, 1, 2, 2)), (65, 65), 0.004)
    bent = transform.frame(blob, Sampling(sample_align=True))
    torch.testing.assert_close(soft_argmax(bent / bent.sum()), where, atol=0.01, rtol=0)


# -- networks ----------------------------------------------------------------------------------------------------
def test_flow_inputs_interleave_heat_and_warped_source() -> None:
    net = FlowNetwork(SMALL, 3, Sampling())
    reduced, source, driving = torch.rand(1, 3, 8, 8), random_points(2, 3, 1), random_points(2, 3, 2)
    x = net.inputs(reduced, source, driving, affine_grids(source, driving, (8, 8))).unflatten(1, (4, 4))
    assert not x[:, 0, 0].any()
    torch.testing.assert_close(x[:, 0, 1:], reduced.expand(2, -1, -1, -1))  # slot 0 is the identity
    heat = heat_maps(driving, (8, 8), 0.01) - heat_maps(source, (8, 8), 0.01)
    assert torch.equal(x[:, 1:, 0], heat)


def test_equal_points_give_no_motion() -> None:
    torch.manual_seed(0)
    net = FlowNetwork(SMALL, 3, Sampling()).eval()
    points = random_points(2, 3)
    found = net(torch.rand(2, 3, 8, 8), points, points)
    torch.testing.assert_close(found.flow, coordinate_grid(8, 8, found.flow).expand(2, -1, -1, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.mask.sum(1), torch.ones(2, 8, 8))


def generator(skips: bool) -> WarpGenerator:
    torch.manual_seed(0)
    config = GeneratorConfig(block_expansion=4, max_features=8, num_bottleneck_blocks=1, edge_kernel=3)
    return WarpGenerator(config, FlowNetwork(SMALL, 3, Sampling()), "flow_network", Sampling(), skips).eval()


def still(occlusion: float) -> Flow:
    identity = coordinate_grid(8, 8, torch.zeros(1)).expand(1, -1, -1, -1)
    return Flow(identity, torch.full((1, 1, 8, 8), occlusion), torch.zeros(1, 4, 8, 8))


def test_skips_copy_what_is_visible() -> None:
    image: Tensor = torch.rand(1, 3, 8, 8)
    net = generator(skips=True)
    with torch.no_grad():
        torch.testing.assert_close(net(net.encode(image), image, still(1.0)), image)
        hidden = [net(net.encode(x), x, still(0.0)) for x in (image, image.flip(3))]
    assert torch.equal(*hidden)  # nothing of the source passes an occlusion of 0


def test_without_skips_nothing_passes_where_all_is_occluded() -> None:
    image = torch.rand(1, 3, 8, 8)
    net = generator(skips=False)
    with torch.no_grad():
        hidden = [net(net.encode(x), x, still(0.0)) for x in (image, image.flip(3))]
        seen = [net(net.encode(x), x, still(1.0)) for x in (image, image.flip(3))]
    assert torch.equal(*hidden)
    assert not torch.equal(*seen)


def test_sampling_conventions() -> None:
    image = torch.rand(1, 3, 6, 6)
    grid = coordinate_grid(6, 6, image)[None]
    torch.testing.assert_close(Sampling(sample_align=True).warp(image, grid), image)
    assert (Sampling(sample_align=False).warp(image, grid) - image).abs().max() > 0.1
    corners = Sampling(resize_align=True).resize(image, (11, 11))
    torch.testing.assert_close(corners[..., ::2, ::2], image)
    assert (Sampling(resize_align=False).resize(image, (11, 11))[..., ::2, ::2] - image).abs().max() > 0.01
