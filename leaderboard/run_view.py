"""What the page of a run prints: its command, what it depends on, its training curves and its worst pairs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from leaderboard.curves import draw, read_curves
from leaderboard.frames import WorstPairs, worst_pairs
from leaderboard.media import MediaFolder
from leaderboard.runs import RunData
from leaderboard.speed import Speed, speed_of
from leaderboard.views import run_page


@dataclass(frozen=True)
class RunView:
    """A run with its page."""

    run: RunData
    page: str
    command: str
    config: Sequence[tuple[str, str]]
    parts: Sequence[tuple[str, str]]
    provenance: Sequence[tuple[str, str]]
    speed: Speed
    curves: Sequence[tuple[str, Markup, float]] = field(default_factory=tuple)
    worst: Sequence[WorstPairs] = ()


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Leaves of nested mappings as (dotted name, text), sorted."""
    if isinstance(value, Mapping) and value:
        pairs = ((f"{prefix}.{k}" if prefix else str(k), v) for k, v in value.items())
        return sorted(leaf for name, v in pairs for leaf in _flat(v, name))
    return [(prefix, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))] if prefix else []


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | list) else str(value)


def command_of(run: RunData) -> str:
    """The command that makes this run again, quoted for a POSIX shell."""
    if run.external:
        return shlex.join(["bench", "import", "PREDICTIONS", "--protocol", *run.protocols(), "--card", "card.toml"])
    words = ["bench", "run", "--method", run.method, "--dataset", run.text("dataset"), "--preset", run.text("preset")]
    for option in ("variant", "mode"):
        if run.text(option):
            words += [f"--{option}", run.text(option)]
    for key, value in sorted(run.section("overrides").items()):
        words += ["--set", f"{key}={_toml(value)}"]
    return shlex.join([*words, "--seed", run.text("seed") or "0"])


def run_view(run: RunData, media: MediaFolder | None) -> RunView:
    """A run with its command, what it depends on, its training curves and its worst pairs."""
    identity = run.section("identity")
    parts = [("training", str(identity.get("training") or ""))]
    parts += [(f"training: {n}", t) for n, t in _flat(identity.get("parts", {}))]
    for kind in ("generation", "score"):
        parts += [(f"{kind}: {n}", t) for n, t in _flat(identity.get(kind, {}))]
    return RunView(
        run, run_page(run), command_of(run), _flat(run.section("config")), parts, _flat(run.section("provenance")),
        speed_of(run), draw(read_curves(run.folder / "train.jsonl")), worst_pairs(run, media),
    )  # fmt: skip
