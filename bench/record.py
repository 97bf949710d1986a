"""The first content of ``run.json``: what was asked, what it depends on, and where it runs."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.command.config import CommandConfig
from bench.identity import protocol_hash
from bench.protocols import headline_metrics
from bench.store import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.spec import Run
    from methods.base import MethodSpec

#: Packages whose version can change a number.
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "opencv-python-headless", "av", "pandas", "pydantic", "wandb")


def new_record(run: Run) -> dict[str, Any]:
    """The record of a run before it starts (status ``running``); see ``docs/architecture.md`` for the fields."""
    spec, card = run.spec, run.dataset.spec
    return {
        "schema": SCHEMA,
        "method": run.method_spec.name,
        "variant": run.variant,
        "mode": run.mode,
        "dataset": spec.dataset,
        "dataset_slug": run.dataset.slug,
        "preset": spec.preset,
        "seed": spec.seed,
        "size": run.dataset.size,
        "annotation_class": run.dataset.annotation_class,
        "overrides": dict(spec.overrides),
        "config": run.config.model_dump(mode="json"),
        "status": "running",
        "reason": "",
        "trained": _trained(run),
        "identity": run.identity.to_json(),
        "protocols": protocols(run, headline_metrics()),
        "not_applicable": dict(run.not_applicable),
        "method_card": method_card(run.method_spec, run.variant),
        "dataset_card": {
            "title": card.title,
            "licence": card.licence,
            "synthetic": card.synthetic,
            "publishable": card.publishable,
        },
        "training": {"steps": 0, "seconds": 0.0, "samples": 0, "parameters": 0},
        "metrics": [],
        "judges": {},
        "contaminated": [],
        "findings": list(run.dataset.findings()),
        "spec": {
            "checkpoint": str(spec.checkpoint) if spec.checkpoint else None,
            "precision": spec.precision,
            "device": spec.device,
            "protocols": list(spec.protocols),
        },
        "provenance": provenance(spec.device),
    }


def protocols(run: Run, headline: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The ``protocols`` entry: name -> hash, number of pairs, generated frames, target.

    Args:
        headline: ids of the metrics that rank; they are part of a protocol's hash.
    """
    headline = list(headline)
    return {
        name: {
            "hash": protocol_hash(run.dataset, pairs, run.spec.preset, headline),
            "pairs": len(pairs.pairs),
            "frames": sum(p.stop - p.start for p in pairs.pairs),
            "target": pairs.target,
        }
        for name, pairs in run.protocols.items()
    }


def method_card(spec: MethodSpec, variant: str = "") -> dict[str, Any]:
    """What a board says of a method, without importing it."""
    chosen = spec.variants.get(variant)
    return {
        "title": spec.title,
        "paper": spec.paper,
        "venue": spec.venue,
        "year": spec.year,
        "licence": spec.licence,
        "fidelity": spec.fidelity,
        "input": f"annotation-driven ({', '.join(sorted(spec.needs))})" if spec.needs else "image only",
        "sanity": spec.sanity,
        "variant_label": chosen.label if chosen else "",
        "compare_to": chosen.compare_to if chosen else "",
    }


def is_command(run: Run) -> bool:
    """Whether the method is a program in an environment of its own."""
    return isinstance(run.config, CommandConfig)


def _trained(run: Run) -> str:
    if run.method_spec.sanity:
        return "not trained"
    if is_command(run):
        return "external program"
    if run.spec.checkpoint:
        return "checkpoint file"
    return "initial checkpoint" if run.identity.parts.get("initial") else "from scratch"


def provenance(device: str) -> dict[str, Any]:
    """Code, packages and machine; never fails where git, a package or a GPU is absent."""
    commit, dirty = git_state(Path(__file__).resolve().parents[1])
    packages = {name: found for name in PACKAGES if (found := _version(name))}
    return {
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "torch": packages.get("torch", ""),
        "packages": packages,
        "platform": platform.platform(),
        "device": _device(device),
        "started": now(),
        "finished": "",
    }


def _device(name: str) -> str:
    """``cpu``, or the GPU by its name; what was asked for where torch is not loaded (then nothing computes with it)."""
    torch = sys.modules.get("torch")
    if torch is None:
        return name
    gpu = name.startswith("cuda") or (name == "auto" and torch.cuda.is_available())
    return f"cuda ({torch.cuda.get_device_name()})" if gpu else "cpu"


def now() -> str:
    """The time in UTC, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def git_state(root: Path) -> tuple[str, bool]:
    """Commit and dirty flag of the checkout at ``root``; ("", False) where it is none, or git does not answer."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return "", False  # an installed package inside somebody else's repository
    return _git(root, "rev-parse", "HEAD"), bool(_git(root, "status", "--porcelain", "--untracked-files=no"))


def _git(root: Path, *args: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
