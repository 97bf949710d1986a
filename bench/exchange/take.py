"""``bench import``: predictions of a program become run folders, scored here like any other row and marked external."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.evaluation.cards_delivery import DELIVERY
from bench.evaluation.judges.resolve import judge_hashes
from bench.evaluation.select import find_metric, select_metrics
from bench.exchange.card import Card, make_card, read_card
from bench.exchange.export import open_protocol
from bench.exchange.predictions import (
    CHECKSUMS,
    Prediction,
    check_checksums,
    find_predictions,
    seed_folders,
)
from bench.exchange.shards import Shard
from bench.exchange.taken import record_coverage, take, taken_source
from bench.frames import is_whole, write_references
from bench.identity import Identity, pairs_digest, score_identity
from bench.outcome import recorded
from bench.protocols import Protocol, headline_metrics
from bench.record import new_record, now, protocols, provenance
from bench.run import EVALUATION, references_folder
from bench.spec import Run, RunSpec, full_protocol_name, suits
from bench.store import RunFolder, preflight
from datasets.errors import UsageError
from datasets.files import digest, safe_name, verify_checksum
from methods.base import MethodSpec

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.base import MetricSpec

Progress = Callable[[int, int, str], None]
TRAINED = "external predictions"


@dataclass(frozen=True)
class Imported:
    """One seed's run folder.

    Attributes:
        coverage: delivered frames over frames asked for. waiting: pairs of other shards that are not in yet.
        steps: what was done now; empty where everything was there.
    """

    run: Run
    folder: RunFolder
    coverage: float
    waiting: int
    steps: tuple[str, ...]


def import_predictions(
    predictions: Path, protocol: str, card_path: Path, runs: Path, shard: Shard, progress: Progress
) -> list[Imported]:
    """Take the predictions of a card's seeds in, and score them once all pairs are there.

    Pairs that are in and unchanged are kept. Names, seeds and checksums are looked at before anything is written.

    Args:
        protocol: name with or without version; must be the card's.
        shard: the pairs to take; the others come by further calls.

    Raises:
        UsageError: the card does not fit the protocol; a prediction with an unexpected name, a wrong size, or that
            does not match ``predictions.sha256`` (named).
        MissingInputError: no such folder or card; a prediction that cannot be read (named).
    """
    card = read_card(card_path)
    opened = open_for(card, protocol)
    folders = seed_folders(predictions, card.sampling.seeds)
    found = {seed: find_predictions(folder, opened.pairs) for seed, folder in folders.items()}
    if (predictions / CHECKSUMS).is_file():
        check_checksums(predictions, (predictions / CHECKSUMS).read_text(encoding="utf-8"), CHECKSUMS)
    return import_card(card, opened, found, runs, shard, progress)


def import_card(
    card: Card,
    protocol: Protocol,
    found: Mapping[int, Mapping[str, Prediction]],
    runs: Path,
    shard: Shard,
    progress: Progress,
) -> list[Imported]:
    """Take in what was found of a card's seeds (seed -> pair -> prediction). Raises as :func:`import_predictions`."""
    return [
        _take_seed(external_run(card, protocol, seed, runs), protocol, found[seed], shard, progress) for seed in found
    ]


def open_for(card: Card, protocol: str = "", registered: bool = False) -> Protocol:
    """The protocol of a card.

    Args:
        protocol: what the user says it is ("" = what the card says).
        registered: the card may bear the name of a registered method.

    Raises:
        UsageError: they differ, the hash is another one today, or the method's target does not suit it.
    """
    stated = card.protocol
    opened = open_protocol(stated.name, stated.dataset, stated.preset, stated.annotations)
    if protocol and full_protocol_name(protocol, opened.dataset) != opened.name:
        raise UsageError(f"the card is of {stated.name}, not of {protocol}", "give the card that the export wrote")
    if opened.hash8 != stated.hash:
        raise UsageError(
            f"the card is of {stated.name} · {stated.hash}, which is {opened.hash8} here",
            "data, pairs, size or headline metrics differ: export the protocol again and make the frames anew",
        )
    spec = method_of(card)
    if not registered and spec.name in registry.entries("methods"):
        raise UsageError(f"{spec.name} is a registered method", f"call it otherwise in the card: {spec.name}-external")
    if not suits(spec, card.method.mode, opened.target):
        raise UsageError(
            f"{opened.name} shows {opened.target}, the card aims at {card.method.target}", "choose another protocol"
        )
    return opened


