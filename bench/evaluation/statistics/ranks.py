"""Ranks of methods in one metric, with their probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bench.evaluation.statistics.hypotheses import Friedman, friedman_test, holm, sign_flip_p
from bench.evaluation.statistics.intervals import table_of
from bench.evaluation.statistics.orders import Order
from bench.evaluation.statistics.resample import (
    DRAWS,
    MIN_SEEDS,
    SEED,
    Array,
    Design,
    bootstrap_weights,
    design_of,
    draw_means,
)
from bench.evaluation.statistics.wins import sign_of

if TYPE_CHECKING:
    import pandas as pd

    Table: TypeAlias = Mapping[str, pd.Series[float] | pd.DataFrame] | pd.DataFrame


@dataclass(frozen=True)
class RankRow:
    """One method of a ranking.

    Attributes:
        value: mean over the common pairs (of an average rank: that rank).
        rank: 1 = best by ``value``; equal values share the mean of their ranks.
        place: 1 + number of methods that are better by the rule of the ranking; ``letters``: its tie groups.
        mean_rank: over the bootstrap draws; ``low``, ``high``: interval of the rank (percentile). NaN without draws.
        probabilities: of rank 1, 2, ...; methods that are equal in a draw share its ranks. They sum to 1.
        lost: pairs that another method has and this one has not.
    """

    method: str
    value: float
    rank: float
    place: int
    letters: str
    mean_rank: float
    low: float
    high: float
    probabilities: tuple[float, ...]
    lost: int

    @property
    def p_best(self) -> float:
        """Probability of rank 1."""
        return self.probabilities[0]


@dataclass(frozen=True)
class Ranking:
    """Methods in one metric, best first.

    Attributes:
        order: who is separably better than whom.
        p_values: Holm-adjusted p-value of each pair of methods, in the order of the rows.
        n: pairs that all methods have; everything here is over these.
        clusters: number of clusters of the smallest factor.
        left_out: methods without any value.
        friedman: cross-check over the same pairs.
    """

    rows: tuple[RankRow, ...]
    order: Order
    p_values: Mapping[tuple[str, str], float]
    n: int
    clusters: int
    left_out: tuple[str, ...]
    friedman: Friedman


def rank_methods(
    table: Table,
    clusters: pd.DataFrame,
    direction: str,
    alpha: float = 0.05,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Ranking:
    """Ranks of methods in one metric, over the pairs that all of them have.

    **Rule.** A method is better than another where its mean is better and the Holm-adjusted p-value, over all pairs of
    methods of the table, is at most ``alpha``. The p-value is the largest of: the sign-flip test with the signs of
    whole clusters, for each factor; and, where one of the two has three or more training seeds, the two-sided
    bootstrap p-value in which seeds are drawn. Place = 1 + number of better methods, so the group of the best are all
    those than which none is better; methods share a letter just where neither is better.

    Args:
        table: values of each method by pair (a DataFrame with a column for each method), or pairs x training seeds.
            The order of methods and of pairs changes nothing.
        clusters: as for :func:`~.intervals.mean_interval`.
        direction: ``lower`` or ``higher`` is better.

    Raises:
        KeyError, ValueError: as :func:`~.intervals.mean_interval`; a metric without direction.
    """
    sign = sign_of(direction)
    found = {str(name): table_of(table[name]) for name in sorted(table, key=str)}
    left_out = tuple(name for name, values in found.items() if values.empty)
    common, lost, tables = common_pairs({k: v for k, v in found.items() if k not in left_out})
    names = list(tables)
    design = design_of(clusters, common)
    means = {name: t.mean(axis=1) for name, t in tables.items()}
    boot = np.empty((0, len(names)))
    if design.clusters >= 2 and names:
        boot = draw_means(
            [t.to_numpy() for t in tables.values()], bootstrap_weights(design.codes, draws, seed)[0], seed
        )
        boot = boot[np.isfinite(boot).all(axis=1)]
    values = np.array([float(m.mean()) for m in means.values()])
    p_values = _pairwise(list(tables.values()), design, boot)
    beats = frozenset(
        (names[i], names[j]) if sign * (values[i] - values[j]) > 0 else (names[j], names[i])
        for (i, j), p in p_values.items()
        if p <= alpha
    )
    ranks, _ = ranks_of(-sign * values[None])
    rows, order = rank_rows(names, values, ranks[0], ranks_of(-sign * boot), beats, lost, level)
    best_first = {m: i for i, m in enumerate(order.methods)}
    return Ranking(
        rows, order,
        {tuple(sorted((names[i], names[j]), key=best_first.__getitem__)): p for (i, j), p in p_values.items()},  # type: ignore[misc]
        design.n, design.clusters, left_out, _friedman(means),
    )  # fmt: skip


def _friedman(means: Mapping[str, pd.Series[float]]) -> Friedman:
    import pandas as pd

    return friedman_test(pd.DataFrame(dict(means)))


def common_pairs(found: Mapping[str, pd.DataFrame]) -> tuple[pd.Index, dict[str, int], dict[str, pd.DataFrame]]:
    """Pairs that all methods have, how many each one lacks, and the tables cut to the common ones."""
    import pandas as pd

    common, union = pd.Index([]), pd.Index([])
    for i, values in enumerate(found.values()):
        common = values.index if i == 0 else common.intersection(values.index)
        union = union.union(values.index)
    common = common.sort_values()
    lost = {name: len(union) - len(values) for name, values in found.items()}
    return common, lost, {name: table_of(values.loc[common]) for name, values in found.items()}


def ranks_of(costs: Array) -> tuple[Array, Array]:
    """Ranks in each draw and their probabilities.

    Args:
        costs: (B, M), the smaller the better; equal but for rounding is a tie. A draw with a NaN has no ranks.

    Returns:
        (B, M) ranks (ties share their mean, NaN in a draw without), (M, M) probability that a method (row) has rank
        1, 2, ... (column); NaN where no draw has ranks.
    """
    whole = np.isfinite(costs).all(axis=1)
    if not whole.all():
        ranks = np.full(costs.shape, math.nan)
        ranks[whole], probabilities = ranks_of(costs[whole])
        return ranks, probabilities
    size, methods = costs.shape
    tolerance = 1e-12 * np.abs(costs).max(initial=0.0)
    ranks, probabilities = np.empty(costs.shape), np.zeros((methods, methods))
    for m in range(methods):
        gap = costs[:, [m]] - costs
        better = (gap > tolerance).sum(axis=1)
        equal = (np.abs(gap) <= tolerance).sum(axis=1)
        ranks[:, m] = better + (equal + 1) / 2
        for r in range(methods):
            probabilities[m, r] = ((better <= r) & (r < better + equal)).dot(1 / equal) / size if size else math.nan
    return ranks, probabilities


def _pairwise(tables: Sequence[pd.DataFrame], design: Design, boot: Array) -> dict[tuple[int, int], float]:
    """Holm-adjusted p-value of each pair (i < j) of methods; NaN where there is no pair of clips."""
    pairs = [(i, j) for i in range(len(tables)) for j in range(i + 1, len(tables))]
    if not pairs or not design.n:
        return dict.fromkeys(pairs, math.nan)
    means = np.stack([t.mean(axis=1).to_numpy() for t in tables], axis=1)
    differences = np.stack([means[:, i] - means[:, j] for i, j in pairs], axis=1)
    p = np.zeros(len(pairs))
    for code in design.codes:
        sums = np.zeros((max(code) + 1, len(pairs)))
        np.add.at(sums, np.asarray(code), differences)
        p = np.maximum(p, sign_flip_p(sums))
    for index, (i, j) in enumerate(pairs):
        if max(tables[i].shape[1], tables[j].shape[1]) >= MIN_SEEDS and len(boot):
            p[index] = max(p[index], two_sided_p(boot[:, i] - boot[:, j]))
    return dict(zip(pairs, holm(p.tolist()), strict=True))


def two_sided_p(draws: Array) -> float:
    """Two-sided p-value of "the difference is zero" by the share of draws beyond zero, the observed one counted in."""
    hits = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (hits + 1) / (len(draws) + 1))


def rank_rows(
    names: Sequence[str], values: Array, ranks: Array, drawn: tuple[Array, Array],
    beats: frozenset[tuple[str, str]], lost: Mapping[str, int], level: float,
) -> tuple[tuple[RankRow, ...], Order]:  # fmt: skip
    """Rows and order of a ranking, best first.

    Args:
        values, ranks: (M,) of the methods; ``drawn``: what :func:`ranks_of` says of the draws.
        beats, lost, level: as in :class:`Ranking`, :class:`RankRow` and :func:`rank_methods`.
    """
    order = Order(tuple(names[i] for i in sorted(range(len(names)), key=lambda i: (ranks[i], names[i]))), beats)
    places, letters, rows = order.places, order.letters, {}
    for i, name in enumerate(names):
        column = drawn[0][:, i]
        low, high, mean = math.nan, math.nan, math.nan
        if len(column):
            ends = np.quantile(column, [(1 - level) / 2, (1 + level) / 2])
            low, high, mean = float(ends[0]), float(ends[1]), float(column.mean())
        probabilities = tuple(map(float, drawn[1][i]))
        rows[name] = RankRow(
            name, float(values[i]), float(ranks[i]), places[name], letters[name], mean, low, high, probabilities,
            lost.get(name, 0),
        )  # fmt: skip
    return tuple(rows[name] for name in order.methods), order
