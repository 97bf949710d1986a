"""Laws of the parts: augmentation, labels from points, crops, SPADE, composition, faces, labels by surface."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull

from methods.dance.augment import Draw, augment_pair, stretch, warp_labels, warp_points
from methods.dance.body2frame import compose, paint
from methods.dance.config import AugmentConfig, PoseConfig, RefinementConfig, SpadeConfig
from methods.dance.crops import colour_table, segment_crops
from methods.dance.faces import Faces, faces_by, faces_of
from methods.dance.inputs import Annotated, View, read_iuv, seen_iuv
from methods.dance.labels import SEGMENTS, face_labels, hull_mask, map_of, person_of, with_hands, without_hands
from methods.dance.spade import Spade
from methods.dance.surface import suggested, surface_colours

G = torch.Generator().manual_seed(5)


def person(height: int = 64, width: int = 64) -> torch.Tensor:
    """A figure: head, torso, legs; feet at row 56."""
    labels = torch.zeros(1, height, width, dtype=torch.uint8)
    labels[:, 8:16, 28:36], labels[:, 16:36, 24:40] = 13, 5
    labels[:, 36:57, 24:30], labels[:, 36:57, 34:40] = 16, 17
    return labels


def annotated(labels: torch.Tensor, points: torch.Tensor | None = None) -> Annotated:
    points = torch.rand(len(labels), 135, 3, generator=G) * 60 if points is None else points
    iuv = torch.stack([labels.clamp(max=24)] * 3, -1)
    return Annotated(torch.rand(len(labels), 3, *labels.shape[1:], generator=G), labels, points, iuv)


# -- squeeze and stretch -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_stretching_changes_the_width_and_nothing_else(factor: float) -> None:
    labels = person()
    wide = stretch(labels, torch.tensor([[factor, 1.0]]))
    for row_before, row_after in zip(labels[0], wide[0], strict=True):
        assert set(row_before.tolist()) == set(row_after.tolist())  # the same labels at every height
        before, after = int((row_before > 0).sum()), int((row_after > 0).sum())
        assert abs(after - factor * before) <= 2
    middle = [np.nonzero((x[0] > 0).any(0).numpy())[0].mean() for x in (labels, wide)]
    assert middle[0] == pytest.approx(middle[1], abs=1)


def test_stretching_upward_leaves_the_feet_on_the_floor() -> None:
    tall = stretch(person(), torch.tensor([[1.0, 1.1]]))
    rows = (tall[0] > 0).any(1).nonzero()[:, 0]
    assert int(rows.max()) == 56
    assert int(rows.min()) == pytest.approx(56 - 1.1 * 48, abs=1)
    assert (tall[0] > 0).sum(1).max() == (person()[0] > 0).sum(1).max()


def test_maps_are_stretched_and_poses_are_not() -> None:
    photo, driving = annotated(person()), annotated(person().roll(3, 2))
    still = Draw(torch.zeros(1), torch.ones(1), torch.tensor([[1.25, 1.0]]))
    a, b = augment_pair(photo, driving, still)
    for before, after in ((photo, a), (driving, b)):
        torch.testing.assert_close(after.keypoints, before.keypoints)
        assert torch.equal(after.iuv, before.iuv)
        assert int((after.labels > 0).sum()) > 1.15 * int((before.labels > 0).sum())


def test_points_move_with_the_labels_under_them() -> None:
    labels = torch.zeros(1, 64, 64, dtype=torch.uint8)
    labels[0, 20:23, 40:43] = 7
    points = torch.tensor([[[41.0, 21.0, 0.5]]])
    draw = Draw(torch.tensor([0.15]), torch.tensor([1.1]), torch.ones(1, 2))
    matrix = draw.matrix(64, 64)
    y, x = (warp_labels(labels, matrix)[0] == 7).nonzero().float().mean(0).tolist()
    moved = warp_points(points, matrix)[0, 0]
    assert (x, y) == pytest.approx(moved[:2].tolist(), abs=0.7)
    assert moved[2] == 0.5
    distance = [math.dist(p, (31.5, 31.5)) for p in ((41.0, 21.0), moved[:2].tolist())]
    assert distance[1] == pytest.approx(1.1 * distance[0], rel=1e-3)


def test_no_augmentation_is_the_identity() -> None:
    config = AugmentConfig(rotation=0, scale=1, stretch=(1, 1))
    photo, driving = annotated(person()), annotated(person().roll(3, 2))
    a, b = augment_pair(photo, driving, Draw.random(1, config, photo.rgb))
    assert torch.equal(a.labels, photo.labels) and torch.equal(b.labels, driving.labels)
    torch.testing.assert_close(b.keypoints, driving.keypoints)


def test_draws_stay_in_their_ranges() -> None:
    config = AugmentConfig()
    draw = Draw.random(4000, config, torch.zeros(1))
    assert draw.angle.abs().max() <= math.radians(10)
    assert draw.stretch.min() >= 0.8 and draw.stretch.max() <= 1.25
    assert draw.stretch.log().mean() == pytest.approx(0, abs=0.01)
    assert draw.scale.max() <= 1.1 and draw.scale.min() >= 1 / 1.1
    assert abs(np.corrcoef(draw.stretch.T.numpy())[0, 1]) < 0.1  # each axis by itself


# -- labels from points ------------------------------------------------------------------------------------------
def test_hull_is_the_convex_hull() -> None:
    """Against scipy's: everything inside it is drawn, and nothing far outside."""
    points = torch.rand(5, 12, 2, generator=G) * 40 + 10
    drawn = hull_mask(points, torch.ones(5, 12, dtype=torch.bool), (64, 64))
    y, x = np.mgrid[:64, :64]
    for one, mask in zip(points.double().numpy(), drawn.numpy(), strict=True):
        planes = ConvexHull(one).equations
        distance = (planes[:, :2] @ np.stack([x.ravel(), y.ravel()]) + planes[:, 2:]).max(0).reshape(64, 64)
        assert mask[distance < -1e-4].all()
        assert not mask[distance > 1.0].any()