def method_of(card: Card) -> MethodSpec:
    """The card of the method, as a registered one would have it."""
    about = card.method
    return MethodSpec(
        name=about.name, title=about.title, implementation="", config="", paper=about.paper, venue=about.venue,
        year=about.year, licence=about.licence, fidelity="predictions from elsewhere", modes={about.mode: about.target},
        needs=frozenset(about.input),
    )  # fmt: skip


def external_run(card: Card, protocol: Protocol, seed: int, runs: Path) -> Run:
    """What :func:`bench.spec.resolve` gives for a registered method, made from a card."""
    dataset, stated = protocol.dataset, card.protocol
    parts = {"card": digest(card.identity), "seed": str(seed), "annotations": dataset.annotation_class}
    identity = Identity(digest(parts), parts)
    leaf = f"{stated.preset}-s{seed}-{identity.training[:8]}"
    spec = RunSpec(
        card.method.name, stated.dataset, stated.preset, mode=card.method.mode, seed=seed, protocols=(protocol.name,),
        track="none", runs=runs, annotation_class=stated.annotations,
    )  # fmt: skip
    folder = Path(runs) / dataset.slug / safe_name(card.method.name) / leaf
    checkpoint = card.method.checkpoint_sha256
    return Run(spec, method_of(card), card, dataset, card.method.mode, {protocol.name: protocol.listed}, {}, identity,
               checkpoint, folder)  # fmt: skip


def place_of(card: Card, protocol: Protocol, seed: int) -> str:
    """Where the run of a seed lies below any runs folder; names the card's identity, and stands in every score."""
    return external_run(card, protocol, seed, Path()).folder.as_posix()


def run_of_record(record: Mapping[str, Any], runs: Path) -> Run:
    """The external run that a ``run.json`` describes, as it would be today."""
    card = make_card(record["config"], "run.json")
    stated = card.protocol
    opened = open_protocol(stated.name, stated.dataset, stated.preset, stated.annotations)
    return external_run(card, opened, int(record["seed"]), runs)


# -- one seed --------------------------------------------------------------------------------------------------------
def _take_seed(
    run: Run, protocol: Protocol, found: Mapping[str, Prediction], shard: Shard, progress: Progress
) -> Imported:
    folder = RunFolder(run.folder)
    with folder.lock():
        _begin(run, folder)
        with recorded(folder) as step:
            step.name = "import"
            chosen = [found[pair.id] for pair in shard.of(protocol.pairs)]
            steps = _take_pairs(run, folder, protocol, chosen, progress)
            frames = folder.generated(protocol.name)
            waiting = sum(not is_whole(frames / pair.id) for pair in protocol.pairs)
            coverage = record_coverage(folder, protocol, "rescored")
            if not waiting:
                step.name = "evaluate"
                steps += _score(run, folder, protocol, progress)
        if waiting:
            total = len(protocol.pairs)
            folder.update(status="interrupted", reason=f"{total - waiting} of {total} pairs of {protocol.name} are in")
    return Imported(run, folder, coverage, waiting, tuple(steps))


def _begin(run: Run, folder: RunFolder) -> None:
    """A record of status ``running``: a new one, or the one that is there with today's protocol and metrics."""
    preflight(run.folder)
    fresh = new_record(run)
    old = folder.json if folder.exists and not folder.problem else fresh
    started = old["provenance"].get("started") or now()
    folder.write(
        fresh
        | {
            "status": "running",
            "trained": TRAINED,
            "external": {"badge": "rescored", "coverage": {}} | old.get("external", {}),
            "identity": old["identity"],
            "protocols": old["protocols"] | protocols(run, headline_metrics()),
            "findings": run.config.findings,
            "provenance": provenance(run.spec.device) | {"started": started},
        }
    )


