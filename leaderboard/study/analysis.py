"""What answers say: preference rates, Bradley-Terry strengths, how often the real video is found, mean ratings, and
whether participants agree (Krippendorff's alpha). Intervals draw participants and pairs together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from leaderboard.study.answers import Answer, Participant
from leaderboard.study.design import CRITERIA, Study

DRAWS = 2000
SEED = 20_260_101
_STEPS, _CLOSE = 500, 1e-9


@dataclass(frozen=True)
class Rate:
    """A share or a mean with its cluster bootstrap interval; ``wilson`` is the one that takes answers as independent
    (a share only). NaN where there is none."""

    value: float
    low: float
    high: float
    n: int
    wilson: tuple[float, float] = (math.nan, math.nan)


def analyse(study: Study, people: Sequence[Participant]) -> dict[str, Any]:
    """Everything that a board shows of a study, as JSON; participants who failed their checks are left out."""
    answers = [a for p in people if not p.why for a in p.answers if not a.item.check]
    preferences = [a for a in answers if a.item.task == "preference"]
    ratings = [a for a in answers if a.item.task == "rating"]
    return {
        "study": study.id, "name": study.name, "setting": study.setting, "rows": list(study.rows),
        "participants": sum(not p.why for p in people), "answers": len(answers),
        "left_out": [{"participant": p.name, "why": p.why} for p in people if p.why],
        "preference": _preferences(study.rows, preferences),
        "strength": {row: _plain(rate) for row, rate in strengths(study.rows, preferences).items()},
        "jnd": {row: _plain(_fooled(answers, row)) for row in study.rows},
        "rating": {row: {c: _plain(_rated(ratings, row, c)) for c in CRITERIA} for row in study.rows},
        "alpha": _alphas(preferences, ratings),
    }  # fmt: skip


def _alphas(preferences: Sequence[Answer], ratings: Sequence[Answer]) -> dict[str, float | None]:
    """Agreement of the participants in each task and criterion."""

    def rating(criterion: str) -> Callable[[Answer], float]:
        return lambda answer: float(dict(answer.ratings)[criterion])

    chosen = _units(preferences, lambda answer: float(answer.chosen == answer.item.left))
    found = {"preference": krippendorff(chosen, "nominal")}
    return found | {c: krippendorff(_units(ratings, rating(c)), "ordinal") for c in CRITERIA}


def _plain(rate: Rate) -> dict[str, Any]:
    names = ("value", "low", "high", "wilson_low", "wilson_high")
    values = (rate.value, rate.low, rate.high, *rate.wilson)
    return {**{k: None if math.isnan(v) else v for k, v in zip(names, values, strict=True)}, "n": rate.n}


# -- shares and means ----------------------------------------------------------------------------------------------
def clustered(values: Sequence[float], answers: Sequence[Answer], share: bool) -> Rate:
    """Mean of one value an answer, with the interval over participants and pairs."""
    from bench.evaluation.statistics import bootstrap_means, wilson_interval

    n = len(values)
    if not n:
        return Rate(math.nan, math.nan, math.nan, 0)
    data = np.array(values, float)
    mean = float(data.mean())
    wilson = wilson_interval(float(data.sum()), n) if share else (math.nan, math.nan)
    codes = [_codes([a.participant for a in answers]), _codes([a.item.pair for a in answers])]
    codes = [c for c in codes if c.max() > 0]
    if not codes:
        return Rate(mean, math.nan, math.nan, n, wilson)
    low, high = np.quantile(bootstrap_means(data, codes, DRAWS, SEED), [0.025, 0.975])
    return Rate(mean, float(low), float(high), n, wilson)


def _codes(names: Sequence[str]) -> np.ndarray[Any, np.dtype[Any]]:
    order = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names])


def _preferences(rows: Sequence[str], answers: Sequence[Answer]) -> list[dict[str, Any]]:
    found = []
    for a, b in combinations(rows, 2):
        these = [x for x in answers if {x.item.left, x.item.right} == {a, b}]
        rate = clustered([float(x.chosen == a) for x in these], these, share=True)
        found.append({"a": a, "b": b, **_plain(rate)})
    return found


def _fooled(answers: Sequence[Answer], row: str) -> Rate:
    """How often a row was taken for the real video; 50 % is chance."""
    these = [a for a in answers if a.item.task == "jnd" and row in (a.item.left, a.item.right)]
    return clustered([float(a.chosen == row) for a in these], these, share=True)


def _rated(answers: Sequence[Answer], row: str, criterion: str) -> Rate:
    these = [a for a in answers if a.item.left == row]
    return clustered([float(dict(a.ratings)[criterion]) for a in these], these, share=False)


# -- Bradley-Terry -------------------------------------------------------------------------------------------------
def bradley_terry(wins: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """Log strengths with mean 0 from ``wins[i, j]`` = how often i beat j (Bradley and Terry 1952), by the MM steps of
    Hunter (2004), with half a win added each way for every couple that met, so that nobody's strength is infinite."""
    met = (wins + wins.T) > 0
    wins = wins + 0.5 * met
    games = wins + wins.T
    strength = np.ones(len(wins))
    for _ in range(_STEPS):
        new = wins.sum(axis=1) / np.maximum((games / (strength[:, None] + strength[None, :])).sum(axis=1), 1e-12)
        new = np.where(games.sum(axis=1) > 0, new, 1.0)
        new /= np.exp(np.log(new).mean())
        done = np.abs(np.log(new) - np.log(strength)).max() < _CLOSE
        strength = new
        if done:
            break
    return np.log(strength)


