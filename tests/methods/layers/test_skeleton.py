"""Laws of the drawn stick figure."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from methods.layers.skeleton import (
    BODY_LIMBS,
    FACE_CHAINS,
    HAND_LIMBS,
    draw_face,
    draw_skeleton,
    limb_colours,
    limbs_of,
)

#: BODY_25 points of the right and the left side that mirror each other.
MIRROR = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21]


def points(seed: int = 0, count: int = 25, size: int = 32) -> Tensor:
    """(1, count, 3): all present."""
    xy = torch.rand(1, count, 2, generator=torch.Generator().manual_seed(seed)) * (size - 1)
    return torch.cat([xy, torch.ones(1, count, 1)], -1)


def only(a: int, b: int, ends: list[list[float]], confidence: float = 1.0) -> Tensor:
    """(1, 25, 3): two points present."""
    found = torch.zeros(1, 25, 3)
    found[0, [a, b]] = torch.tensor([[*xy, confidence] for xy in ends])
    return found


def test_a_limb_is_drawn_where_it_lies_and_as_thick_as_asked() -> None:
    image = draw_skeleton(only(2, 3, [[4.0, 10.0], [20.0, 10.0]]), (24, 32), thickness=3)
    assert image.shape == (1, 3, 24, 32)
    colour = torch.tensor(limb_colours(24)[BODY_LIMBS.index((2, 3))])
    torch.testing.assert_close(image[0, :, 9:12, 12], colour[:, None].expand(3, 3))
    assert image[0, :, 7, 12].max() == 0
    assert image[0, :, 13, 12].max() == 0
    assert image[0, :, 10, 24].max() == 0
    assert draw_skeleton(only(2, 3, [[4.0, 10.0], [20.0, 10.0]]), (24, 32), thickness=5)[0, :, 8, 12].max() == 1


def test_nothing_is_drawn_without_both_ends() -> None:
    one = only(2, 3, [[4.0, 10.0], [20.0, 10.0]])
    one[0, 3, 2] = 0
    assert draw_skeleton(one, (24, 32)).max() == 0
    assert draw_skeleton(torch.zeros(2, 25, 3), (8, 8)).max() == 0


def test_thresholds_of_body_and_face() -> None:
    hidden_face = only(0, 15, [[4.0, 4.0], [9.0, 4.0]], 0.5)
    hidden_arm = only(2, 3, [[4.0, 4.0], [9.0, 4.0]], 0.5)
    assert draw_skeleton(hidden_face, (12, 12), face_threshold=0.6).max() == 0
    assert draw_skeleton(hidden_face, (12, 12), face_threshold=0.1).max() == 1
    assert draw_skeleton(hidden_arm, (12, 12), face_threshold=0.6).max() == 1
    assert draw_skeleton(hidden_arm, (12, 12), threshold=0.6).max() == 0
    assert draw_skeleton(hidden_arm, (12, 12), weighted=True).max() == 0.5


def test_a_moved_figure_gives_the_moved_image() -> None:
    figure = points(size=20) + torch.tensor([4.0, 4.0, 0.0])
    moved = figure + torch.tensor([3.0, 2.0, 0.0])
    here, there = (draw_skeleton(p, (40, 40), thickness=2) for p in (figure, moved))
    torch.testing.assert_close(there[..., 2:, 3:], here[..., :-2, :-3], atol=1e-4, rtol=0)


def test_sides_are_told_apart_but_drawn_alike() -> None:
    figure = points()
    mirrored = figure[:, MIRROR]
    assert not torch.allclose(draw_skeleton(figure, (32, 32)), draw_skeleton(mirrored, (32, 32)), atol=0.1)
    drawn = [(draw_skeleton(p, (32, 32)).amax(1) > 0.2).float() for p in (figure, mirrored)]
    assert (drawn[0] - drawn[1]).abs().mean() < 0.02  # the same lines in other colours
    assert {frozenset(MIRROR[p] for p in limb) for limb in BODY_LIMBS} == {frozenset(limb) for limb in BODY_LIMBS}


def test_every_point_of_body_and_hands_has_a_limb() -> None:
    assert {p for limb in limbs_of(25) for p in limb} == set(range(25))
    assert {p for limb in limbs_of(67) for p in limb} == set(range(67))
    assert len(HAND_LIMBS) == 20
    assert draw_skeleton(points(count=67), (32, 32)).sum() > draw_skeleton(points(count=67)[:, :25], (32, 32)).sum()
    with pytest.raises(ValueError, match="135"):
        draw_skeleton(points(count=135), (32, 32))


def test_range_and_batch() -> None:
    both = torch.cat([points(1), points(2)])
    image = draw_skeleton(both, (32, 48))
    assert image.min() == 0
    assert image.max() <= 1
    torch.testing.assert_close(image[1:], draw_skeleton(both[1:], (32, 48)))


def test_face_lines_join_points_that_are_seen() -> None:
    points = torch.zeros(2, 68, 3)
    points[:, :17, 0], points[:, :17, 1] = torch.linspace(2, 29, 17), 20.0
    points[0, :17, 2] = 1
    drawn = draw_face(points, (32, 32), threshold=0.5)
    assert drawn.shape == (2, 3, 32, 32)
    assert drawn[0, :, 20, 4:28].min() == 1
    assert drawn[0, :, :18].max() == 0
    assert drawn[1].max() == 0
    assert sum(len(chain) - 1 for chain in FACE_CHAINS) == 16 + 4 + 4 + 3 + 4 + 6 + 6 + 12 + 8
