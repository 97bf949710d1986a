"""A submission: ``card.toml``, ``scores.parquet`` and ``predictions.sha256``, small enough for a repository.

The frames stay with their author. What is submitted says which they are (by hash), how they were made (the card, whose
identity stands in every score), and what they scored.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.evaluation.base import COLUMNS
from bench.evaluation.cards_delivery import DELIVERY
from bench.evaluation.evaluator import score_pairs
from bench.evaluation.scores import read_scores
from bench.evaluation.select import find_metric
from bench.exchange.card import Card, card_toml, make_card, read_card
from bench.exchange.predictions import CHECKSUMS
from bench.exchange.take import open_for, place_of
from bench.frames import is_whole
from bench.store import RunFolder
from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import atomic_path, sha256_file, write_text

if TYPE_CHECKING:
    import pandas as pd

    from bench.protocols import Protocol

CARD, SCORES = "card.toml", "scores.parquet"


def pack(runs: Sequence[Path], protocol: str, out: Path, card: Path | None = None, frames: Path | None = None) -> Card:
    """Write a submission of one protocol of runs that differ in their seed only.

    Args:
        protocol: "" where the runs have one only.
        card: for runs of a registered method, whose record does not say all that a card has.
        frames: where to copy the predictions to, for those who verify (None: nowhere).

    Raises:
        UsageError: the runs do not belong together, or are not complete; or ``out`` exists.
        MissingInputError: no run there; frames are missing or damaged.
    """
    if out.exists() or (frames is not None and frames.exists()):
        raise UsageError(f"{out if out.exists() else frames} exists", "choose a new folder")
    folders = [RunFolder(path) for path in runs]
    records = [folder.json for folder in folders]
    name = _protocol_of(records, protocol)
    made = _card_of(records, name, card)
    seeds = {int(record["seed"]): folder for record, folder in zip(records, folders, strict=True)}
    if set(seeds) != set(made.sampling.seeds) or len(seeds) != len(folders):
        raise UsageError(
            f"the card is of the seeds {list(made.sampling.seeds)}, the runs are of {sorted(seeds)}",
            "give one run for each seed of the card",
        )
    files = _frame_files(seeds, name)
    checksums = "".join(f"{sha256_file(path)}  {where}\n" for where, path in files.items())
    _write(out, made, _scores_of(made, seeds), checksums)
    if frames is not None:
        with atomic_path(frames) as temporary:
            temporary.mkdir()
            for where, path in files.items():
                (temporary / where).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, temporary / where)
    return made


def _protocol_of(records: Sequence[Mapping[str, Any]], asked: str) -> str:
    names = set.intersection(*(set(record["protocols"]) for record in records))
    chosen = [name for name in sorted(names) if asked in ("", name, name.partition("@")[0])]
    if len(chosen) != 1:
        raise UsageError(
            f"--protocol must name one of the runs' protocols: {', '.join(sorted(names)) or 'they have none in common'}"
        )
    for record in records:
        if record["status"] != "complete":
            raise UsageError(f"a run is {record['status']}: {record['reason']}", "pack complete runs")
    return chosen[0]


def _card_of(records: Sequence[Mapping[str, Any]], protocol: str, path: Path | None) -> Card:
    """The given card, or the one that the predictions came with, for this protocol."""
    if path is not None:
        return read_card(path)
    for record in records:
        if record["trained"] != "external predictions":
            raise UsageError(
                f"the run of {record['method']} has no card",
                f"bench export {protocol} --out DIR writes one to fill in; then give it with --card",
            )
    first = records[0]
    if any(record["config"] | {"protocol": 0} != first["config"] | {"protocol": 0} for record in records):
        raise UsageError("the runs were imported with different cards", "pack runs that differ in their seed only")
    about = {"name": protocol, "hash": first["protocols"][protocol]["hash"], "dataset": first["dataset"],
             "preset": first["preset"], "annotations": first["annotation_class"]}  # fmt: skip
    return make_card(dict(first["config"]) | {"protocol": about}, "run.json")


def _frame_files(seeds: Mapping[int, RunFolder], protocol: str) -> dict[str, Path]:
    """Every frame of all seeds: its place among predictions as ``bench import`` reads them -> its file, in order."""
    found: dict[str, Path] = {}
    for seed, folder in sorted(seeds.items()):
        above = f"seed-{seed}/" if len(seeds) > 1 else ""
        for pair in sorted(path for path in folder.generated(protocol).iterdir() if path.is_dir()):
            if not is_whole(pair):
                raise MissingInputError(f"the frames of {pair} are missing or damaged", "import or generate them again")
            found |= {f"{above}{pair.name}/{file.name}": file for file in sorted(pair.glob("[0-9]*.png"))}
    return found


def _scores_of(card: Card, seeds: Mapping[int, RunFolder]) -> pd.DataFrame:
    """The protocol's rows of all seeds under the name and identity of the card; with coverage where they had none."""
    import pandas as pd

    protocol = open_for(card, registered=True)
    tables = []
    for seed, folder in seeds.items():
        table = read_scores(folder.scores_path)
        table = table[table["protocol"] == protocol.name]
        if not (table["metric"] == "coverage").any():
            table = pd.concat([table, _delivery(protocol, folder, seed)], ignore_index=True)
        tables.append(table.assign(run=place_of(card, protocol, seed), method=card.method.name, mode=card.method.mode))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def _delivery(protocol: Protocol, folder: RunFolder, seed: int) -> pd.DataFrame:
    """Coverage and what counts missing frames, of a run whose method delivers all or fails."""
    frames = folder.generated(protocol.name)
    labels = {"preset": protocol.preset, "seed": seed, "protocol_hash": protocol.hash8}
    metrics = [find_metric(name) for name in DELIVERY]
    return score_pairs(lambda pair: frames / pair.id, protocol.dataset, protocol.name, protocol.pairs, metrics, labels)


def _write(out: Path, card: Card, scores: pd.DataFrame, checksums: str) -> None:
    with atomic_path(out) as temporary:
        temporary.mkdir()
        write_text(temporary / CARD, card_toml(card.model_dump(mode="json")))
        scores.to_parquet(temporary / SCORES, index=False)
        own = "".join(f"{sha256_file(temporary / name)}  {name}\n" for name in (CARD, SCORES))
        write_text(temporary / CHECKSUMS, own + checksums)


# -- reading ---------------------------------------------------------------------------------------------------------
def read_submission(folder: Path) -> tuple[Card, pd.DataFrame, str]:
    """A submission's card, scores and lines of ``predictions.sha256`` (of the predictions alone).

    Raises:
        MissingInputError: a file is missing. UsageError: the card or the scores do not match the stated hash (named).
        SuiteError: the scores are no table of ours.
    """
    for name in (CARD, SCORES, CHECKSUMS):
        if not (folder / name).is_file():
            raise MissingInputError(f"the submission {folder} has no {name}", "bench submit pack writes all three")
    lines = (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    stated = {name: line[:64] for name in (CARD, SCORES) for line in lines if line[64:] == f"  {name}"}
    for name in (CARD, SCORES):
        if stated.get(name) != sha256_file(folder / name):
            raise UsageError(f"{name} of {folder} does not match its line in {CHECKSUMS}: it was changed")
    card = read_card(folder / CARD)
    try:
        scores = read_scores(folder / SCORES)
    except (OSError, ValueError) as error:
        raise SuiteError(f"{folder / SCORES} is damaged: {error}") from None
    rest = [line for line in lines if line[66:] not in (CARD, SCORES)]
    return card, scores, "".join(f"{line}\n" for line in rest)