def strengths(rows: Sequence[str], answers: Sequence[Answer]) -> dict[str, Rate]:
    """Log strength of each row with the interval over participants."""
    place = {row: i for i, row in enumerate(rows)}
    people = sorted({a.participant for a in answers})
    counts = {p: np.zeros((len(rows), len(rows))) for p in people}
    for a in answers:
        loser = a.item.right if a.chosen == a.item.left else a.item.left
        counts[a.participant][place[a.chosen], place[loser]] += 1
    if not people:
        return {row: Rate(math.nan, math.nan, math.nan, 0) for row in rows}
    stack = np.stack([counts[p] for p in people])
    value = bradley_terry(stack.sum(axis=0))
    n = [int(stack.sum(axis=0)[i].sum() + stack.sum(axis=0)[:, i].sum()) for i in range(len(rows))]
    if len(people) < 2:
        return {row: Rate(float(value[i]), math.nan, math.nan, n[i]) for i, row in enumerate(rows)}
    rng = np.random.default_rng(SEED)
    picks = rng.integers(0, len(people), (DRAWS // 4, len(people)))
    drawn = np.stack([bradley_terry(stack[pick].sum(axis=0)) for pick in picks])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return {row: Rate(float(value[i]), float(low[i]), float(high[i]), n[i]) for i, row in enumerate(rows)}


# -- Krippendorff's alpha ------------------------------------------------------------------------------------------
def _units(answers: Sequence[Answer], value: Callable[[Answer], float]) -> list[list[float]]:
    """Item -> the values of all participants."""
    found: dict[str, list[float]] = {}
    for a in answers:
        found.setdefault(a.item.id, []).append(value(a))
    return list(found.values())


def krippendorff(units: Sequence[Sequence[float]], level: str) -> float | None:
    """Krippendorff's alpha (2011, Computing Krippendorff's alpha-reliability): 1 = agreement, 0 = chance; None where
    fewer than two values can be paired or nothing varies.

    Args:
        units: of each item the values given to it. level: ``nominal``, ``ordinal`` or ``interval``.
    """
    pairable = [list(u) for u in units if len(u) > 1]
    values = sorted({v for u in pairable for v in u})
    place = {v: i for i, v in enumerate(values)}
    coincidence = np.zeros((len(values), len(values)))
    for unit in pairable:
        for i, a in enumerate(unit):
            for j, b in enumerate(unit):
                if i != j:
                    coincidence[place[a], place[b]] += 1 / (len(unit) - 1)
    totals = coincidence.sum(axis=1)
    n = totals.sum()
    if n < 2 or len(values) < 2:
        return None
    delta = _distance(np.array(values), totals, level)
    expected = (np.outer(totals, totals) * delta).sum() / (n - 1)
    return float(1 - (coincidence * delta).sum() / expected) if expected > 0 else None


def _distance(values: Any, totals: Any, level: str) -> Any:
    """Squared distance between two values."""
    if level == "nominal":
        return (values[:, None] != values[None, :]).astype(float)
    if level == "interval":
        return (values[:, None] - values[None, :]) ** 2.0
    sums = np.cumsum(totals)
    middle = sums - totals / 2  # the sum from c to k less half of both ends is the distance of their middles
    return (middle[:, None] - middle[None, :]) ** 2


def headline(results: Mapping[str, Any]) -> list[str]:
    """Rows best first by Bradley-Terry strength, where there is one."""
    known = {row: s["value"] for row, s in results["strength"].items() if s["value"] is not None}
    return sorted(known, key=lambda row: -known[row])
