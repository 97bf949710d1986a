"""Verdicts on the papers' claims, in this world at this budget: observed, opposite, no effect, undecided.

A verdict needs a ranked preset, the annotation class of the claim's premise, five training seeds an arm and a smallest
effect of interest; p-values are Holm-adjusted over all measured tests of all claims. With less the effect is shown and
``smoke, no verdict`` said. Never does a verdict say that a paper is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from bench.evaluation.base import RANKED_PRESETS
from leaderboard.claims_data import Claim, Comparison
from leaderboard.columns import SECOND, ColumnKey
from leaderboard.contrast import Contrast, contrast
from leaderboard.slices import THIRDS, slices_of
from leaderboard.tables import Board, Row

#: Seeds an arm below which nothing is said, and from which a verdict may be given.
SOME_SEEDS, VERDICT_SEEDS = 3, 5
ALPHA = 0.05
#: pair -> what it shows
Facts: TypeAlias = Mapping[str, Mapping[str, Any]]
PRESETS = ("paper", "standard", "quick", "tiny")


@dataclass(frozen=True)
class Finding:
    """What the runs say on one test.

    Attributes:
        verdict: ``observed``, ``opposite``, ``no effect``, ``undecided``, ``smoke, no verdict``, or ``not run``.
        why: what is missing for a verdict, or what decided it.
        result: the effect, or None.
        adjusted: Holm-adjusted p-value.
    """

    test: Comparison
    verdict: str
    why: str
    board: Board | None = None
    result: Contrast | None = None
    adjusted: float = math.nan
    column: ColumnKey | None = None


@dataclass(frozen=True)
class Judged:
    """A claim with its findings; ``fidelity``: how faithful the implementations behind the arms are."""

    claim: Claim
    findings: tuple[Finding, ...]
    fidelity: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> str:
        """One word for the claim: the tests' where they agree, else ``mixed``."""
        words = {f.verdict for f in self.findings}
        if len(words) == 1:
            return words.pop()
        return "mixed" if words & {"observed", "opposite", "no effect"} else sorted(words)[0]


def judge_claims(claims: Sequence[Claim], boards: Sequence[tuple[Board, Facts]]) -> list[Judged]:
    """Every claim with what the boards (each with what its pairs show) say on it."""
    found = [(claim, [_measure(test, claim, boards) for test in claim.tests]) for claim in claims]
    open_ = [f for _, findings in found for f in findings if f.result is not None and not math.isnan(f.result.p)]
    adjusted = dict(zip(map(id, open_), _holm([f.result.p for f in open_ if f.result is not None]), strict=True))
    judged = []
    for claim, findings in found:
        done = tuple(_decide(f, adjusted.get(id(f), math.nan)) for f in findings)
        judged.append(Judged(claim, done, _fidelity(done)))
    return judged


def _holm(p_values: Sequence[float]) -> list[float]:
    from bench.evaluation.statistics import holm

    return holm(p_values)


