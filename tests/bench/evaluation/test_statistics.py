"""Intervals against scipy, closed forms, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bench.evaluation.statistics import mean_interval, paired_difference


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


def singletons(values: pd.Series) -> pd.DataFrame:
    """Every pair its own cluster."""
    return pd.DataFrame({"source_identity": values.index}, index=values.index)


@pytest.mark.parametrize(("n", "method"), [(40, "BCa"), (15, "BCa"), (14, "percentile")])
def test_one_pair_a_cluster_is_scipys_bootstrap(n: int, method: str):
    """A skewed sample, where BCa lies well above the percentile interval; the tolerance is Monte-Carlo error."""
    values = pd.Series(np.random.default_rng(1).gamma(0.5, 1, n), index=[f"p{i:02d}" for i in range(n)])
    ours = mean_interval(values, singletons(values), draws=20_000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method=method, random_state=2)
    other = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method={"BCa": "percentile"}.get(method, "BCa"), random_state=2
    )
    assert ours.mean == pytest.approx(values.mean())
    low, high = theirs.confidence_interval
    spread = high - low
    assert ours.low == pytest.approx(low, abs=0.02 * spread)
    assert ours.high == pytest.approx(high, abs=0.03 * spread)
    assert abs(other.confidence_interval.high - high) > 0.05 * spread
    assert (ours.n, ours.clusters, ours.method) == (n, n, method)


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
    assert (interval.n, interval.lost) == (34, 2)
    assert interval.mean == pytest.approx((better - values).iloc[2:].mean())
    assert interval.low > 0.5
    back = paired_difference(values, better, clusters)
    assert back.high < 0


def test_too_little_data_has_no_interval():
    values, clusters = balanced(1, 4)
    interval = mean_interval(values, clusters)
    assert interval.mean == pytest.approx(values.mean()) and math.isnan(interval.low)
    assert (interval.n, interval.clusters, interval.method) == (4, 1, "")
    one = mean_interval(values.iloc[:1], clusters)
    assert one.mean == values.iloc[0] and (one.n, one.method) == (1, "") and math.isnan(one.high)
    none = mean_interval(values * np.nan, clusters)
    assert math.isnan(none.mean) and (none.n, none.clusters) == (0, 0)
    nothing = paired_difference(values.iloc[:2], values.iloc[2:], clusters)
    assert math.isnan(nothing.mean) and (nothing.n, nothing.lost) == (0, 4)


@pytest.mark.parametrize("n", [5, 40])
def test_equal_values_have_an_interval_without_width(n: int):
    values = pd.Series(0.1, index=[f"p{i:02d}" for i in range(n)])
    interval = mean_interval(values, singletons(values))
    assert (interval.mean, interval.low, interval.high) == (0.1, 0.1, 0.1)
    noisy = pd.Series(np.random.default_rng(5).normal(size=n), index=values.index)
    difference = paired_difference(noisy + 0.1, noisy, singletons(values))
    assert difference.low == pytest.approx(0.1, abs=1e-12) and difference.high == pytest.approx(0.1, abs=1e-12)


def test_clusters_must_be_known():
    values, clusters = balanced(4, 4)
    with pytest.raises(KeyError):
        mean_interval(values, clusters.iloc[1:])
    with pytest.raises(ValueError, match="has no cluster"):
        mean_interval(values, clusters.drop("00-01").reindex(clusters.index))
    with pytest.raises(ValueError, match="occurs twice"):
        mean_interval(pd.concat([values, values]), clusters)


def test_a_factor_that_splits_another_one_further_changes_nothing():
    values, clusters = balanced(20, 3)
    finer = clusters.assign(driving_motion=[f"m{i // 2}" for i in range(60)], source_identity=clusters.source_identity)
    nested = finer.assign(driving_motion=finer.source_identity + finer.driving_motion)
    assert mean_interval(values, nested) == mean_interval(values, clusters[["source_identity"]])
    assert mean_interval(values, nested).clusters == 20


def test_acceleration_takes_both_factors():
    """Skewness of identities moves the interval to their long tail, whichever column they are in."""
    values, clusters = balanced(16, 16, noise=0.05, seed=3)
    effect = np.random.default_rng(8).gamma(0.3, 1, 16)
    skewed = values + np.repeat(effect, 16)
    interval = mean_interval(skewed, clusters)
    assert interval.method == "BCa"
    assert interval.high - interval.mean > 1.3 * (interval.mean - interval.low)
    swapped = clusters.rename(columns={"source_identity": "driving_motion", "driving_motion": "source_identity"})
    again = mean_interval(skewed, swapped[["source_identity", "driving_motion"]])
    assert again.high == pytest.approx(interval.high, rel=0.05)
    one_way = mean_interval(
        skewed.groupby(clusters.source_identity).mean(),
        singletons(pd.Series(0, index=clusters.source_identity.unique())),
    )
    assert interval.high == pytest.approx(one_way.high, rel=0.05)


# -- training seeds --------------------------------------------------------------------------------------------------
def seeded(pairs: int, seeds: int, seed_sd: float, noise: float = 1.0, seed: int = 0):
    """Values of pairs x seeds with an effect of the seed, and singleton clusters."""
    rng = np.random.default_rng(seed)
    index = [f"p{i:02d}" for i in range(pairs)]
    table = pd.DataFrame(rng.normal(0, noise, (pairs, 1)) + rng.normal(0, seed_sd, (1, seeds)), index=index)
    return table, singletons(table[0])


def test_three_seeds_are_a_level_and_two_are_not():
    table, clusters = seeded(40, 3, seed_sd=2.0, noise=0.5)
    of_seeds, of_means = mean_interval(table, clusters), mean_interval(table.mean(axis=1), clusters)
    assert of_seeds.mean == pytest.approx(of_means.mean)
    assert of_seeds.high - of_seeds.low > 3 * (of_means.high - of_means.low)
    assert (of_seeds.seeds, of_means.seeds) == (3, 0)
    assert of_seeds.seed_sd == pytest.approx(table.mean().std()) and math.isnan(of_means.seed_sd)
    two = mean_interval(table[[0, 1]], clusters)
    assert two == mean_interval(table[[0, 1]].mean(axis=1), clusters) and two.seeds == 0
    assert mean_interval(table[[2, 0, 1]].sample(frac=1, random_state=1), clusters) == of_seeds


def test_the_spread_of_seeds_is_not_too_small():
    """One value for all pairs of a seed: only seeds vary, and the variance of their mean is that of the textbook."""
    table, clusters = seeded(20, 5, seed_sd=1.0, noise=0.0)
    width = np.diff(
        [mean_interval(table, clusters, level=0.6827).low, mean_interval(table, clusters, level=0.6827).high]
    )
    assert width / 2 == pytest.approx(table.iloc[0].std() / math.sqrt(5), rel=0.15)


def test_a_pair_that_one_seed_lacks_keeps_the_mean_of_the_others():
    table, clusters = seeded(30, 4, seed_sd=0.3)
    full = mean_interval(table, clusters)
    holes = table.copy()
    holes.iloc[3, 1] = holes.iloc[5, 2] = math.nan
    interval = mean_interval(holes, clusters)
    assert interval.n == 30 and interval.mean == pytest.approx(holes.mean(axis=1).mean())
    assert interval.low == pytest.approx(full.low, abs=0.1) and interval.high == pytest.approx(full.high, abs=0.1)


def test_seeds_of_two_methods_are_drawn_apart():
    table, clusters = seeded(30, 3, seed_sd=1.0)
    difference = paired_difference(table + 0.1, table, clusters)
    assert difference.low < -0.5 and difference.high > 0.5 and difference.seeds == 3
    assert difference.seed_sd == pytest.approx(table.mean().std() * math.sqrt(2))
    against_one = paired_difference(table, table[0], clusters)
    assert against_one.seeds == 0 and against_one.seed_sd == pytest.approx(table.mean().std())


# -- coverage --------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "columns", "seeds", "least", "most"),
    [(30, 1, 0, 0.90, 0.97), (20, 20, 0, 0.90, 0.98), (10, 10, 0, 0.84, 0.97), (20, 20, 5, 0.86, 0.98)],
)
def test_coverage_with_skewed_effects(rows: int, columns: int, seeds: int, least: float, most: float):
    """Gamma effects of identities and motions (and normal ones of seeds): how often the truth is within 95 %."""
    rng, hits, trials = np.random.default_rng(11), 0, 400
    _, clusters = balanced(rows, columns)
    clusters = clusters if columns > 1 else clusters[["source_identity"]]
    for _ in range(trials):
        cells = (
            rng.gamma(1.5, 1, (rows, 1))
            + rng.gamma(1.5, 1, (1, columns)) * (columns > 1)
            + rng.normal(0, 0.5, (rows, columns))
        )
        truth = 1.5 * (1 + (columns > 1))
        values = pd.Series(cells.ravel(), index=clusters.index)
        if seeds:
            values = pd.DataFrame({s: values + rng.normal(0, 0.4) for s in range(seeds)})
        interval = mean_interval(values, clusters, draws=2000)
        hits += interval.low <= truth <= interval.high
    assert least <= hits / trials <= most