def test_points_that_are_missing_draw_no_hull() -> None:
    points, present = torch.rand(2, 6, 2, generator=G) * 30, torch.ones(2, 6, dtype=torch.bool)
    present[0, 2:] = False
    present[1, 0] = False
    points[1, 0] = 500
    drawn = hull_mask(points, present, (32, 32))
    assert not drawn[0].any()
    assert 0 < drawn[1].sum() < 32 * 32


def test_hands_are_drawn_on_the_person_alone() -> None:
    labels = torch.zeros(1, 32, 32, dtype=torch.uint8)
    labels[:, :, 8:24] = 14
    points = torch.zeros(1, 135, 3)
    points[0, 25:46] = torch.cat([torch.rand(21, 2, generator=G) * 16 + 2, torch.ones(21, 1)], 1)
    found = with_hands(labels, points, PoseConfig())
    assert set(found.unique().tolist()) == {0, 14, 20}
    assert torch.equal(found > 0, labels > 0)
    assert torch.equal(with_hands(labels, points, PoseConfig(hand_labels=False)), labels)
    assert torch.equal(with_hands(labels, points * torch.tensor([1, 1, 0.05]), PoseConfig()), labels)
    back = without_hands(map_of(found, 22))
    assert torch.equal(back, map_of(labels, 20))


def test_face_labels_lie_on_their_points() -> None:
    points = torch.zeros(1, 135, 3)
    points[..., 2] = 1
    place = {0: (20, 10), 1: (20, 20), 2: (40, 20), 3: (40, 40), 4: (40, 40)}
    groups = {0: [17, 22], 1: [36, 42], 2: [27], 3: [48], 4: [60]}
    for label, starts in groups.items():
        for start in starts:
            count = {0: 5, 1: 6, 2: 9, 3: 12, 4: 8}[label]
            radius = 3.0 if label == 4 else 7.0
            turn = torch.arange(count) * 2 * math.pi / count
            circle = torch.stack([turn.cos(), turn.sin()], 1) * radius
            points[0, 67 + start : 67 + start + count, :2] = torch.tensor(place[label]).float() + circle
    drawn = face_labels(points, (64, 64), 0.5)
    assert drawn.shape == (1, 5, 64, 64)
    for label, (x, y) in place.items():
        assert drawn[0, label, y, x] == (label != 3)  # the inner mouth is cut out of the lips
    assert drawn[0, 3, 40, 45] == 1
    assert face_labels(points * 0, (64, 64), 0.5).sum() == 0


