"""The papers' claims as experiments, with what the runs here say on each."""

from __future__ import annotations

import math
from typing import Any

from leaderboard.claims_data import read_claims
from leaderboard.claims_verdict import VERDICT_SEEDS, Judged, judge_claims
from leaderboard.site import Site

TITLE, PATH = "Claims", "claims.html"


def build(site: Site) -> None:
    """Write the page and its download."""
    judged = judge_claims(read_claims(), [(view.board, view.facts) for view in site.boards])
    files = site.download("claims", records(judged))
    pages = {id(view.board): view.page() for view in site.boards}
    site.write(PATH, "claims.html", judged=judged, files=files, pages=pages, needed=VERDICT_SEEDS)


def records(judged: list[Judged]) -> list[dict[str, Any]]:
    """One record for each test of each claim."""
    found = []
    for one in judged:
        for f in one.findings:
            r = f.result if f.result is not None and f.result.n else None
            numbers = [None if r is None or math.isnan(v) else v for v in
                       ((r.value, r.low, r.high, r.p) if r else (math.nan,) * 4)]  # fmt: skip
            found.append({
                "claim": one.claim.id, "arms": " - ".join("+".join(filter(None, arm)) for arm in f.test.arms),
                "kind": f.test.kind, "factor": f.test.factor, "protocol": f.test.protocol, "metric": f.test.metric,
                "expect": f.test.expect, "smallest_effect": f.test.effect, "premise": one.claim.premise,
                "quantitative": not one.claim.qualitative, "ours": f.test.ours, "verdict": f.verdict, "why": f.why,
                "effect": numbers[0], "low": numbers[1], "high": numbers[2], "p": numbers[3],
                "p_holm": None if math.isnan(f.adjusted) else f.adjusted,
            })  # fmt: skip
    return found
