"""Laws of texture mapping and of what an IUV map says without learning."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methods.layers.labels import iuv_one_hot
from methods.neural_texture.correspondence import (
    OTHER_SIDE,
    PARTS,
    extract_surface,
    find_correspondence,
    sample_textures,
)
from methods.neural_texture.losses import coordinate_loss, masked_l1, part_loss
from methods.neural_texture.texture import Geometry, given_geometry, map_texture


def random_iuv(size: int = 16, seed: int = 0) -> Tensor:
    """(1, size, size, 3) uint8: blocks of parts, smooth U and V; the first column is background."""
    g = torch.Generator().manual_seed(seed)
    part = torch.randint(1, PARTS + 1, (1, 4, 4), generator=g).repeat_interleave(size // 4, 1)
    part = part.repeat_interleave(size // 4, 2)
    part[:, :, 0] = 0
    y, x = torch.meshgrid(torch.linspace(0, 255, size), torch.linspace(0, 255, size), indexing="ij")
    return torch.stack([part[0].float(), y, x], dim=-1)[None].to(torch.uint8)


def sure(iuv: Tensor) -> Geometry:
    """Scores that leave no doubt about a map."""
    given = given_geometry(iuv_one_hot(iuv), 60.0)
    return Geometry(given.logits, given.uv + 0.5)


# -- mapping -----------------------------------------------------------------------------------------------------
def test_mapping_a_known_atlas_through_a_known_map_gives_the_known_picture() -> None:
    """A texture that is linear in U and V, with the part's number in it, gives these numbers back at every pixel."""
    side, iuv = 5, random_iuv()
    ramp = torch.linspace(0, 1, side)
    number = torch.arange(PARTS, dtype=torch.float32).view(1, PARTS, 1, 1, 1).expand(-1, -1, -1, side, side)
    rows = ramp.view(1, 1, 1, side, 1).expand(1, PARTS, -1, -1, side)  # rows are U
    columns = ramp.view(1, 1, 1, 1, side).expand(1, PARTS, -1, side, -1)  # columns are V
    picture = map_texture(torch.cat([number, rows, columns], dim=2), sure(iuv))
    body = (iuv[..., 0] > 0).float()
    expected = torch.stack([iuv[..., 0].float() - 1, iuv[..., 1] / 255, iuv[..., 2] / 255], dim=1) * body[:, None]
    torch.testing.assert_close(picture, expected, atol=1e-4, rtol=0)


def test_mapping_is_the_weighted_sum_over_parts_and_the_background_adds_nothing() -> None:
    torch.manual_seed(0)
    atlas, logits, uv = torch.randn(2, PARTS, 3, 4, 4), torch.randn(2, 25, 6, 7), torch.rand(2, PARTS, 2, 6, 7)
    expected = torch.zeros(2, 3, 6, 7)
    probability = logits.softmax(1)
    for part in range(PARTS):
        grid = torch.stack([uv[:, part, 1], uv[:, part, 0]], dim=-1) * 2 - 1
        sampled = torch.nn.functional.grid_sample(atlas[:, part], grid, align_corners=True)
        expected += probability[:, 1 + part : 2 + part] * sampled
    torch.testing.assert_close(map_texture(atlas, Geometry(logits, uv)), expected, atol=1e-5, rtol=0)


def test_fewer_parts_per_pixel_approach_the_whole_sum_and_are_exact_where_the_map_is_sure() -> None:
    torch.manual_seed(0)
    atlas, iuv = torch.randn(1, PARTS, 3, 4, 4), random_iuv()
    torch.testing.assert_close(map_texture(atlas, sure(iuv), 1), map_texture(atlas, sure(iuv)), atol=1e-5, rtol=0)
    doubt = Geometry(torch.randn(1, 25, 16, 16), torch.rand(1, PARTS, 2, 16, 16))
    whole = map_texture(atlas, doubt)
    errors = [(map_texture(atlas, doubt, k) - whole).abs().mean().item() for k in (1, 6, 23)]
    assert errors[0] > errors[1] > errors[2] > 0


def test_gradients_reach_texture_scores_and_coordinates() -> None:
    torch.manual_seed(0)
    atlas = torch.randn(1, PARTS, 2, 4, 4, requires_grad=True)
    logits, uv = torch.randn(1, 25, 4, 4, requires_grad=True), torch.rand(1, PARTS, 2, 4, 4, requires_grad=True)
    map_texture(atlas, Geometry(logits, uv)).square().sum().backward()
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in (atlas, logits, uv))


def test_parts_never_mix_in_the_stack_of_textures() -> None:
    atlas = torch.zeros(1, PARTS, 1, 3, 3)
    atlas[:, 7] = 1
    parts = torch.arange(PARTS).view(1, PARTS, 1, 1)
    sampled = sample_textures(atlas, parts, torch.full((1, PARTS, 1, 1, 2), 0.3))[0, 0, :, 0, 0]
    torch.testing.assert_close(sampled, torch.nn.functional.one_hot(torch.tensor(7), PARTS).float(), atol=1e-5, rtol=0)