# -- crops and colours -------------------------------------------------------------------------------------------
def test_crops_follow_the_parsing() -> None:
    labels = person()
    rgb = torch.rand(1, 3, 64, 64, generator=G)
    crops = segment_crops(rgb, labels, 16)
    # The torso's box is 16 wide and 20 high; the head's 8 x 8: at size 8 it is the photo's own pixels.
    assert torch.allclose(segment_crops(rgb, labels, 8)[0, 0], rgb[0, :, 8:16, 28:36], atol=1e-5)
    shift = (5, -3)
    moved = segment_crops(rgb.roll(shift, (2, 3)), labels.roll(shift, (1, 2)), 16)
    torch.testing.assert_close(moved, crops, atol=1e-5, rtol=0)
    assert crops[0, 3].abs().max() == 0  # no shoes, and nothing lower but skin
    assert crops[0, 2].abs().max() == 0
    other = rgb.clone()
    other[:, :, labels[0] != 5] = 0.123
    torch.testing.assert_close(segment_crops(other, labels, 16)[0, 1], crops[0, 1])


def test_segments_are_disjoint_and_leave_out_the_background() -> None:
    members = [label for segment in SEGMENTS for label in segment]
    assert sorted(members) == list(range(1, 22))


def test_colours_are_means_and_missing_labels_borrow_their_segments() -> None:
    labels, rgb = person(), torch.rand(1, 3, 64, 64, generator=G)
    table = colour_table(rgb, labels, 22)
    for label in (0, 5, 13, 16):
        torch.testing.assert_close(table[0, label], rgb[0, :, labels[0] == label].mean(1))
    torch.testing.assert_close(table[0, 14], rgb[0, :, (labels[0] == 16) | (labels[0] == 17)].mean(1))  # arms: skin
    torch.testing.assert_close(table[0, 9], rgb[0, :, labels[0] > 0].mean(1))  # trousers: the person
    nobody = colour_table(rgb, labels * 0, 22)
    assert (nobody[0, 1:] == 0.5).all()
    painted = paint(map_of(labels, 22), table)
    torch.testing.assert_close(painted[0, :, 10, 30], table[0, 13])


# -- SPADE and composition ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_spade_with_a_constant_map_is_plain_normalisation_with_that_affine(norm: str) -> None:
    torch.manual_seed(1)
    layer = Spade(6, 4, SpadeConfig(norm=norm, hidden=8))
    body = torch.rand(1, 4, 1, 1).expand(2, 4, 16, 16)
    x = torch.randn(2, 6, 16, 16)
    found = layer(x, body)
    hidden = torch.relu(torch.einsum("ocij,bc->bo", layer.shared[0].weight, body[..., 0, 0]) + layer.shared[0].bias)
    affine = torch.einsum("ocij,bc->bo", layer.affine.weight, hidden) + layer.affine.bias
    gamma, beta = affine[..., None, None].chunk(2, 1)
    if norm == "none":
        plain = x
    else:
        axes = (0, 2, 3) if norm == "batch" else (2, 3)
        plain = (x - x.mean(axes, keepdim=True)) / (x.var(axes, keepdim=True, unbiased=False) + 1e-5).sqrt()
    inner = (..., slice(2, -2), slice(2, -2))  # the two convolutions see zeros beyond the frame
    torch.testing.assert_close(found[inner], (plain * (1 + gamma) + beta)[inner], atol=1e-5, rtol=1e-4)


def test_spade_reads_the_map_at_the_place() -> None:
    torch.manual_seed(1)
    layer = Spade(6, 4, SpadeConfig(norm="none", hidden=8))
    x, body = torch.randn(1, 6, 8, 8), torch.zeros(1, 4, 16, 16)
    changed = body.clone()
    changed[:, 1, :6, :6] = 1
    difference = (layer(x, changed) - layer(x, body)).abs().sum(1)[0]
    assert difference[:3, :3].min() > 0
    assert difference[6:, 6:].max() == 0


def test_composition_with_ones_or_zeros_is_person_or_background_exactly() -> None:
    image, background = torch.rand(2, 3, 9, 7, generator=G), torch.rand(2, 3, 9, 7, generator=G)
    ones = torch.ones(2, 1, 9, 7)
    assert torch.equal(compose(image, ones, background), image)
    assert torch.equal(compose(image, ones * 0, background), background)


def test_share_of_a_person() -> None:
    body = map_of(person(), 22)
    assert torch.equal(person_of(body)[0, 0], (person()[0] > 0).float())
    assert person_of(body * 0).isfinite().all()


