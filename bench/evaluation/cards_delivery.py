"""Cards of what was delivered, and of pixel metrics that count what was not: data only, cheap to import."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluation.base import MetricSpec
from bench.evaluation.cards import L1, PSNR, SSIM

COVERAGE = MetricSpec(
    name="coverage",
    title="Coverage",
    implementation="bench.evaluation.metrics.coverage:Coverage",
    direction="higher",
    family="delivery",
    formula="share of the scored frames that were delivered; mean over all frames of all videos",
    range=(0.0, 1.0),
    needs=frozenset(),
    default=False,
    average="frames",
    blanks=True,
    flagged="says nothing of what the frames show",
)


def _penalised(card: MetricSpec) -> MetricSpec:
    return replace(
        card,
        profile="penalised",
        title=f"{card.title}, missing frames black",
        formula=f"as the default, with a black frame in place of each one that was not delivered: {card.formula}",
        regions=("whole",),
        default=False,
        headline=False,
        claims=(),
        blanks=True,
    )


L1_PENALISED, PSNR_PENALISED, SSIM_PENALISED = map(_penalised, (L1, PSNR, SSIM))

#: Ids of the metrics that rows of delivered predictions have beside the default ones.
DELIVERY = tuple(card.id for card in (COVERAGE, L1_PENALISED, PSNR_PENALISED, SSIM_PENALISED))
