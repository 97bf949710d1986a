"""Ranks, tie groups, judges and set metrics against closed forms and counting."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from bench.evaluation.statistics import (
    Order,
    average_ranks,
    half_samples,
    holm,
    mean_interval,
    merge_orders,
    rank_methods,
    rank_sets,
    set_difference,
    set_interval,
    sign_flip_test,
)


def alone(n: int) -> pd.DataFrame:
    """n pairs, each its own cluster."""
    names = [f"p{i:03d}" for i in range(n)]
    return pd.DataFrame({"source_identity": names, "driving_motion": names}, index=names)


def methods(gains: Sequence[float], pairs: int = 40, noise: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """Values of methods m0, m1, ... that differ by their gain, on pairs of very different difficulty."""
    rng = np.random.default_rng(seed)
    index = alone(pairs).index
    hard = rng.normal(0, 5, pairs)
    return pd.DataFrame({f"m{i}": hard + g + rng.normal(0, noise, pairs) for i, g in enumerate(gains)}, index=index)


# -- ranks of one metric ---------------------------------------------------------------------------------------------
def test_ranks_places_and_p_values_of_clear_and_close_methods():
    table = methods([0, 0.05, 3, 6])
    ranking = rank_methods(table, alone(40), "lower")
    assert ranking.order.places == {"m0": 1, "m1": 1, "m2": 3, "m3": 4}
    assert ranking.order.letters["m0"] == ranking.order.letters["m1"] == "a"
    assert (ranking.order.letters["m2"], ranking.order.letters["m3"]) == ("b", "c")
    first, second, third, _ = ranking.rows
    assert {first.method, second.method} == {"m0", "m1"} and (first.rank, third.rank) == (1, 3)
    assert first.p_best + second.p_best == pytest.approx(1) and third.p_best == 0
    assert third.probabilities == (0, 0, 1, 0) and (third.low, third.high, third.mean_rank) == (3, 3, 3)
    assert first.value == pytest.approx(table[first.method].mean())
    names = ranking.order.methods
    expected = holm([sign_flip_test(table[a] - table[b]) for a, b in itertools.combinations(names, 2)])
    for pair, p in zip(itertools.combinations(names, 2), expected, strict=True):
        assert ranking.p_values[pair] == pytest.approx(p, abs=0.002)
    assert ranking.friedman.p < 1e-6 and (ranking.n, ranking.clusters) == (40, 40)
    upside_down = rank_methods(-table, alone(40), "higher")
    assert upside_down.order == ranking.order


def test_probabilities_are_those_of_the_difference():
    """Two methods: P(best) is the normal probability that the mean difference keeps its sign."""
    table = methods([0, 0.15])
    d = table["m1"] - table["m0"]
    z = d.mean() / (d.std(ddof=0) / math.sqrt(40))
    (best, _) = rank_methods(table, alone(40), "lower").rows if z > 0 else rank_methods(table, alone(40), "higher").rows
    assert best.p_best == pytest.approx(0.5 * (1 + math.erf(abs(z) / math.sqrt(2))), abs=0.02)
    assert best.mean_rank == pytest.approx(2 - best.p_best)


def test_order_of_rows_and_methods_changes_nothing():
    table = methods([0, 0.1, 0.5])
    ranking = rank_methods(table, alone(40), "lower")
    shuffled = table[["m2", "m0", "m1"]].sample(frac=1, random_state=1)
    assert rank_methods(shuffled, alone(40), "lower") == ranking
    assert rank_methods(dict(table.items()), alone(40).iloc[::-1], "lower") == ranking


def test_equal_methods_share_ranks_and_probabilities():
    table = methods([0, 5]).assign(twin=lambda t: t["m0"])
    rows = {r.method: r for r in rank_methods(table, alone(40), "lower").rows}
    assert rows["m0"].rank == rows["twin"].rank == 1.5 and rows["m1"].rank == 3
    assert rows["m0"].probabilities == rows["twin"].probabilities == (0.5, 0.5, 0)
    same = rank_methods(table[["m0", "twin"]], alone(40), "lower")
    assert same.order.places == {"m0": 1, "twin": 1} and same.p_values["m0", "twin"] == 1
    assert math.isnan(same.friedman.p)


def test_missing_pairs_are_counted_and_only_common_ones_compared():
    table = methods([0, 3, 6])
    table.iloc[:5, 2] = math.nan
    table["never"] = math.nan
    ranking = rank_methods(table, alone(40), "lower")
    assert (ranking.n, ranking.left_out) == (35, ("never",))
    assert [(r.method, r.lost) for r in ranking.rows] == [("m0", 0), ("m1", 0), ("m2", 5)]
    assert ranking.rows[0].value == pytest.approx(table["m0"].iloc[5:].mean())


def test_shared_clusters_separate_less():
    table = methods([0, 0.8])
    clusters = alone(40)
    assert rank_methods(table, clusters, "lower").order.places["m1"] == 2
    few = clusters.assign(source_identity=[f"g{i % 5}" for i in range(40)])
    ranking = rank_methods(table, few, "lower")
    assert ranking.clusters == 5 and ranking.order.places["m1"] == 1
    assert ranking.p_values["m0", "m1"] >= 2 / 2**5


def test_seeds_that_disagree_separate_nothing():
    table = methods([0, 1.0])
    assert rank_methods(table, alone(40), "lower").order.places["m1"] == 2
    seeds = {m: pd.DataFrame({s: table[m] + (s - 1) * 3.0 for s in range(3)}) for m in table}
    ranking = rank_methods(seeds, alone(40), "lower")
    assert ranking.order.places == {"m0": 1, "m1": 1}
    assert ranking.rows[1].p_best > 0.1


@pytest.mark.parametrize("pairs", [0, 1])
def test_too_few_pairs_rank_nothing(pairs: int):
    ranking = rank_methods(methods([0, 3, 6]).iloc[:pairs], alone(40), "lower")
    assert ranking.n == pairs and set(ranking.order.places.values()) <= {1}
    assert all(math.isnan(r.p_best) and math.isnan(r.low) for r in ranking.rows)


def test_no_common_pair_and_a_single_method():
    table = methods([0, 3], pairs=20)
    table.iloc[:10, 0] = table.iloc[10:, 1] = math.nan
    ranking = rank_methods(table, alone(20), "lower")
    assert (ranking.n, ranking.order.places) == (0, {"m0": 1, "m1": 1})
    assert all(math.isnan(r.rank) and r.lost == 10 for r in ranking.rows)
    (only,) = rank_methods(methods([0]), alone(40), "lower").rows
    assert (only.p_best, only.rank, only.letters) == (1.0, 1.0, "a")
    with pytest.raises(ValueError, match="ranks nothing"):
        rank_methods(table, alone(20), "none")


# -- orders ----------------------------------------------------------------------------------------------------------
def test_letters_are_shared_just_by_ties():
    """A and B, B and C are tied, A beats C: the case in which groups are no partition."""
    order = Order(("A", "B", "C"), frozenset({("A", "C")}))
    assert order.letters == {"A": "a", "B": "a b", "C": "b"}
    assert order.places == {"A": 1, "B": 1, "C": 2}
    assert order.ties == [("A", "B"), ("B", "C")]


@pytest.mark.parametrize("seed", range(5))
def test_letters_say_what_the_comparisons_say(seed: int):
    rng = np.random.default_rng(seed)
    names = tuple("ABCDEFG")
    order = Order(names, frozenset(p for p in itertools.combinations(names, 2) if rng.random() < 0.5))
    letters = {m: set(text.split()) for m, text in order.letters.items()}
    for a, b in itertools.combinations(names, 2):
        assert bool(letters[a] & letters[b]) == ((a, b) not in order.beats)


def test_twenty_methods_that_are_all_tied_have_one_letter():
    assert set(Order(tuple(f"m{i}" for i in range(20)), frozenset()).letters.values()) == {"a"}


def test_judges_that_disagree_tie():
    first = Order.of_ranks({"A": 1, "B": 2, "C": 3, "D": 4})
    second = Order.of_ranks({"A": 2, "B": 1, "C": 3, "D": 3})
    merged = merge_orders(first, second)
    assert merged.places == {"A": 1, "B": 1, "C": 3, "D": 3}
    assert merged.ties == [("A", "B"), ("C", "D")]
    assert merge_orders(first, first) == merge_orders(first) == first
    assert merge_orders(first, second).beats == merge_orders(second, first).beats
    with pytest.raises(ValueError, match="only one of the judges ranks D"):
        merge_orders(first, Order.of_ranks({"A": 1, "B": 2, "C": 3}))


# -- average rank ----------------------------------------------------------------------------------------------------
def test_every_group_has_one_vote():
    """m0 wins the one metric of a group, m1 the three of the other: they are tied, not 1 to 3."""
    up, down = methods([0, 4]), methods([4, 0], seed=1)
    found = average_ranks({"pose": [(up, "lower")], "pixels": [(down, "lower")] * 3}, alone(40))
    assert {r.method: r.value for r in found.rows} == {"m0": 1.5, "m1": 1.5}
    assert found.groups == {"pixels": {"m0": 2, "m1": 1}, "pose": {"m0": 1, "m1": 2}}
    assert [r.p_best for r in found.rows] == [0.5, 0.5] and found.order.beats == frozenset()
    assert found.friedman.statistic == 0


def test_average_rank_with_probabilities_and_directions():
    table = methods([0, 2, 4, 4])
    groups = {"pose": [(table, "lower")], "identity": [(-table, "higher"), (methods([0, 1, 3, 3.1], seed=3), "lower")]}
    found = average_ranks(groups, alone(40))
    assert found.order.methods[:2] == ("m0", "m1") and found.rows[0].value == 1
    assert found.order.places["m1"] == 2 and found.order.places["m2"] == found.order.places["m3"] == 3
    assert found.rows[0].p_best == pytest.approx(1, abs=0.01)
    for column in range(4):
        assert sum(r.probabilities[column] for r in found.rows) == pytest.approx(1)
    again = {g: [(t[["m3", "m1", "m0", "m2"]].iloc[::-1], d) for t, d in ms] for g, ms in reversed(groups.items())}
    assert average_ranks(again, alone(40)).rows == found.rows


def test_a_method_without_a_metric_has_no_average_and_lost_pairs_are_counted():
    whole, holes = methods([0, 3, 5]), methods([0, 3, 5], seed=1)
    holes.loc[:, "m2"] = math.nan
    holes.iloc[:4, 1] = math.nan
    found = average_ranks({"a": [(whole, "lower")], "b": [(holes, "lower")]}, alone(40))
    assert found.left_out == ("m2",) and [(r.method, r.lost) for r in found.rows] == [("m0", 0), ("m1", 4)]
    with pytest.raises(ValueError, match="no metric"):
        average_ranks({"a": []}, alone(40))
    none = average_ranks({"a": [(whole.iloc[:1], "lower")]}, alone(40))
    assert none.draws == 0 and [r.value for r in none.rows] == [1, 2, 3] and math.isnan(none.rows[0].p_best)
    assert average_ranks({}, alone(40)).rows == ()


# -- set metrics -----------------------------------------------------------------------------------------------------
def test_halves_have_half_of_the_clusters_and_no_repeats():
    clusters = alone(41)
    halves = half_samples(clusters, draws=50)
    assert {len(h) for h in halves} == {20, 21} and all(len(set(h)) == len(h) for h in halves)
    assert half_samples(clusters.sample(frac=1, random_state=1), draws=50) == halves
    grid = pd.DataFrame(
        {"source_identity": [f"i{i // 6}" for i in range(36)], "driving_motion": [f"m{i % 6}" for i in range(36)]},
        index=[f"p{i:02d}" for i in range(36)],
    )
    assert {len(h) for h in half_samples(grid, draws=20)} == {9}
    assert half_samples(alone(1)) == [] and half_samples(alone(0)) == []


def test_half_sampling_of_a_mean_is_its_standard_error():
    values = methods([0], pairs=50)["m0"]
    known = values.to_dict()
    interval = set_interval(lambda pairs: math.fsum(known[p] for p in pairs) / len(pairs), alone(50), draws=1500)
    error = values.std(ddof=1) / math.sqrt(50)
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * error, rel=0.05)
    assert (interval.n, interval.clusters, interval.method) == (50, 50, "half-sampling")
    boot = mean_interval(values, alone(50))
    assert interval.high - interval.low == pytest.approx(boot.high - boot.low, rel=0.07)


def frechet(features: pd.Series, real: tuple[float, float]):
    """One-dimensional Frechet distance of the features of some pairs to a (mean, deviation)."""
    known = features.to_dict()

    def measure(pairs: Sequence[str]) -> float:
        x = np.array([known[p] for p in pairs])
        return float((x.mean() - real[0]) ** 2 + (x.std() - real[1]) ** 2)

    return measure


def test_the_difference_of_two_set_metrics_sees_the_same_halves():
    table = methods([1.0, 1.2], noise=0.1)
    first, second = (frechet(table[m], (0.0, 5.0)) for m in table)
    difference = set_difference(first, second, alone(40))
    single = set_interval(first, alone(40))
    assert difference.mean == pytest.approx(first(table.index) - second(table.index))
    assert difference.high - difference.low < 0.5 * (single.high - single.low)
    assert set_difference(first, second, alone(40)) == difference
    assert set_difference(first, first, alone(40)).high == 0


def test_a_set_metric_that_is_often_undefined_has_no_interval():
    calls = []

    def picky(pairs: Sequence[str]) -> float:
        calls.append(tuple(pairs))
        return 1.0 if len(pairs) > 3 else math.nan

    interval = set_interval(picky, alone(6))
    assert interval.mean == 1.0 and math.isnan(interval.low) and interval.method == ""
    assert len(calls) == len(set(calls)) == 1 + math.comb(6, 3), "each subset is measured once"
    assert math.isnan(set_interval(picky, alone(1)).low)
    assert math.isnan(set_interval(picky, alone(0)).mean)


def mean_of(values: pd.Series):
    """The mean as a set metric."""
    known = values.to_dict()
    return lambda pairs: math.fsum(known[p] for p in pairs) / len(pairs) if len(pairs) else math.nan


def test_ranks_of_a_set_metric_are_those_of_the_difference():
    table = methods([0.0, 0.9, 3.0])
    measures = {name: [mean_of(table[name])] for name in table}
    found = rank_sets(measures, alone(40), "lower", draws=400)
    assert [(r.method, r.place, r.rank) for r in found.rows] == [("m0", 1, 1), ("m1", 2, 2), ("m2", 3, 3)]
    difference = set_difference(measures["m0"][0], measures["m1"][0], alone(40), draws=400)
    z = difference.mean / ((difference.high - difference.low) / 2 / 1.959964)
    expected = 2 * 0.5 * math.erfc(abs(z) / math.sqrt(2))
    assert found.p_values["m0", "m1"] == pytest.approx(expected, rel=1e-3), "the least certain of three: Holm leaves it"
    assert found.rows[0].p_best == pytest.approx(1, abs=0.02) and sum(found.rows[1].probabilities) == pytest.approx(1)
    plain = rank_methods(table, alone(40), "lower")
    assert found.order.beats == plain.order.beats and (found.n, found.clusters) == (40, 40)
    backwards = rank_sets(dict(reversed(measures.items())), alone(40).iloc[::-1], "lower", draws=400)
    assert backwards.rows == found.rows
    assert [r.method for r in rank_sets(measures, alone(40), "higher", draws=40).rows] == ["m2", "m1", "m0"]


def test_equal_set_metrics_are_tied_and_one_off_by_the_same_everywhere_is_not():
    values = methods([0.0])["m0"]
    same = rank_sets({"a": [mean_of(values)], "b": [mean_of(values)]}, alone(40), "lower")
    assert same.order.ties == [("a", "b")] and [r.rank for r in same.rows] == [1.5, 1.5]
    off = rank_sets({"a": [mean_of(values)], "b": [mean_of(values + 1)]}, alone(40), "lower")
    assert off.order.beats == {("a", "b")}


def test_seeds_that_disagree_separate_no_set_metric():
    table = methods([0.0, 0.5], noise=0.1)
    sure = rank_sets({m: [mean_of(table[m])] * 3 for m in table}, alone(40), "lower")
    torn = rank_sets({m: [mean_of(table[m] + e) for e in (-2, 0, 2)] for m in table}, alone(40), "lower")
    assert sure.order.beats == {("m0", "m1")} and torn.order.beats == frozenset()
    assert torn.rows[0].value == pytest.approx(sure.rows[0].value) and torn.rows[0].p_best < sure.rows[0].p_best


def test_a_set_metric_without_values_or_clusters_ranks_nothing():
    values = methods([0.0])["m0"]
    pair = {"a": [mean_of(values)], "b": [mean_of(values + 1)]}
    gone = rank_sets({**pair, "c": [lambda pairs: math.nan]}, alone(40), "lower")
    assert gone.left_out == ("c",) and [r.method for r in gone.rows] == ["a", "b"]
    few = rank_sets(pair, alone(1), "lower")
    assert few.order.ties == [("a", "b")] and math.isnan(few.rows[0].p_best) and math.isnan(few.p_values["a", "b"])
    picky = {n: [lambda pairs: 1.0 if len(pairs) > 30 else math.nan] for n in ("a", "b")}
    assert rank_sets(picky, alone(40), "lower").order.beats == frozenset()
    assert rank_sets({}, alone(40), "lower").rows == ()
    with pytest.raises(ValueError, match="ranks nothing"):
        rank_sets(pair, alone(40), "none")