# -- extraction --------------------------------------------------------------------------------------------------
def test_extracting_and_mapping_again_gives_the_photo_back() -> None:
    """One part fills a smooth photo; reading its texture by the same map returns the photo's body."""
    size = 32
    y, x = torch.meshgrid(torch.linspace(0, 255, size), torch.linspace(0, 255, size), indexing="ij")
    iuv = torch.stack([torch.full_like(x, 5), y, x], dim=-1)[None].round().to(torch.uint8)
    photo = torch.stack([x / 255, y / 255, (x + y) / 510])[None]
    surface = extract_surface(photo, iuv, 16)
    again = map_texture(surface.colours, sure(iuv))
    assert (again - photo).abs().mean() < 0.01
    assert surface.confidence[:, 4].min() > 0.9
    others = [p for p in range(PARTS) if p not in (4, 5)]  # the other foot borrows
    assert surface.confidence[:, others].max() == 0
    assert surface.colours[:, others].max() == 0


def test_holes_are_filled_from_their_neighbourhood_with_less_confidence() -> None:
    iuv = torch.zeros(1, 1, 2, 3, dtype=torch.uint8)
    iuv[..., 0] = 3
    iuv[0, 0, 1, 1:] = 255  # two pixels at opposite corners of the chart
    photo = torch.tensor([0.2, 0.8]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    surface = extract_surface(photo, iuv, 8)
    colours, confidence = surface.colours[0, 2, 0], surface.confidence[0, 2, 0]
    assert colours[0, 0].item() == pytest.approx(0.2, abs=1e-3)
    assert colours[7, 7].item() == pytest.approx(0.8, abs=1e-3)
    assert colours[1, 1].item() == pytest.approx(0.2, abs=0.05)  # the nearer of the two
    assert confidence[0, 0] > confidence[1, 1] > confidence[3, 4] > 0


def test_a_part_that_is_not_seen_borrows_from_its_other_side_then_from_the_other_limb() -> None:
    """Only the back of the right upper leg (part 7) is seen: its front flips both axes, the left leg copies it."""
    y, x = torch.meshgrid(torch.linspace(0, 255, 16), torch.linspace(0, 255, 16), indexing="ij")
    iuv = torch.stack([torch.full_like(x, 7), y, x], dim=-1)[None].round().to(torch.uint8)
    surface = extract_surface(torch.stack([x / 255, y / 255, x * 0])[None], iuv, 8)
    back, front, left = (surface.colours[0, part - 1] for part in (7, 9, 8))
    torch.testing.assert_close(front, back.flip(1, 2))
    torch.testing.assert_close(left, back)
    sure = [surface.confidence[0, part - 1].mean().item() for part in (7, 9, 10, 8, 1)]
    assert sure[0] > sure[1] > sure[2] > 0
    assert sure[4] == 0
    for number, flip_u, flip_v in OTHER_SIDE:  # partners are mutual
        again = OTHER_SIDE[number - 1]
        assert OTHER_SIDE[again[0] - 1] == (number, flip_u, flip_v)


def test_the_correspondence_of_a_shifted_body_is_its_shift() -> None:
    size, shift = 32, 5
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    inside = (x >= 4) & (x < 20) & (y >= 8) & (y < 24)
    source = torch.stack([inside * 2, inside * (y - 8) * 16, inside * (x - 4) * 16], dim=-1)[None].to(torch.uint8)
    driving = source.roll(shift, dims=2)
    photo = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    surface = extract_surface(photo, source, 16)
    found = find_correspondence(surface, photo, source, driving)
    body = (driving[..., 0] > 0)[0]
    pixels = found[0, 0] * (size - 1) / 2
    torch.testing.assert_close(pixels[body], torch.full_like(pixels[body], -shift), atol=0.2, rtol=0)
    assert found[0, :2, ~body].abs().max() == 0
    moved = photo.roll(shift, dims=3)
    assert (found[:, 3:] - moved)[..., body].abs().mean() < 0.1  # bilinear samples of noise, up to .2 px off


def test_a_place_that_another_part_hides_has_less_confidence() -> None:
    iuv = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    iuv[..., 0] = 1
    iuv[..., 1] = torch.arange(8).view(1, 8, 1) * 36
    iuv[..., 2] = torch.arange(8).view(1, 1, 8) * 36
    hidden = iuv.clone()
    hidden[:, 2:6, 2:6, 0] = 2  # an arm before the torso
    photo = torch.rand(1, 3, 8, 8)
    found = find_correspondence(extract_surface(photo, hidden, 8), photo, hidden, iuv)
    assert found[0, 2, 3:5, 3:5].max() < 0.6
    assert found[0, 2, 0, :].min() > 0.9


# -- losses ------------------------------------------------------------------------------------------------------
def test_losses_of_a_perfect_map_vanish_and_those_of_a_wrong_one_do_not() -> None:
    iuv, other = random_iuv(), random_iuv(seed=1)
    assert part_loss(sure(iuv), iuv).item() < 1e-6
    assert coordinate_loss(sure(iuv), iuv).item() < 1e-6
    assert part_loss(sure(iuv), other).item() > 1
    moved = sure(iuv)
    assert coordinate_loss(Geometry(moved.logits, moved.uv * 0 + 0.5), iuv).item() > 0.1


def test_losses_of_an_empty_frame_are_finite() -> None:
    empty = torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    assert coordinate_loss(sure(empty), empty).item() == 0
    assert masked_l1(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)).item() == 0


def test_masked_l1_sees_the_body_only() -> None:
    image, mask = torch.zeros(1, 3, 2, 2), torch.tensor([[1.0, 0.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    target = torch.full((1, 3, 2, 2), 9.0)
    target[..., 0, 0] = 0.5
    assert masked_l1(image, target, mask).item() == pytest.approx(0.5)
