"""Results of studies, kept beside the run folders: ``<runs>/studies/<study id>.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets.errors import SuiteError, UsageError
from datasets.files import read_json, write_json
from leaderboard.study.analysis import analyse
from leaderboard.study.answers import Participant, read_answers
from leaderboard.study.design import CRITERIA, Study

FOLDER = "studies"
SETTING = ("protocol", "protocol_hash", "dataset", "preset")


def ingest(runs: Path, key: Path, answers: Sequence[Path]) -> tuple[Path, list[Participant]]:
    """Analyse the files of answers and keep the result below ``runs``; returns its file and the participants.

    Args:
        key: what ``build`` wrote beside the page. answers: files, or folders of ``*.json`` files.

    Raises:
        UsageError: no answers, or a file that is none. StorageError: the result cannot be written.
    """
    study = read_key(key)
    files = [f for path in answers for f in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise UsageError("there is no file of answers", "give the files that participants saved, or their folder")
    people = read_answers(files, study)
    path = runs / FOLDER / f"{study.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, analyse(study, people))
    return path, people


def read_key(path: Path) -> Study:
    """The study of a key file.

    Raises:
        UsageError: it is none.
    """
    try:
        return Study.from_json(read_json(path))
    except UsageError:
        raise
    except SuiteError as error:
        raise UsageError(f"{path} is no key file of a study: {error.message}", error.hint) from error


def load_studies(roots: Iterable[Path]) -> list[Mapping[str, Any]]:
    """Every result that can be read, by name."""
    found = []
    for root in roots:
        for path in sorted((root / FOLDER).glob("*.json")):
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if _is_sound(data):
                found.append(data)
    return sorted(found, key=lambda s: (str(s.get("name")), str(s["study"])))


def _is_sound(data: Any) -> bool:
    """Whether a file holds everything that the page prints; it may have come from somebody else."""
    try:
        rates = [*data["preference"], *(data[kind][row] for kind in ("strength", "jnd") for row in data["rows"])]
        rates += [data["rating"][row][criterion] for row in data["rows"] for criterion in CRITERIA]
        numbers = [rate[name] for rate in rates for name in ("value", "low", "high", "wilson_low", "wilson_high")]
        texts = [data["study"], data["name"], *data["rows"], *(data["setting"][k] for k in SETTING)]
        texts += [p[k] for p in data["preference"] for k in ("a", "b")]
        texts += [p[k] for p in data["left_out"] for k in ("participant", "why")]
        counts = [data["participants"], data["answers"], *(rate["n"] for rate in rates)]
        numbers += list(data["alpha"].values())
    except (KeyError, TypeError, AttributeError):
        return False
    return (
        all(v is None or (isinstance(v, int | float) and math.isfinite(v)) for v in numbers)
        and all(isinstance(v, str) for v in texts)
        and all(isinstance(v, int) for v in counts)
    )
