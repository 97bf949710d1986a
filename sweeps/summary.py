"""What came out of a sweep: plain values for the terminal, for files and for the report."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState

from datasets.files import write_json
from sweeps.request import SweepRequest
from sweeps.study import SweepStudy, about

#: Beside the request; the report reads this alone.
RESULT = "sweep.json"
SCHEMA = 1


def summarise(request: SweepRequest, studies: Sequence[SweepStudy]) -> dict[str, Any]:
    """Everything of a sweep as JSON values."""
    return {
        "schema": SCHEMA,
        "name": request.name,
        "dataset": request.dataset,
        "preset": request.preset,
        "seed": request.seed,
        "split": "val",
        "budget": str(request.budget),
        "sampler": request.sampler,
        "pruner": request.pruner,
        "deterministic": request.deterministic,
        "clips": request.clips,
        "frames": request.frames,
        "objectives": [{"name": o.name, "direction": o.direction} for o in request.objectives],
        "constraints": request.constraints,
        "methods": [_method(request, study) for study in studies],
    }


def write_result(request: SweepRequest, studies: Sequence[SweepStudy]) -> Path:
    """Keep the summary for the report. Raises StorageError."""
    return write_json(request.folder / RESULT, summarise(request, studies))


def _method(request: SweepRequest, study: SweepStudy) -> dict[str, Any]:
    trials = [_trial(request, study, trial) for trial in study.trials()]
    front = pareto([t for t in trials if t["state"] == "complete" and t["feasible"]], request)
    best = front[0] if front and len(request.objectives) == 1 else None
    return {
        "method": study.method,
        "space": {k: p.model_dump(exclude_defaults=True) for k, p in study.space.parameters.items()},
        "published": dict(study.space.published),
        "trials": trials,
        "finished": sum(t["state"] in ("complete", "pruned", "fail") for t in trials),
        "seconds": round(sum(t["seconds"] for t in trials), 3),
        "best": best["number"] if best else None,
        "pareto": [t["number"] for t in front],
        "importance": importance(study),
        "commands": {str(t["number"]): command(request, study, t["values"]) for t in front},
    }


def _trial(request: SweepRequest, study: SweepStudy, trial: FrozenTrial) -> dict[str, Any]:
    known = about(trial)
    limits = request.constraints
    return {
        "number": trial.number + 1,
        "state": trial.state.name.lower(),
        "objectives": [float(v) for v in trial.values or ()] if trial.state == TrialState.COMPLETE else [],
        "values": study.values_of(trial),
        "looks": [value for _, value in sorted(trial.intermediate_values.items())],
        "published": bool(trial.user_attrs.get("published")),
        "feasible": all(float(known.get(name, math.inf)) <= limit for name, limit in limits.items()),
        "seconds": float(known.get("seconds", 0.0)),
        "attempts": int(known.get("attempts", 0)),
        "where": str(known.get("where", "")),
        "run": str(known.get("run", "")),
        "reason": str(known.get("reason", "")),
    }


def pareto(trials: Sequence[dict[str, Any]], request: SweepRequest) -> list[dict[str, Any]]:
    """Trials that no other one beats in every objective, best by the first one first; of equal ones the earliest."""
    signs = [-1.0 if o.direction == "maximize" else 1.0 for o in request.objectives]

    def losses(trial: dict[str, Any]) -> tuple[float, ...]:
        return tuple(sign * value for sign, value in zip(signs, trial["objectives"], strict=True))

    def beaten(mine: dict[str, Any]) -> bool:
        return any(
            all(a <= b for a, b in zip(losses(other), losses(mine), strict=True))
            and (losses(other) != losses(mine) or other["number"] < mine["number"])
            for other in trials
            if other is not mine
        )

    return sorted((t for t in trials if not beaten(t)), key=lambda t: (losses(t), t["number"]))


def importance(study: SweepStudy) -> dict[str, float]:
    """Share of each key in the objective's spread (PED-ANOVA); empty where there are too few trials to say."""
    complete = [t for t in study.finished() if t.state == TrialState.COMPLETE]
    if len(complete) < 4 or len(study.study.directions) > 1:
        return {}
    try:
        found = get_param_importances(study.study)
    except (ValueError, RuntimeError):  # all values alike, or no key in all trials
        return {}
    return {key: float(value) for key, value in found.items() if math.isfinite(value)}


def command(request: SweepRequest, study: SweepStudy, values: dict[str, Any]) -> str:
    """The command that generates and scores a trial's config on the test split (its training is there)."""
    words = ["bench", "run", "--method", study.method, "--dataset", request.dataset, "--preset", request.preset]
    for key, value in {**request.overrides, **study.space.overrides(values)}.items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    if request.seed:
        words += ["--seed", str(request.seed)]
    if request.checkpoint:
        words += ["--checkpoint", request.checkpoint]
    if request.annotation_class != "exact":
        words += ["--annotations", request.annotation_class]
    if request.runs != "runs":
        words += ["--runs", request.runs]
    return shlex.join(words)