# -- faces -------------------------------------------------------------------------------------------------------
def face(angle: float, half: float = 9.5) -> Faces:
    return Faces(
        torch.tensor([[30.5, 25.5]]), torch.tensor([half]), torch.tensor([angle]), torch.ones(1, dtype=torch.bool)
    )


def test_a_refined_face_is_pasted_where_it_came_from_to_the_pixel() -> None:
    """An upright square of as many pixels as the crop: pixel by pixel the same, and nothing else is touched."""
    frames = torch.rand(1, 3, 64, 64, generator=G)
    faces = face(0.0, half=10.0)
    crop = faces.crop(frames, 20)
    torch.testing.assert_close(crop[0], frames[0, :, 16:36, 21:41], atol=1e-5, rtol=0)
    ones = torch.ones(1, 1, 20, 20)
    torch.testing.assert_close(faces.paste(frames, crop, ones), frames, atol=1e-5, rtol=0)
    red = torch.tensor([1.0, 0, 0])[None, :, None, None].expand(1, 3, 20, 20)
    pasted = faces.paste(frames, red, ones)
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:36, 21:41] = True
    torch.testing.assert_close(pasted[0, :, inside], red[0, :, 0, :1].expand(3, 400))
    assert torch.equal(pasted[0, :, ~inside], frames[0, :, ~inside])
    assert torch.equal(faces.paste(frames, red, ones * 0), frames)