def _fidelity(findings: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    names: dict[str, str] = {}
    for finding in findings:
        for row in finding.board.rows if finding.board is not None else ():
            if any(row.method == method for method, _ in finding.test.arms) and not row.sanity:
                names[row.method] = str(row.runs[0].card("fidelity") or "not said")
    return tuple(sorted(names.items()))


# -- measuring ---------------------------------------------------------------------------------------------------
def _measure(test: Comparison, claim: Claim, boards: Sequence[tuple[Board, Facts]]) -> Finding:
    """The effect on the best board that has all arms; without one, what is missing."""
    named = ", ".join("+".join(filter(None, arm)) for arm in test.arms)
    fit = [b for b in boards if b[0].setting.name == test.protocol and b[0].setting.dataset == "synthetic"]
    order = sorted(fit, key=lambda b: (PRESETS.index(b[0].setting.preset) if b[0].setting.preset in PRESETS else 9,
                                       b[0].setting.annotation_class != claim.premise, b[0].setting))  # fmt: skip
    why = f"needs runs of {named} on synthetic, {test.protocol}"
    for board, facts in order:
        rows = _arms(test, board)
        if not rows:
            continue
        key = _column(test, board, rows)
        if key is None:
            why = f"{test.metric} is not measured for {named}"
            continue
        weights = _weights(test, facts)
        if weights == {}:
            why = f"the pairs say nothing of {test.factor}"
            continue
        arms = [r.cells[key].by_seed for r in rows]
        if weights is not None:
            arms = [{s: {p: v for p, v in known.items() if p in weights} for s, known in arm.items()} for arm in arms]
        signs = (1.0, -1.0, -1.0, 1.0)[: len(arms)]
        result = contrast(
            arms, signs, board.clusters, test.effect or math.inf, weights if test.kind == "slices" else None
        )
        missing = _missing(test, claim, board, rows, result)
        return Finding(test, "smoke, no verdict" if missing else "", missing, board, result, column=key)
    return Finding(test, "not run", why)


def _arms(test: Comparison, board: Board) -> list[Row]:
    """The rows of all arms with the same mode and overrides, [] where one is not there."""
    rows = [*board.methods, *board.variants, *board.sanity]
    for first in (r for r in rows if (r.method, r.variant) == test.arms[0]):
        found = [first]
        for method, variant in test.arms[1:]:
            same = [r for r in rows if (r.method, r.variant) == (method, variant)]
            close = [
                r for r in same if r.method != first.method or (r.mode, r.overrides) == (first.mode, first.overrides)
            ]
            found += close[:1]
        if len(found) == len(test.arms):
            return found
    return []


def _column(test: Comparison, board: Board, rows: Sequence[Row]) -> ColumnKey | None:
    fit = [
        c for c in board.measured
        if c.key.metric == test.metric and c.key.region == "whole" and c.key.profile in ("default", "synth", "target")
        and c.key.profile != SECOND and all(r.cells[c.key].by_seed for r in rows)
    ]  # fmt: skip
    return min(fit, key=lambda c: (not c.headline, c.key)).key if fit else None


def _weights(test: Comparison, facts: Facts) -> dict[str, float] | None:
    """Pair -> weight; None: all pairs alike; {}: the factor is not known."""
    if not test.factor:
        return None
    levels = [(level, pairs) for name, level, pairs in slices_of(facts) if name == test.factor]
    if len(levels) < 2:
        return {}
    thirds = [next((p for name, p in levels if name.startswith(word)), ()) for word in (THIRDS[0], THIRDS[-1])]
    low, high = thirds if all(thirds) else (levels[0][1], levels[-1][1])
    if test.kind != "slices":
        return dict.fromkeys(high, 1.0)
    n = len(low) + len(high)
    return dict.fromkeys(low, -n / len(low)) | dict.fromkeys(high, n / len(high))


def _missing(test: Comparison, claim: Claim, board: Board, rows: Sequence[Row], result: Contrast) -> str:
    """What a verdict lacks, "" where it lacks nothing."""
    setting, said = board.setting, []
    if setting.preset not in RANKED_PRESETS:
        said.append(f"preset {setting.preset} is smoke")
    if setting.annotation_class != claim.premise:
        said.append(f"{setting.annotation_class} annotations, the claim is about {claim.premise}")
    seeds = min((len(r.seeds) for r in rows if not r.sanity), default=0)
    if seeds < VERDICT_SEEDS:
        said.append(f"{seeds} training seed{'s' if seeds != 1 else ''} an arm, a verdict needs {VERDICT_SEEDS}")
    if any(r.status != "complete" for r in rows):
        said.append("a run is not complete")
    if any(run.contaminated for r in rows for run in r.runs):
        said.append("a run read a judge's weights")
    if not test.effect:
        said.append("no smallest effect of interest is committed")
    if math.isnan(result.p):
        said.append("too few clusters of pairs")
    return "; ".join(said)


# -- deciding ----------------------------------------------------------------------------------------------------
def _decide(finding: Finding, adjusted: float) -> Finding:
    """The verdict of a finding that lacks nothing."""
    if finding.verdict or finding.result is None:
        return replace(finding, adjusted=adjusted)
    word, why = verdict(finding.test, finding.result, adjusted)
    return replace(finding, verdict=word, why=why, adjusted=adjusted)


def verdict(test: Comparison, result: Contrast, adjusted: float) -> tuple[str, str]:
    """(word, what decided it) of one test by its effect and Holm-adjusted p-value.

    ``observed`` and ``opposite`` need p at most 5 % and an effect of at least the smallest of interest; ``no effect``
    needs both one-sided tests against it to be at most 5 %. A claim of "not better" is observed where the effect goes
    the other way or is none.
    """
    sign = 1.0 if test.expect in ("higher", "not-higher") else -1.0
    towards = sign * result.value
    size = f"effect {result.value:+.3g}, smallest of interest {test.effect:g}, p {adjusted:.3g} after Holm"
    real = adjusted <= ALPHA and abs(result.value) >= test.effect
    if test.expect.startswith("not-"):
        if result.inside <= ALPHA or (real and towards < 0):
            return "observed", size
        return ("opposite" if real else "undecided"), size
    if real:
        return ("observed" if towards > 0 else "opposite"), size
    return ("no effect" if result.inside <= ALPHA else "undecided"), size
