"""Frechet and kernel distances of features against scipy, pytorch-fid, torchmetrics and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

from bench.evaluation.base import InvalidInputError
from bench.evaluation.metrics.frechet import Frechet, FrechetClipMean, frechet_distance
from bench.evaluation.metrics.kid import KernelDistance, kernel_distance
from bench.evaluation.metrics.video import FvdBiased


def features(n: int, d: int, seed: int, shift: float = 0.0, dtype: type = np.float64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d)) / math.sqrt(d)
    return (rng.normal(size=(n, d)) @ mixing + shift).astype(dtype)


def with_roots(x: np.ndarray, y: np.ndarray, ddof: int = 1) -> float:
    """The textbook formula with a matrix square root."""
    s, t = (np.cov(side, rowvar=False, ddof=ddof) for side in (x, y))
    shift = x.mean(axis=0) - y.mean(axis=0)
    return float(shift @ shift + np.trace(s + t) - 2 * np.trace(sqrtm(s @ t)).real)


# -- Frechet ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("n", "m", "d"), [(300, 300, 8), (200, 90, 24), (50, 400, 3)])
@pytest.mark.parametrize("ddof", [0, 1])
def test_frechet_equals_the_matrix_square_root(n, m, d, ddof):
    x, y = features(n, d, 1), features(m, d, 2, shift=0.3)
    assert frechet_distance(x, y, ddof) == pytest.approx(with_roots(x, y, ddof), rel=1e-9)


def test_frechet_equals_pytorch_fid_where_that_is_well_conditioned():
    from pytorch_fid.fid_score import calculate_frechet_distance

    x, y = features(500, 32, 3), features(450, 32, 4, shift=0.1)
    theirs = calculate_frechet_distance(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False))
    assert frechet_distance(x, y) == pytest.approx(theirs, rel=1e-9)


def test_frechet_is_right_with_fewer_samples_than_dimensions():
    # In one plane of 200 dimensions, so that the truth is the distance within the plane.
    rng = np.random.default_rng(5)
    plane = np.linalg.qr(rng.normal(size=(200, 3)))[0].T
    x, y = rng.normal(size=(12, 3)) * [3, 1, 0.2], rng.normal(size=(9, 3)) + 0.5
    expected = with_roots(x, y)
    assert frechet_distance(x @ plane, y @ plane) == pytest.approx(expected, rel=1e-9)
    with_singular = sqrtm(np.cov(x @ plane, rowvar=False) @ np.cov(y @ plane, rowvar=False))
    assert not np.isfinite(with_singular).all() or np.iscomplexobj(with_singular)  # what other tools run into


def test_equal_sets_have_no_distance_whatever_their_order():
    x = features(40, 100, 6)
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x) >= 0
    y = features(30, 100, 7)
    shuffled = np.random.default_rng(0).permutation(30)
    assert frechet_distance(x, y[shuffled]) == pytest.approx(frechet_distance(x, y), rel=1e-12)
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), rel=1e-12)


def test_a_shift_alone_is_its_square():
    x = features(60, 20, 8, dtype=np.float32)
    assert frechet_distance(x, x.astype(np.float64) + 2) == pytest.approx(20 * 4, rel=1e-9)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_samples_have_no_value(n):
    x = features(5, 4, 9)
    assert math.isnan(frechet_distance(x[:n], x)) and math.isnan(kernel_distance(x, x[:n]))


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_features_that_are_none_are_refused(distance):
    x = features(6, 4, 10)
    with pytest.raises(InvalidInputError, match="not finite"):
        distance(np.where(x > 0, np.nan, x), x)
    with pytest.raises(InvalidInputError, match="4 and 3 dimensions"):
        distance(x, x[:, :3])
    with pytest.raises(InvalidInputError, match=r"not \(n, D\)"):
        distance(x[0], x)


# -- kernel distance -------------------------------------------------------------------------------------------------
def test_kernel_distance_equals_the_plain_double_sums():
    x, y = features(13, 5, 11), features(9, 5, 12, shift=0.4)

    def k(a, b):
        return (a @ b / 5 + 1) ** 3

    within_x = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (13 * 12)
    within_y = sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / (9 * 8)
    between = sum(k(a, b) for a in x for b in y) / (13 * 9)
    assert kernel_distance(x, y) == pytest.approx(within_x + within_y - 2 * between, rel=1e-11)


def test_kernel_distance_equals_torchmetrics_on_one_subset_of_all():
    import torch
    from torchmetrics.image.kid import poly_mmd

    x, y = features(50, 16, 13), features(50, 16, 14, shift=0.2)
    theirs = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert kernel_distance(x, y) == pytest.approx(theirs, rel=1e-9)


def test_kernel_distance_is_unbiased():
    same = [kernel_distance(features(30, 6, 2), features(60, 6, 2)[30:]) for _ in range(1)]
    draws = [kernel_distance(*np.split(np.random.default_rng(s).normal(size=(40, 6)), 2)) for s in range(400)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20
    assert min(draws) < 0 < max(draws) and np.isfinite(same).all()


# -- over clips ------------------------------------------------------------------------------------------------------
def clips(count: int = 4, d: int = 7) -> list[dict[str, np.ndarray]]:
    return [
        {"generated": features(6 + i, d, i, 0.2, np.float32), "reference": features(6 + i, d, 50 + i, 0, np.float32)}
        for i in range(count)
    ]


@pytest.mark.parametrize("metric", [Frechet, KernelDistance, FvdBiased])
def test_the_order_of_clips_does_not_change_a_bit(metric):
    parts = clips()
    assert metric.combine(parts).value == metric.combine(parts[::-1]).value
    assert metric.combine(parts).n_frames == 6 + 7 + 8 + 9


def test_pooled_and_within_clips():
    parts = clips(3)
    everything = [np.concatenate([part[side] for part in parts]) for side in ("generated", "reference")]
    assert Frechet.combine(parts).value == pytest.approx(frechet_distance(*everything), rel=1e-12)
    each = [frechet_distance(part["generated"], part["reference"]) for part in parts]
    assert FrechetClipMean.combine(parts).value == pytest.approx(np.mean(each), rel=1e-12)


def test_clips_too_short_are_counted():
    parts = clips(3)
    parts[1] = {side: rows[:1] for side, rows in parts[1].items()}
    outcome = FrechetClipMean.combine(parts)
    assert outcome.status == "ok" and outcome.reason == "1 of 3 clips have fewer than two frames"
    assert FrechetClipMean.combine([parts[1]]).status == Frechet.combine([parts[1]]).status == "undefined"
    assert Frechet.combine([]).status == FrechetClipMean.combine([]).status == "undefined"
    assert Frechet.combine(parts).status == "ok"


def test_a_feature_that_is_no_number_is_invalid():
    parts = clips(2)
    parts[0]["generated"][0, 0] = np.nan
    assert Frechet.combine(parts).status == "invalid-input"