@pytest.mark.parametrize("angle", [-0.4, 0.0, 0.7])
@pytest.mark.parametrize("size", [16, 48])
def test_turned_and_scaled_crops_come_back_to_their_place(angle: float, size: int) -> None:
    """A picture of its own coordinates: what is pasted says where it came from."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    frames = torch.stack([x, y, x + y])[None]
    faces = face(angle, half=12.0)
    crop = faces.crop(frames, size)
    pasted = faces.paste(frames, crop, torch.ones(1, 1, size, size))
    inner = (frames[0, 0] - 30.5).abs().maximum((frames[0, 1] - 25.5).abs()) < 6
    torch.testing.assert_close(pasted[0, :, inner], frames[0, :, inner], atol=2e-3, rtol=0)
    middle = crop[0, :2].mean((1, 2))
    torch.testing.assert_close(middle, torch.tensor([30.5, 25.5]), atol=1e-2, rtol=0)


def eyes(left: tuple[float, float], right: tuple[float, float], confidence: float = 1.0) -> torch.Tensor:
    points = torch.zeros(1, 135, 3)
    points[:, 67 + 36 : 67 + 42] = torch.tensor([*left, confidence])
    points[:, 67 + 42 : 67 + 48] = torch.tensor([*right, confidence])
    return points


def test_faces_lie_on_the_map_and_turn_with_the_eyes() -> None:
    config = RefinementConfig(context=1.5)
    found = faces_of(person(), eyes((29, 11), (33, 13)), config, 0.5)
    assert bool(found.found)
    assert found.centre[0].tolist() == [31.5, 11.5]
    assert float(found.half) == pytest.approx(6)
    assert float(found.angle) == pytest.approx(math.atan2(2, 4))
    same = faces_of(person(), eyes((33, 13), (29, 11)), config, 0.5)
    assert float(same.angle) == pytest.approx(float(found.angle))


def test_heads_from_behind_and_small_or_absent_faces_are_left_alone() -> None:
    config = RefinementConfig()
    assert not bool(faces_of(person(), eyes((29, 11), (33, 11), 0.5), config, 0.6).found)
    assert not bool(faces_of(person(), eyes((29, 11), (33, 11)), RefinementConfig(least=9), 0.6).found)
    assert not bool(faces_of(person() * 0, eyes((29, 11), (33, 11)), config, 0.6).found)
    nowhere = faces_of(person() * 0, eyes((29, 11), (33, 11)), config, 0.6)
    frames = torch.rand(1, 3, 64, 64, generator=G)
    assert torch.equal(nowhere.paste(frames, torch.ones(1, 3, 8, 8), torch.ones(1, 1, 8, 8)), frames)


def test_a_detector_can_say_where_faces_are() -> None:
    points = torch.tensor([[20.0, 20], [30, 20], [25, 25], [21, 30], [29, 30]])
    answers = iter([points, None])
    found = faces_by(lambda frame: next(answers), torch.rand(2, 3, 64, 64, generator=G), RefinementConfig())
    assert found.found.tolist() == [True, False]
    assert found.centre[0].tolist() == [25, 25]
    assert float(found.angle[0]) == 0


# -- labels by surface, IUV, views -------------------------------------------------------------------------------
def test_suggested_labels_are_those_of_the_same_surface() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.uint8)
    iuv = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    iuv[0, :4, :, 0] = 2  # torso in front: above a scarf, below a coat
    iuv[0, :4, :, 1] = torch.arange(4)[:, None] * 64
    labels[0, :2], labels[0, 2:4] = 11, 7
    iuv[0, 4:, :4, 0], labels[0, 4:, :4] = 3, 15  # right hand
    driving = torch.tensor([[[[2, 0, 0], [2, 130, 0], [3, 9, 9], [4, 9, 9], [1, 255, 0], [0, 0, 0], [5, 0, 0]]]])
    found = suggested(labels, iuv, driving.to(torch.uint8), 22)[0, :, 0]
    assert found[:, 0].argmax() == 11 and found[:, 1].argmax() == 7 and found[:, 2].argmax() == 15
    assert found[:, 3].argmax() == 15  # the left hand as the right one
    assert found[[7, 11], 4].tolist() == [0.5, 0.5]  # the back as the front
    assert found[0, 5] == 1
    assert found[:, 6].sum() == 0  # feet were never seen
    itself = suggested(labels, iuv, iuv, 22)[0].argmax(0)
    assert torch.equal(itself[labels[0] > 0], labels[0, labels[0] > 0].long())


def test_colours_are_those_of_the_same_surface_and_others_elsewhere() -> None:
    rgb = torch.rand(1, 3, 16, 16, generator=G)
    place = (torch.arange(16) * 16 + 7).to(torch.uint8)
    iuv = torch.full((1, 16, 16, 3), 2, dtype=torch.uint8)
    iuv[..., 1], iuv[..., 2] = place[:, None], place
    instead = torch.full((1, 3, 16, 16), 0.25)
    itself = surface_colours(rgb, iuv, iuv, instead)
    torch.testing.assert_close(itself, rgb, atol=0.08, rtol=0)
    turned = surface_colours(rgb, iuv, iuv.flip(2), instead)
    torch.testing.assert_close(turned, itself.flip(3))
    for part in (0, 5):  # the background, and what the photo does not show
        other = torch.cat([torch.full_like(iuv[..., :1], part), iuv[..., 1:]], -1)
        assert torch.equal(surface_colours(rgb, iuv, other, instead), instead)


def test_coarse_iuv_loses_detail_and_none_all_of_it() -> None:
    iuv = torch.randint(0, 25, (1, 16, 16, 3), generator=G).to(torch.uint8)
    assert torch.equal(seen_iuv(iuv, PoseConfig()), iuv)
    coarse = seen_iuv(iuv, PoseConfig(iuv="coarse"))
    assert torch.equal(coarse[:, ::4, ::4], coarse[:, 3::4, 3::4]) and not torch.equal(coarse, iuv)
    assert seen_iuv(iuv, PoseConfig(iuv="none")).sum() == 0
    assert read_iuv(iuv).shape == (1, 3, 16, 16) and read_iuv(iuv).max() <= 1


def test_a_view_leads_there_and_back() -> None:
    view = View(50, 40, 0, False, 16)
    frames = torch.rand(1, 3, 50, 40, generator=G)
    inside = view.enter(frames)
    assert inside.shape[-2:] == view.size == (64, 48)
    assert torch.equal(view.leave(inside), frames)
    point = torch.tensor([[[10.0, 20.0, 1.0]]])
    x, y, _ = view.enter_points(point)[0, 0].tolist()
    assert torch.equal(inside[..., int(y), int(x)], frames[..., 20, 10])


def test_a_portrait_view_enlarges_and_has_people_in_the_middle_alone() -> None:
    view = View(64, 64, 128, True, 32)
    labels = view.enter_labels(torch.full((1, 64, 64), 5, dtype=torch.uint8))
    columns = (labels[0] > 0).all(0).nonzero()[:, 0]
    assert labels.shape[-2:] == (128, 128)
    assert (int(columns.min()), int(columns.max()) + 1) == (24, 104)  # 80 = 5/8 of 128
    smooth = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    torch.testing.assert_close(view.leave(view.enter(smooth))[..., 2:-2], smooth[..., 2:-2], atol=1e-2, rtol=0)
    assert view.enter_points(torch.tensor([[[0.0, 31.5, 1.0]]]))[0, 0].tolist() == [0.5, 63.5, 1.0]
