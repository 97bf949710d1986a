"""Measure every default metric on every rung of the ladders."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.evaluation.audit import damage
from bench.evaluation.audit.ladders import LADDERS, Ladder
from bench.evaluation.audit.results import SCHEMA, judge_weights
from bench.evaluation.audit.verdict import RULE, verdict
from bench.evaluation.base import MetricSpec
from bench.evaluation.evaluator import score_pairs
from bench.evaluation.scores import ALL
from datasets.base import Dataset, Pair
from datasets.clips import ArrayClip
from datasets.files import atomic_path, digest

Progress = Callable[[int, int, str], None]
#: Coprime with the orders of motions and framings in pair lists, so that a few pairs show all of them.
_STRIDE = 19
TRUTH = "truth"
#: metric id -> mean over clips, None where there is none
Values = dict[str, float | None]


@dataclass
class Kept:
    """Rungs measured so far, in a file beside the results, so that an interrupted audit goes on.

    Args:
        path: the file; what another audit left there is not used.
        key: hash of everything that the values depend on.
    """

    path: Path
    key: str
    rungs: dict[str, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if found.get("key") == self.key:
            self.rungs = found["rungs"]

    def add(self, name: str, values: Values) -> None:
        """Keep a rung."""
        self.rungs[name] = values
        write_json(self.path, {"key": self.key, "rungs": self.rungs})


def write_json(path: Path, value: Any) -> None:
    """Indented JSON, atomically. Raises StorageError."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def truths(dataset: Dataset, protocol: str, clips: int) -> list[damage.Truth]:
    """Some true clips of a protocol, spread over its list; of pairs that differ in their level only, the last."""
    families = damage.families(dataset.pairs(protocol).pairs)
    picked = dict.fromkeys((i * _STRIDE) % len(families) for i in range(clips))
    found = [families[i] for i in picked]
    return [damage.Truth(dataset, protocol, f[-1], f if len(f) > 1 else ()) for f in found]


def audit(
    dataset: Dataset,
    specs: Sequence[MetricSpec],
    out: Path,
    ladders: Sequence[Ladder] = LADDERS,
    clips: int = 4,
    progress: Progress = lambda done, total, what: None,
) -> dict[str, Any]:
    """Measure and write the results file; goes on where an interrupted audit of the same things stopped.

    Args:
        dataset: one with truth for the ladders' protocols (the synthetic world).
        specs: what to measure; metrics without a value on any rung (no judge, no input) are named as left out.
        out: results file.
        clips: number of true clips a protocol.

    Returns:
        What the file holds.

    Raises:
        StorageError: the file cannot be written.
    """
    chosen = {p: truths(dataset, p, clips) for p in dict.fromkeys(ladder.protocol for ladder in ladders)}
    ids = {protocol: [truth.pair.id for truth in found] for protocol, found in chosen.items()}
    versions = {spec.id: [spec.version, judge_weights(spec)] for spec in specs}
    kept = Kept(out.with_suffix(".partial.json"), digest([dataset.fingerprint("test"), ids, versions]))
    rungs: list[tuple[str, str | None, float, str]] = [(f"{TRUTH} {p}", None, 0.0, p) for p in chosen]
    rungs += [(f"{x.name} {level:g}", x.name, level, x.protocol) for x in ladders for level in x.levels]
    for done, (name, kind, level, protocol) in enumerate(rungs):
        progress(done, len(rungs), "audit")
        if name not in kept.rungs:
            kept.add(name, _measure(dataset, specs, chosen[protocol], kind, level))
    progress(len(rungs), len(rungs), "audit")
    found = _results(dataset, specs, ladders, ids, kept.rungs)
    write_json(out, found)
    kept.path.unlink(missing_ok=True)
    return found


def _measure(
    dataset: Dataset, specs: Sequence[MetricSpec], clips: Sequence[damage.Truth], kind: str | None, level: float
) -> Values:
    """Means over the clips of one rung; ``kind`` None is the truth."""
    by_pair = {truth.pair.id: truth for truth in clips}

    def frames_of(pair: Pair) -> ArrayClip:
        truth = by_pair[pair.id]
        rgb = truth.rgb if kind is None else getattr(damage, kind)(truth, level)
        return ArrayClip(pair.id, rgb, fps=truth.reference.fps)

    pairs = [truth.pair for truth in clips]
    table = score_pairs(frames_of, dataset, clips[0].protocol, pairs, specs, regions=("whole",))
    table = table[table["pair"] == ALL]
    ids = table["metric"] + "@" + table["profile"]
    return {i: value if math.isfinite(value) else None for i, value in zip(ids, table["value"], strict=True)}


def _results(
    dataset: Dataset,
    specs: Sequence[MetricSpec],
    ladders: Sequence[Ladder],
    ids: dict[str, list[str]],
    rungs: dict[str, Values],
) -> dict[str, Any]:
    metrics, left_out = {}, []
    for spec in specs:
        rows = {}
        for ladder in ladders:
            names = [f"{TRUTH} {ladder.protocol}", *(f"{ladder.name} {level:g}" for level in ladder.levels)]
            values = [rungs[name].get(spec.id) for name in names]
            if any(value is not None for value in values):
                rows[ladder.name] = {"values": values, "verdict": verdict(values, spec.direction)}
        if rows:
            metrics[spec.id] = {"version": spec.version, "judge_files": judge_weights(spec), "ladders": rows}
        else:
            left_out.append(spec.id)
    about = {x.name: {"title": x.title, "unit": x.unit, "levels": list(x.levels)} for x in ladders}
    return {
        "schema": SCHEMA,
        "rule": RULE,
        "data": {"dataset": dataset.slug, "size": dataset.size, "clips": ids},
        "ladders": about,
        "metrics": metrics,
        "left_out": sorted(left_out),
    }
