"""The whole card of a metric: what ``bench show metric`` prints. No network is loaded."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import registry
from bench.cli.text import fields, table
from bench.evaluation.audit import results
from bench.evaluation.base import UNDEFINED, MetricSpec
from bench.evaluation.judges.base import ROLES, JudgeCard
from bench.evaluation.judges.resolve import card_for, judge_files, judge_hashes
from datasets.errors import UsageError

#: Our values and other tools' on one fixed pair of clips; tests/bench/evaluation/peers/same_pair.py writes it.
_SAME_PAIR = Path(__file__).resolve().parents[1] / "evaluation" / "same_pair.json"
_PEERS = Path(__file__).resolve().parents[2] / "tests" / "peers.toml"
_AVERAGES = {
    "videos": "mean over the frames of each video, then over videos",
    "frames": "mean over all frames of all videos together",
}
_SET = "one value over the frames of all videos"
_FRAMES = "uint8 RGB frames of the evaluated size, floor(255 x + 0.5)"


def metric_card(spec: MetricSpec) -> dict[str, Any]:
    """Everything about a metric@profile, as plain values.

    Beside the fields of :class:`~bench.evaluation.base.MetricSpec`: ``averaging``, ``missing_detections``,
    ``preprocessing``, ``judges`` (one for each kind of data), ``audit`` (None where it was not measured), ``peer``
    (None outside a checkout), ``same_pair`` (what we and other tools give on one fixed pair, of all profiles that read
    the same; None where it was not computed) and ``other_profiles``.
    """
    return {
        "id": spec.id,
        **asdict(spec),
        "averaging": _SET if spec.scope == "set" else _AVERAGES[spec.average],
        "missing_detections": "; ".join(filter(None, [spec.missing, UNDEFINED])),
        "preprocessing": "; ".join(filter(None, [_FRAMES, ROLES.get(spec.judge, "")])),
        "judges": list(_judges(spec)),
        "audit": _audit(spec),
        "peer": _peer(spec),
        "same_pair": _same_pair(spec),
        "other_profiles": _other_profiles(spec),
    }


def metric_text(card: Mapping[str, Any]) -> str:
    """A card of :func:`metric_card` for a terminal."""
    apart = ("judges", "audit", "judge", "average", "missing", "peer", "same_pair")
    shown = [(key.replace("_", " "), value) for key, value in card.items() if key not in apart]
    parts = [fields([*shown, ("judge's role", card["judge"]), ("peer", card["peer"])])]
    parts += [f"judge on {judge['data']}:\n{fields(_judge_lines(judge))}" for judge in card["judges"]]
    if (pair := card["same_pair"]) is not None:
        values = [row | {side: f"{row[side]:.6g}" for side in ("ours", "theirs")} for row in pair["values"]]
        parts.append(f"the same pair ({pair['input']}):\n{table(values, ('profile', 'ours', 'theirs', 'tool'))}")
    audit = card["audit"]
    if audit is None:
        parts.append("metric audit: not measured (python -m bench.evaluation.audit measures the default metrics)")
    else:
        note = f" (stale: {audit['stale']}; run python -m bench.evaluation.audit)" if audit["stale"] else ""
        rows = table(list(_audit_rows(audit)), ("ladder", "verdict", "damage", "values"))
        still = ", ".join(audit["beaten_by_a_still"])
        beaten = f"\na video that stands still beats one that moves rightly with {still}" if still else ""
        parts.append(f"metric audit{note}:\n{rows}{beaten}")
    return "\n\n".join(parts)


# -- judges ----------------------------------------------------------------------------------------------------------
def _judges(spec: MetricSpec) -> Iterator[dict[str, Any]]:
    """The judge on the synthetic world and the one on real video; once where it is the same."""
    found = {data: card_for(spec, data == "synthetic") for data in ("synthetic", "real video")}
    if found["synthetic"] == found["real video"]:
        found = {"all data": found["real video"]}
    for data, card in found.items():
        if card is not None:
            yield {"data": data, **_judge(spec, card, data == "synthetic")}


def _judge(spec: MetricSpec, card: JudgeCard, synthetic: bool) -> dict[str, Any]:
    return {
        "name": card.name,
        "title": card.title,
        "fingerprint": judge_hashes([spec], synthetic)[card.name],
        "weights": dict(judge_files(card)),
        "extra": card.extra,
        "licence": card.licence,
    }


def _judge_lines(judge: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("name", "title", "fingerprint", "extra", "licence"):
        yield f"  {key}", judge[key]
    for name, sha256 in judge["weights"].items():
        yield "  weights", f"{name} sha256:{sha256}"


# -- audit, peer, profiles -------------------------------------------------------------------------------------------
def _audit(spec: MetricSpec) -> dict[str, Any] | None:
    """Verdict and values of each ladder, why they are stale, the claims that they do not bear out, and which damages of
    the look alone a still video beats."""
    try:
        found, about = results.entry(spec), results.read()["ladders"]
    except UsageError:
        return None
    if found is None:
        return None
    ladders = {name: {**about[name], **row, "claimed": name in spec.claims} for name, row in found["ladders"].items()}
    return {
        "ladders": ladders,
        "stale": results.stale(spec, found),
        "unmet": results.unmet_claims(spec, found),
        "beaten_by_a_still": results.beaten_by_a_still(spec, found),
    }


def _audit_rows(audit: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, row in audit["ladders"].items():
        levels = ", ".join(f"{level:g}" for level in row["levels"])
        values = " ".join("-" if value is None else f"{value:.4g}" for value in row["values"])
        verdict = row["verdict"] + (" (claimed)" if row["claimed"] else "")
        yield {
            "ladder": name,
            "verdict": verdict,
            "damage": f"{row['title']}: {levels} {row['unit']}",
            "values": values,
        }


def _peer(spec: MetricSpec) -> dict[str, Any] | None:
    """What an independent tool gives on the same input, and how close it is: only where the tests are at hand."""
    try:
        found: dict[str, Any] | None = tomllib.loads(_PEERS.read_text(encoding="utf-8")).get(spec.id)
    except OSError:
        return None
    return found


def _same_pair(spec: MetricSpec) -> dict[str, Any] | None:
    """``input``: what the pair is; ``values``: profile, ours, theirs, tool, the metric's own profile first."""
    found = json.loads(_SAME_PAIR.read_text(encoding="utf-8"))
    own = found["metrics"].get(spec.id)
    if own is None:
        return None
    alike = [spec.id, *_other_profiles(spec)]
    values = [
        {"profile": name, "ours": entry["ours"], "theirs": entry["peer"], "tool": entry["tool"]}
        for name in alike
        if (entry := found["metrics"].get(name)) is not None and entry["input"] == own["input"]
    ]
    return {"input": found["inputs"][own["input"]], "values": values}


def _other_profiles(spec: MetricSpec) -> list[str]:
    names = [name for name in registry.entries("metrics") if name.partition("@")[0] == spec.name]
    ids = [name if "@" in name else f"{name}@default" for name in names]
    return [name for name in ids if name != spec.id]
