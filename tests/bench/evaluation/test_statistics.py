"""Intervals and tests against scipy, closed forms, and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.evaluation.statistics import holm, mean_interval, paired_difference, sign_flip_test


def balanced(rows: int, columns: int, row_sd: float = 0.0, noise: float = 1.0, mean: float = 0.0, seed: int = 0):
    """Values of all rows x columns pairs with a random effect of the row, and their clusters."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(0, row_sd, rows) if row_sd else np.zeros(rows)
    index = [f"{i:02d}-{j:02d}" for i in range(rows) for j in range(columns)]
    values = mean + np.repeat(effect, columns) + rng.normal(0, noise, rows * columns)
    clusters = pd.DataFrame(
        {
            "source_identity": [f"i{i}" for i in range(rows) for _ in range(columns)],
            "driving_motion": [f"m{j}" for _ in range(rows) for j in range(columns)],
        },
        index=index,
    )
    return pd.Series(values, index=index), clusters


def test_one_pair_a_cluster_is_scipys_percentile_bootstrap():
    values = pd.Series(np.random.default_rng(1).gamma(2, 1, 40), index=[f"p{i:02d}" for i in range(40)])
    ours = mean_interval(values, pd.DataFrame({"source_identity": values.index}, index=values.index), draws=20_000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", random_state=2)
    assert ours.mean == pytest.approx(values.mean())
    spread = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.03 * spread)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.03 * spread)
    assert (ours.n, ours.clusters) == (40, 40)


def test_shared_identities_widen_the_interval():
    values, clusters = balanced(8, 12, row_sd=2.0, noise=0.5)
    two_way = mean_interval(values, clusters)
    naive = mean_interval(values, pd.DataFrame({"pair": values.index}, index=values.index))
    assert two_way.high - two_way.low > 2 * (naive.high - naive.low)
    assert two_way.clusters == 8


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    hits = 0
    for seed in range(60):
        values, clusters = balanced(12, 8, row_sd=1.0, noise=1.0, seed=seed)
        interval = mean_interval(values, clusters, draws=500)
        hits += interval.low <= 0 <= interval.high
    assert 50 <= hits <= 60


def test_the_same_partition_twice_counts_once():
    values, clusters = balanced(10, 1)
    twice = clusters.assign(driving_motion=clusters["source_identity"])
    assert mean_interval(values, twice) == mean_interval(values, clusters[["source_identity"]])


def test_order_of_pairs_changes_nothing_and_the_seed_decides():
    values, clusters = balanced(5, 5)
    shuffled = values.sample(frac=1, random_state=3)
    assert mean_interval(shuffled, clusters) == mean_interval(values, clusters)
    assert mean_interval(values, clusters, seed=1) != mean_interval(values, clusters, seed=2)


def test_paired_difference_uses_common_pairs_only():
    values, clusters = balanced(6, 6, row_sd=5.0)
    better = values + 0.5 + 0.01 * np.arange(36)
    better.iloc[0] = np.nan
    interval = paired_difference(better, values.drop(values.index[1]), clusters)
    assert interval.n == 34
    assert interval.mean == pytest.approx((better - values).iloc[2:].mean())
    assert interval.low > 0.5
    back = paired_difference(values, better, clusters)
    assert back.high < 0


def test_too_little_data_has_no_interval():
    values, clusters = balanced(1, 4)
    interval = mean_interval(values, clusters)
    assert interval.mean == pytest.approx(values.mean()) and math.isnan(interval.low)
    assert math.isnan(mean_interval(values * np.nan, clusters).mean)


def test_exact_sign_flip_equals_brute_force_and_scipy():
    x = pd.Series([0.3, -0.1, 0.8, 0.4, 0.2, -0.05, 0.6])
    hits = [abs(np.dot(s, x)) >= abs(x.sum()) - 1e-12 for s in itertools.product([-1, 1], repeat=len(x))]
    assert sign_flip_test(x) == np.mean(hits)
    theirs = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(x) == pytest.approx(theirs.pvalue)
    assert sign_flip_test(pd.Series(np.ones(10))) == 2 / 1024
    assert sign_flip_test(pd.Series([0.0, 0.0])) == 1.0


def test_random_sign_flips_come_close_to_the_exact_ones_and_clusters_flip_together():
    rng = np.random.default_rng(4)
    x = pd.Series(rng.normal(0.25, 1, 60))
    p = sign_flip_test(x)
    assert p == pytest.approx(2 * stats.norm.sf(abs(x.sum()) / np.sqrt((x**2).sum())), abs=0.01)
    assert sign_flip_test(x) == p
    sums = pd.Series([1.0, 2.0, 3.0])
    split = pd.Series([0.5, 0.5, 2.0, 1.0, 2.0])
    assert sign_flip_test(split, pd.Series(["a", "a", "b", "c", "c"])) == sign_flip_test(sums) == 0.25


def test_holm_steps_down():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    adjusted = holm([0.9, math.nan, 0.02])
    assert adjusted[0] == pytest.approx(0.9) and math.isnan(adjusted[1]) and adjusted[2] == pytest.approx(0.04)