def _take_pairs(
    run: Run, folder: RunFolder, protocol: Protocol, chosen: Sequence[Prediction], progress: Progress
) -> list[str]:
    """Copy what is new or changed; returns the step, if anything was."""
    frames = folder.generated(protocol.name)
    taken = False
    for i, prediction in enumerate(chosen):
        place, source = frames / prediction.pair, prediction.source
        if not (is_whole(place) and taken_source(place) == source):
            pair = next(p for p in protocol.pairs if p.id == prediction.pair)
            about = {"method": run.method_spec.name, "pair": pair.id, "protocol": protocol.name, "generated": True}
            fps = protocol.dataset.clip(pair.driving).fps
            take(place, prediction, protocol.dataset.size, fps, about)
            taken = True
        progress(i + 1, len(chosen), f"import {protocol.name}")
    return [f"import {protocol.name}"] if taken else []


def keep_reported(card: Card, protocol: Protocol, scores: pd.DataFrame, runs: Path) -> list[RunFolder]:
    """Put scores that nobody has checked into run folders, marked self-reported; rows that were scored here stay."""
    from bench.evaluation.scores import merge_scores

    folders = []
    for seed in card.sampling.seeds:
        run = external_run(card, protocol, seed, runs)
        folder = RunFolder(run.folder)
        with folder.lock():
            if folder.exists and folder.json["identity"]["score"].get(protocol.name):
                continue
            _begin(run, folder)
            own = scores[scores["seed"] == seed]
            merge_scores(own, run.folder, protocol.name, run.mode)
            whole = own[(own["metric"] == "coverage") & (own["pair"] == "*")]["value"]
            coverage = folder.json["external"]["coverage"] | {protocol.name: float(whole.iloc[0])}
            folder.update(external={"badge": "self-reported", "coverage": coverage}, status="complete")
        folders.append(folder)
    return folders


# -- scores ----------------------------------------------------------------------------------------------------------
def metrics_for(preset: str) -> list[MetricSpec]:
    """What an external row is scored by: the default metrics of its preset, coverage and the penalised ones."""
    return list({spec.id: spec for spec in [*select_metrics(preset=preset), *map(find_metric, DELIVERY)]}.values())


def _score(run: Run, folder: RunFolder, protocol: Protocol, progress: Progress) -> list[str]:
    """Score what is in, unless that stands; returns the step, if anything was scored."""
    from bench.evaluation.evaluator import score_pairs
    from bench.evaluation.kept import Kept
    from bench.evaluation.scores import merge_scores

    metrics = metrics_for(run.spec.preset)
    frames = folder.generated(protocol.name)
    generation, why = _generation(run, protocol, frames)
    identity, parts = score_identity(generation, run, protocol.name, metrics)
    known = folder.json["identity"]
    if known["score"].get(protocol.name) == identity and verify_checksum(folder.scores_path):
        return []
    write_references(run.dataset, protocol.name, protocol.pairs, references_folder(run, protocol), progress)
    kept = Kept()
    labels = {
        "run": run.folder.relative_to(run.spec.runs).as_posix(), "method": run.method_spec.name, "variant": "",
        "mode": run.mode, "preset": run.spec.preset, "seed": run.spec.seed, "protocol_hash": protocol.hash8,
    }  # fmt: skip
    scores = score_pairs(
        lambda pair: frames / pair.id, run.dataset, protocol.name, protocol.pairs, metrics, labels,
        progress=progress, keep=kept,
    )  # fmt: skip
    kept.write(folder.path / EVALUATION, protocol.name)
    merge_scores(scores, folder.path, protocol.name, run.mode)
    for kind, value, its_parts in (("generation", generation, why), ("score", identity, parts)):
        known[kind] = known.get(kind, {}) | {protocol.name: value}
        known[f"{kind}_parts"] = known.get(f"{kind}_parts", {}) | {protocol.name: its_parts}
    folder.update(
        identity=known,
        metrics=[spec.name if spec.profile == "default" else spec.id for spec in metrics],
        judges=judge_hashes(metrics, run.dataset.spec.synthetic),
    )
    return [f"evaluate {protocol.name}"]


def _generation(run: Run, protocol: Protocol, frames: Path) -> tuple[str, dict[str, str]]:
    """Identity of predictions: the card and the bytes that were delivered."""
    parts = {
        "training": run.identity.training,
        "checkpoint": run.checkpoint_sha256,
        "predictions": digest({pair.id: taken_source(frames / pair.id) for pair in protocol.pairs}),
        "pairs": pairs_digest(protocol.listed),
        "driving_frames": run.dataset.fingerprint("test"),
    }
    return digest(parts), parts
