"""How errors of a reader are counted, on arrays whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.annotators.world import accuracy


def _truth(frames: int = 2) -> np.ndarray:
    """Points on a diagonal, all visible."""
    points = np.ones((frames, 135, 3), np.float32)
    points[..., 0] = points[..., 1] = np.arange(135)
    return points


def test_the_box_is_as_high_as_the_person() -> None:
    iuv = np.zeros((2, 20, 10, 3), np.uint8)
    iuv[0, 4:14, 3, 0] = 2
    assert accuracy.box_heights(iuv)[0] == 10 and np.isnan(accuracy.box_heights(iuv)[1])


def test_errors_are_shares_of_the_height_of_visible_points_only() -> None:
    truth = _truth()
    found = truth.copy()
    found[..., 0] += 5  # 5 px of 100: 5 %
    found[:, 4, 0] += 10  # right wrist: 15 %, a failure
    found[0, 7, 2] = 0  # left wrist said to be missing once
    truth[1, 7, 2] = 0.5  # and hidden in the other frame: not counted
    errors = accuracy.point_errors(found, truth, np.array([100.0, 100.0]))
    assert errors["body"]["median"] == pytest.approx(0.05)
    assert errors["wrists"]["count"] == 3
    assert errors["wrists"]["failures"] == pytest.approx(2 / 3)
    assert errors["wrists"]["missed"] == pytest.approx(1 / 3)
    assert errors["ankles"]["failures"] == 0


def test_exchanged_sides_are_swaps() -> None:
    truth = _truth(1)
    found = truth.copy()
    assert accuracy.swap_rate(found, truth) == 0
    found[0, [4, 7]] = truth[0, [7, 4]]
    assert accuracy.swap_rate(found, truth) == pytest.approx(1 / len(accuracy.SIDES))


def test_absent_joints_are_recalled() -> None:
    truth = _truth(1)
    assert np.isnan(accuracy.absence_recall(truth, truth))
    truth[0, [3, 4], 2] = 0
    found = _truth(1)
    found[0, 3, 2] = 0
    assert accuracy.absence_recall(found, truth) == 0.5


def test_intersection_over_union_counts_classes_of_the_truth() -> None:
    truth, found = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]])
    assert accuracy.intersection_over_union(found, truth, 5) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_uv_is_compared_where_the_part_is_right() -> None:
    truth = np.zeros((1, 1, 3, 3), np.uint8)
    truth[0, 0, :2] = [[3, 100, 100], [4, 0, 0]]
    found = truth.copy()
    found[0, 0, 0, 1:] = [151, 100]
    found[0, 0, 1] = [5, 255, 255]
    assert accuracy.uv_error(found, truth) == pytest.approx(51 / 255 / 2)


def test_mean_distance_takes_joints_present_in_both() -> None:
    truth = _truth(1)
    found = truth.copy()
    found[0, :25, 0] += 3
    found[0, :25, 1] += 4
    found[0, 2] = [900, 900, 0]
    truth[0, 5, 2] = 0
    found[0, 5, 0] = 900
    assert accuracy.mean_distance(found, truth) == pytest.approx(5)
