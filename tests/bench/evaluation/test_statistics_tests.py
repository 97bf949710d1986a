"""Tests, equivalence and win rates against scipy, closed forms, and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.evaluation.statistics import (
    equivalence_test,
    friedman_test,
    holm,
    paired_difference,
    sign_flip_test,
    wilson_interval,
    win_rate,
)


def alone(n: int) -> pd.DataFrame:
    """n pairs, each its own cluster."""
    names = [f"p{i:03d}" for i in range(n)]
    return pd.DataFrame({"source_identity": names}, index=names)


def brute_force(x: np.ndarray) -> float:
    """Share of all sign patterns that are at least as extreme."""
    hits = [abs(np.dot(s, x)) >= abs(x.sum()) - 1e-12 for s in itertools.product([-1, 1], repeat=len(x))]
    return float(np.mean(hits))


def test_exact_sign_flip_equals_brute_force_and_scipy():
    x = pd.Series([0.3, -0.1, 0.8, 0.4, 0.2, -0.05, 0.6])
    assert sign_flip_test(x) == brute_force(x.to_numpy())
    theirs = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(x) == pytest.approx(theirs.pvalue)
    assert sign_flip_test(pd.Series(np.ones(10))) == 2 / 1024
    assert sign_flip_test(pd.Series([0.0, 0.0])) == 1.0
    assert sign_flip_test(pd.Series([0.4])) == 1.0
    assert math.isnan(sign_flip_test(pd.Series([np.nan])))


@pytest.mark.parametrize("n", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("seed", range(3))
def test_exact_sign_flip_with_ties_and_zeros(n: int, seed: int):
    """Small whole numbers and tenths: many patterns tie with the observed one, of tenths only but for rounding."""
    rng = np.random.default_rng(seed)
    for x in (rng.integers(-2, 3, n).astype(float), rng.integers(-3, 6, n) / 10, rng.normal(size=n)):
        assert sign_flip_test(pd.Series(x)) == brute_force(x)


def test_twenty_clusters_are_still_exact():
    assert sign_flip_test(pd.Series(np.full(20, 0.1))) == 2 / 2**20


def test_random_sign_flips_come_close_to_the_exact_ones_and_clusters_flip_together():
    rng = np.random.default_rng(4)
    x = pd.Series(rng.normal(0.25, 1, 60))
    p = sign_flip_test(x)
    assert p == pytest.approx(2 * stats.norm.sf(abs(x.sum()) / np.sqrt((x**2).sum())), abs=0.01)
    assert sign_flip_test(x.sample(frac=1, random_state=1)) == p
    assert sign_flip_test(pd.Series(np.ones(30))) == pytest.approx(1 / 100_001)
    sums = pd.Series([1.0, 2.0, 3.0])
    split = pd.Series([0.5, 0.5, 2.0, 1.0, 2.0])
    assert sign_flip_test(split, pd.Series(["a", "a", "b", "c", "c"])) == sign_flip_test(sums) == 0.25


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    adjusted = holm([0.9, math.nan, 0.02])
    assert adjusted[0] == pytest.approx(0.9) and math.isnan(adjusted[1]) and adjusted[2] == pytest.approx(0.04)
    assert holm([]) == []


# -- equivalence -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("margin", [0.1, 0.2, 0.3])
def test_equivalence_on_normal_data_is_the_closed_form(margin: float):
    rng = np.random.default_rng(2)
    clusters = alone(100)
    b = pd.Series(rng.normal(size=100), index=clusters.index)
    a = b + 0.05 + rng.normal(0, 1, 100)
    d = a - b
    error = d.std(ddof=0) / math.sqrt(100)
    closed = max(stats.norm.sf((margin + d.mean()) / error), stats.norm.sf((margin - d.mean()) / error))
    result = equivalence_test(a, b, clusters, margin, draws=20_000)
    assert result.p == pytest.approx(closed, abs=0.01)
    assert result.equivalent == (closed < 0.05)


def test_equivalence_says_yes_just_where_the_interval_lies_within_the_margins():
    rng = np.random.default_rng(3)
    clusters = alone(40)
    for seed in range(5):
        d = pd.Series(rng.gamma(1, 1, 40) - 1, index=clusters.index)
        interval = paired_difference(d, d * 0, clusters, level=0.9, seed=seed)
        edge = max(-interval.low, interval.high)
        for margin, expected in ((edge * 1.02, True), (edge * 0.98, False)):
            result = equivalence_test(d, d * 0, clusters, margin, seed=seed)
            assert result.equivalent is expected
            assert (result.interval, result.interval.method) == (interval, "BCa")


def test_equivalence_without_data_decides_nothing():
    clusters = alone(3)
    values = pd.Series([1.0, 2.0, 3.0], index=clusters.index)
    one = equivalence_test(values.iloc[:1], values.iloc[:1], clusters, 0.1)
    assert math.isnan(one.p) and not one.equivalent
    same = equivalence_test(values, values, clusters, 0.1)
    assert same.equivalent and same.p < 0.001
    assert not equivalence_test(values + 0.2, values, clusters, 0.1).equivalent
    with pytest.raises(ValueError, match="above 0"):
        equivalence_test(values, values, clusters, 0.0)


# -- win rates -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("wins", "n"), [(0, 10), (3, 10), (10, 10), (50, 96)])
def test_wilson_is_scipys(wins: int, n: int):
    theirs = stats.binomtest(wins, n).proportion_ci(method="wilson")
    assert wilson_interval(wins, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_nothing():
    assert all(math.isnan(x) for x in wilson_interval(0, 0))


def test_win_rate_counts_ties_half_and_pairs_that_share_clusters_less():
    rng = np.random.default_rng(6)
    clusters = alone(96)
    b = pd.Series(rng.normal(size=96), index=clusters.index)
    a = b + np.where(np.arange(96) < 24, 1.0, np.where(np.arange(96) < 36, 0.0, -1.0))
    rate = win_rate(a, b.iloc[1:], clusters, "lower")
    assert (rate.wins, rate.ties, rate.losses, rate.n, rate.lost) == (60, 12, 23, 95, 1)
    assert rate.rate == pytest.approx(66 / 95)
    assert rate.effective == pytest.approx(95, rel=0.05)
    assert (rate.low, rate.high) == pytest.approx(wilson_interval(66, 95), abs=0.01)
    groups = pd.DataFrame({"source_identity": [f"g{i // 12}" for i in range(96)]}, index=clusters.index)
    shared = win_rate(a, b, groups, "lower")
    assert shared.effective < 15 and shared.high - shared.low > 2 * (rate.high - rate.low)
    always = win_rate(b - 1, b, groups, "lower")
    assert (always.rate, always.effective, always.high) == (1.0, 8.0, 1.0)
    assert always.low == pytest.approx(wilson_interval(8, 8)[0])
    nothing = win_rate(a.iloc[:3], b.iloc[3:], clusters, "higher")
    assert nothing.n == 0 and nothing.lost == 96 and math.isnan(nothing.rate)
    with pytest.raises(ValueError, match="ranks nothing"):
        win_rate(a, b, clusters, "none")


# -- Friedman --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ties", [False, True])
def test_friedman_is_scipys(ties: bool):
    data = np.random.default_rng(7).normal(size=(12, 4)) + np.arange(4) * 0.5
    table = pd.DataFrame(np.round(data) if ties else data)
    theirs = stats.friedmanchisquare(*table.to_numpy().T)
    ours = friedman_test(table)
    assert (ours.statistic, ours.p) == pytest.approx(tuple(theirs))
    table.loc[99] = [math.nan, 1, 2, 3]
    assert friedman_test(table) == ours and (ours.blocks, ours.methods) == (12, 4)


def test_friedman_of_too_little():
    assert math.isnan(friedman_test(pd.DataFrame({"a": [1.0], "b": [2.0]})).p)
    assert math.isnan(friedman_test(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]})).p)
    assert friedman_test(pd.DataFrame({"a": [1.0, 2.0, 0.0], "b": [2.0, 3.0, 1.0]})).statistic == pytest.approx(3)
