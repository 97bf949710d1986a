"""The claims ledger as data: read and checked once, from ``claims/claims.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from datasets.errors import UsageError

LEDGER = Path(__file__).parent / "claims" / "claims.toml"
KINDS = ("difference", "slices", "four")
EXPECTED = ("lower", "higher", "not-lower", "not-higher")


@dataclass(frozen=True)
class Comparison:
    """One measurement of a claim.

    Attributes:
        arms: (method, variant) of a, b and, of kind ``four``, c and d.
        kind: ``difference``: a - b; ``slices``: a - b on the high third of a factor minus that on the low third;
            ``four``: (a - b) - (c - d).
        protocol: name without version. factor: with kind ``difference`` only the high third counts ("" = all pairs).
        expect: which direction the claim says. effect: smallest effect of interest, in the metric's unit.
        paper: the printed numbers of a and b, () where there are none; ours: the paper has no such measurement.
    """

    arms: tuple[tuple[str, str], ...]
    kind: str
    protocol: str
    metric: str
    expect: str
    effect: float
    factor: str = ""
    paper: tuple[float, ...] = ()
    ours: bool = False


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    Attributes:
        paper: where it stands. premise: annotation class that it is about.
        qualitative: the paper's evidence are pictures.
    """

    id: str
    text: str
    paper: str
    premise: str
    qualitative: bool
    tests: tuple[Comparison, ...]


@cache
def read_claims(path: Path = LEDGER) -> tuple[Claim, ...]:
    """Every claim of the ledger.

    Raises:
        UsageError: the file is not there, damaged, or names an unknown kind or direction.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        effects: Mapping[str, float] = found["effects"]
        return tuple(_claim(entry, effects) for entry in found["claim"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the claims ledger {path.name} cannot be read: {error}") from error


def _claim(entry: Mapping[str, Any], effects: Mapping[str, float]) -> Claim:
    tests = tuple(_test(test, effects) for test in entry["tests"])
    return Claim(
        entry["id"], entry["text"], entry["paper"], entry["premise"], bool(entry.get("qualitative")), tests
    )  # fmt: skip


def _test(entry: Mapping[str, Any], effects: Mapping[str, float]) -> Comparison:
    kind, expect = entry.get("kind", "difference"), entry["expect"]
    names = [entry[name] for name in ("a", "b", "c", "d") if name in entry]
    if kind not in KINDS or expect not in EXPECTED or len(names) != (4 if kind == "four" else 2):
        raise ValueError(f"test {dict(entry)} has an unknown kind, direction or number of arms")
    arms = tuple((name.partition("+")[0], name.partition("+")[2]) for name in names)
    return Comparison(
        arms, kind, entry["protocol"], entry["metric"], expect, float(effects.get(entry["metric"], 0.0)),
        entry.get("factor", ""), tuple(entry.get("paper", ())), bool(entry.get("ours")),
    )  # fmt: skip
