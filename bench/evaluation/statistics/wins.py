"""How often one method is better than another, with Wilson's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.evaluation.statistics.intervals import table_of
from bench.evaluation.statistics.resample import DRAWS, SEED, Array, Design, bootstrap_weights, design_of

if TYPE_CHECKING:
    import pandas as pd

_NORMAL = NormalDist()


def sign_of(direction: str) -> int:
    """1 where higher is better, -1 where lower is.

    Raises:
        ValueError: a metric without a direction ranks nothing.
    """
    signs: dict[Any, int] = {"higher": 1, "lower": -1}
    if direction not in signs:
        raise ValueError(f"direction {direction!r} ranks nothing, only 'higher' and 'lower' do")
    return signs[direction]


def wilson_interval(wins: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a rate (Wilson 1927), within 0..1; (NaN, NaN) for n = 0.

    Args:
        wins: number of wins, 0..n; a tie may count half.
        n: number of trials, which are taken as independent (or an effective number of them).
    """
    if n <= 0:
        return math.nan, math.nan
    z2 = _NORMAL.inv_cdf((1 + level) / 2) ** 2
    rate = wins / n
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class WinRate:
    """How often a is better than b.

    Attributes:
        wins, ties, losses: pairs; ``n``: all of them; ``lost``: pairs that only one of the two has.
        rate: (wins + ties / 2) / n; NaN for n = 0.
        low, high: Wilson's interval with the effective number of pairs.
        effective: number of independent pairs that say as much as these do.
    """

    wins: int
    ties: int
    losses: int
    n: int
    lost: int
    rate: float
    low: float
    high: float
    effective: float


def win_rate(
    a: pd.Series[float] | pd.DataFrame,
    b: pd.Series[float] | pd.DataFrame,
    clusters: pd.DataFrame,
    direction: str,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> WinRate:
    """Share of the common pairs on which a is better than b (mean over seeds), ties half.

    Pairs share clusters, so Wilson's interval takes n over the design effect (Korn and Graubard 1998): the variance
    of the rate in the cluster bootstrap over that of as many independent pairs, at least 1. Where all pairs agree
    there is no variance to compare, and n is the number of clusters.

    Args:
        direction: ``lower`` or ``higher`` is better.

    Raises:
        ValueError: another direction.
    """
    first, second = (table_of(x).mean(axis=1) for x in (a, b))
    lost = len(first.index.symmetric_difference(second.index))
    first, second = first.align(second, join="inner")
    score = np.sign((first - second).to_numpy()) * sign_of(direction)
    wins, ties, n = int((score > 0).sum()), int((score == 0).sum()), len(score)
    if not n:
        return WinRate(0, 0, 0, 0, lost, math.nan, math.nan, math.nan, 0.0)
    won = (score + 1) / 2
    effective = _effective(won, design_of(clusters, first.index), draws, seed)
    rate = float(won.mean())
    low, high = wilson_interval(rate * effective, effective, level)
    return WinRate(wins, ties, n - wins - ties, n, lost, rate, low, high, effective)


def _effective(won: Array, design: Design, draws: int, seed: int) -> float:
    variance = float(won.var()) / design.n
    if design.clusters < 2 or variance == 0:
        return float(design.clusters)
    weights, total = bootstrap_weights(design.codes, draws, seed)
    effect = float((weights @ (won - won.mean()) / total).var()) / variance
    return design.n / max(1.0, effect)
