"""What the audit found: reading ``results.json``, and whether it still holds for a card. Imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bench.evaluation.base import MetricSpec
from bench.evaluation.judges.resolve import card_for, judge_files
from datasets.errors import UsageError
from datasets.files import digest

RESULTS = Path(__file__).with_name("results.json")
SCHEMA = 1
#: Ladders that damage the look alone: the right person still moves rightly in the right place.
LOOK = ("blur", "limb", "flicker", "codec")


@cache
def read(path: Path = RESULTS) -> Mapping[str, Any]:
    """The results file.

    Raises:
        UsageError: it is not there, or is not one of ours.
    """
    again = "run python -m bench.evaluation.audit"
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"the audit's results in {path.name} cannot be read: {error}", again) from error
    if found.get("schema") != SCHEMA:
        raise UsageError(f"{path.name} holds no results of this audit", again)
    return found


def entry(spec: MetricSpec, path: Path = RESULTS) -> Mapping[str, Any] | None:
    """What the audit found of a metric (``version``, ``ladders``: name -> ``values``, ``verdict``, ...), or None."""
    found: Mapping[str, Any] | None = read(path)["metrics"].get(spec.id)
    return found


def stale(spec: MetricSpec, found: Mapping[str, Any]) -> str:
    """Why an entry no longer holds for today's card: another version, formula or judge; "" where it does."""
    if found["version"] != spec.version:
        return f"measured with version {found['version']}, today's is {spec.version}"
    if found["judge_files"] != judge_weights(spec):
        return "measured with other weights of its judge"
    return ""


def judge_weights(spec: MetricSpec) -> str:
    """Hash over the files of the judge that a metric asks on the synthetic world, "" where it asks none."""
    card = card_for(spec, synthetic=True)
    return "" if card is None else digest(dict(judge_files(card)))[:16]


def beaten_by_a_still(spec: MetricSpec, found: Mapping[str, Any], path: Path = RESULTS) -> list[str]:
    """Damages of the look alone with which a video that moves rightly is worse than one that stands still all along.

    Returns:
        ``blur 2``, ... ([] for a metric without a direction, or where the still video was not measured).
    """
    about, ladders = read(path)["ladders"], found["ladders"]
    still = ladders.get("freeze", {}).get("values", [None])[-1]
    sign = {"lower": 1, "higher": -1}.get(spec.direction, 0)
    if still is None or not sign:
        return []
    return [
        f"{name} {level:g}"
        for name in LOOK
        for level, value in zip(about[name]["levels"], ladders.get(name, {}).get("values", [None])[1:], strict=False)
        if value is not None and sign * (value - still) > 0
    ]


def unmet_claims(spec: MetricSpec, found: Mapping[str, Any]) -> list[str]:
    """The ladders that a metric claims to be monotone on, and is not."""
    return [name for name in spec.claims if found["ladders"].get(name, {}).get("verdict") != "monotone"]
