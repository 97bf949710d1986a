"""One run from its spec to recorded scores: prepare, train, generate, evaluate; what is there and valid is kept.

Nothing is trusted by its mere presence: networks, frames and scores each carry the identity of what they depend on,
and only the steps whose identity changed are done again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.evaluation.judges.resolve import judge_hashes, training_conflicts
from bench.exchange.taken import record_coverage
from bench.frames import write_references
from bench.identity import generation_identity, score_identity, training_files
from bench.outcome import record_outcome, recorded
from bench.protocols import Protocol, headline_metrics
from bench.record import is_command, now, protocols, provenance
from bench.spec import Run
from bench.standing import (
    Part,
    checkpoint_hash,
    frames_stand,
    is_complete,
    is_trained,
    metrics_of,
    networks_file,
    parts_of,
    scores_stand,
)
from bench.store import RunFolder, move_aside, open_run
from datasets.annotators.cards import how_to_annotate
from datasets.errors import MissingInputError, SuiteError
from datasets.files import sha256_file, verify_checksum, write_json

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec
    from methods.base import Method

Progress = Callable[[int, int, str], None]
#: Folder in a run's with what an evaluation keeps beside the scores (:mod:`bench.evaluation.kept`).
EVALUATION = "evaluation"


@dataclass(frozen=True)
class Done:
    """What :func:`execute` did: the folder, and the steps that were not already there."""

    folder: RunFolder
    steps: tuple[str, ...]


def execute(run: Run, progress: Progress, resume: bool = True, train_only: bool = False) -> Done:
    """Bring a run to its end.

    Args:
        resume: False moves an existing folder aside first.
        train_only: stop after training.

    Raises:
        UsageError: another process works in the folder. StorageError: it cannot be written.
        MissingInputError, TrainingError, GenerationError: as recorded in ``run.json``.
    """
    folder = RunFolder(run.folder)
    if not resume:
        move_aside(run.folder)
    metrics = metrics_of(run)
    if is_complete(run, metrics, train_only):
        return Done(folder, ())
    with folder.lock():
        open_run(run)
        _begin(run, folder, metrics)
        with recorded(folder) as step:
            step.note = "trained only: bench run generates and scores" if train_only else ""
            work = _Work(run, folder, metrics, progress)
            step.name = "prepare"
            _require_annotations(run)
            work.prepare(train_only)
            step.name = "train"
            work.train()
            for part in () if train_only else work.parts:
                step.name = "generate"
                work.generate(part)
                work.measure_speed(part)
                step.name = "evaluate"
                work.evaluate(part)
    return Done(folder, tuple(work.steps))


def _begin(run: Run, folder: RunFolder, metrics: Sequence[MetricSpec]) -> None:
    record = folder.json
    if not verify_checksum(folder.scores_path):  # lost or damaged: every protocol is scored again
        folder.scores_path.unlink(missing_ok=True)
        record = folder.update(identity=record["identity"] | {"score": {}})
    started = record["provenance"].get("started") or now()
    judges = judge_hashes(metrics, run.dataset.spec.synthetic)
    names = [spec.name if spec.profile == "default" else spec.id for spec in metrics]
    folder.update(
        status="running",
        reason="",
        protocols=record["protocols"] | protocols(run, headline_metrics()),
        not_applicable=dict(run.not_applicable),
        metrics=names,
        judges=judges,
        contaminated=_contaminated(run, judges),
        provenance=provenance(run.spec.device) | {"started": started},
    )


def _require_annotations(run: Run) -> None:
    missing, text = sorted(run.method_spec.needs - run.dataset.spec.kinds), run.spec.dataset
    if missing:
        raise MissingInputError(
            f"{run.method_spec.name} needs the annotation {missing[0]!r}, which {text} does not have",
            how_to_annotate(text, missing) or "use a data set that has it (bench list datasets)",
        )


def _contaminated(run: Run, judges: Mapping[str, str]) -> list[str]:
    """Judges whose weights the training reads: a run that saw what it is measured with is shown, and not ranked."""
    if not run.trains:
        return []
    files, initial = training_files(run.method_spec, run.config)
    return training_conflicts(judges, [*files.values(), *([initial] if initial else [])])


# -- the steps ---------------------------------------------------------------------------------------------------
class _Work:
    """The steps of one run, inside its lock."""

    def __init__(self, run: Run, folder: RunFolder, metrics: Sequence[MetricSpec], progress: Progress) -> None:
        self.run, self.folder, self.metrics = run, folder, metrics
        row = run.method_spec.name + (f"+{run.variant}" if run.variant else "")
        self.progress: Progress = lambda done, total, what: progress(done, total, f"{row}: {what}")
        self.parts = parts_of(run, folder.json)
        self.steps: list[str] = []
        self._method: Method | None = None
        self._measured = False

    def prepare(self, train_only: bool) -> None:
        """Render or decode what the run reads."""
        trains = self.run.trains and not is_trained(self.folder, self.folder.json)
        names = [] if train_only else [part.protocol.name for part in self.parts]
        self.run.dataset.prepare(("train", "val") if trains else (), names, self.progress)
        self.folder.update(findings=list(self.run.dataset.findings()))

    def train(self) -> None:
        """Train, unless the networks are there, are given, or there are none."""
        if not self.run.trains or is_trained(self.folder, self.folder.json):
            return
        from bench.spec import resolve_device
        from bench.tracking import open_tracker
        from bench.train import train

        spec = self.run.spec
        method = self.run.build()
        tracker = open_tracker(spec.track, self.folder.path, spec.online)
        tracker.start(self.folder.json)
        status = "crashed"
        try:
            result = train(
                method, self.run.dataset, self.folder.path, spec.seed, resolve_device(spec.device), spec.precision,
                tracker, self.progress, on_hang=lambda error: record_outcome(self.folder, error.outcome, error.message),
            )  # fmt: skip
            status = "complete"
        except SuiteError as error:
            status = getattr(error, "outcome", status)
            raise
        finally:
            tracker.finish(status)
        self.folder.update(
            training={
                "steps": result.steps,
                "seconds": result.seconds,
                "samples": result.samples,
                "parameters": result.parameters,
                "networks": result.checkpoint is not None,
                "checkpoint": result.checkpoint.name if result.checkpoint else "",
                "checkpoint_sha256": sha256_file(result.checkpoint) if result.checkpoint else "",
            }
        )
        self.steps.append("train")

    def generate(self, part: Part) -> None:
        """Generate a protocol's frames; frames of another identity are removed first."""
        run, record = self.run, self.folder.json
        out = self.folder.generated(part.protocol.name, part.mode)
        identity, why = generation_identity(run, part.protocol.name, checkpoint_hash(run, record), run.mode)
        side = out.with_name(out.name + ".json")
        if frames_stand(run, self.folder, record, part):
            return
        from bench.generate import generate

        if not side.is_file() or side.read_text(encoding="utf-8") != f'"{identity}"\n':
            shutil.rmtree(out, ignore_errors=True)
            write_json(side, identity)
        references = references_folder(run, part.protocol)
        write_references(run.dataset, part.protocol.name, part.protocol.pairs, references, self.progress)
        generate(
            self._loaded(), run.dataset, part.protocol.name, part.protocol.pairs, run.mode, out,
            self._rendering(), self.progress,
        )  # fmt: skip
        if is_command(run):
            record_coverage(self.folder, part.protocol, "rerun")
        self._record_identity("generation", part, identity, why)
        self._record_identity("score", part, "", {})  # scores belong to these very frames
        self.steps.append(f"generate {part.key}")

    def measure_speed(self, part: Part) -> None:
        """Measure what frames cost, once after they were generated; it is recorded, and can fail without harm."""
        run = self.run
        known = self.folder.json.get("speed")
        if (
            run.method_spec.sanity
            or is_command(run)
            or (known and f"generate {part.key}" not in self.steps)
            or self._measured
        ):
            return
        self._measured = True
        from bench.evaluation.speed import measured

        name, pairs = part.protocol.name, part.protocol.pairs
        if pairs:
            self.progress(0, 1, "speed")
            speed = measured(self._loaded, run.dataset, name, pairs[0], run.mode, self._rendering)
            self.folder.update(speed=speed)

    def evaluate(self, part: Part) -> None:
        """Score a protocol's stored frames and merge the rows into the scores file."""
        record = self.folder.json
        if scores_stand(self.run, self.folder, record, part, self.metrics):
            return
        from bench.evaluation.evaluator import score_pairs
        from bench.evaluation.kept import Kept
        from bench.evaluation.scores import merge_scores

        kept = Kept()
        frames = self.folder.generated(part.protocol.name, part.mode)
        scores = score_pairs(
            lambda pair: frames / pair.id, self.run.dataset, part.protocol.name, part.protocol.pairs, self.metrics,
            self._labels(part), progress=self.progress, keep=kept,
        )  # fmt: skip
        kept.write(self.folder.path / EVALUATION, part.key)
        merge_scores(scores, self.folder.path, part.protocol.name, self.run.mode)
        generation = record["identity"]["generation"][part.key]
        identity, why = score_identity(generation, self.run, part.protocol.name, self.metrics)
        self._record_identity("score", part, identity, why)
        self.steps.append(f"evaluate {part.key}")

    # -- details -------------------------------------------------------------------------------------------------
    def _loaded(self) -> Method:
        """The method with the run's networks, loaded once for all protocols."""
        if self._method is None:
            self._method = load_run_method(self.run, self.folder)
        return self._method

    def _rendering(self) -> Any:
        from bench.generate import Rendering
        from bench.spec import resolve_device

        return Rendering(resolve_device(self.run.spec.device), self.run.spec.precision)

    def _labels(self, part: Part) -> dict[str, Any]:
        run = self.run
        return {
            "run": run.folder.relative_to(run.spec.runs).as_posix(),
            "method": run.method_spec.name,
            "variant": run.variant,
            "mode": run.mode,
            "preset": run.spec.preset,
            "seed": run.spec.seed,
            "protocol_hash": part.protocol.hash8,
        }

    def _record_identity(self, kind: str, part: Part, identity: str, why: dict[str, str]) -> None:
        known = self.folder.json["identity"]
        known[kind] = known.get(kind, {}) | {part.key: identity}
        known[f"{kind}_parts"] = known.get(f"{kind}_parts", {}) | {part.key: why}
        self.folder.update(identity=known)


def references_folder(run: Run, protocol: Protocol) -> Path:
    """Where the photos, driving videos and truths of a protocol lie, shared by all runs of a data set."""
    return run.spec.runs / run.dataset.slug / "references" / f"{protocol.name}-{protocol.hash8}"


def train_rank(run: Run) -> None:
    """What every rank but the first does under torchrun: it trains along, and writes and records nothing."""
    if is_complete(run, train_only=True):
        return
    from bench.spec import resolve_device
    from bench.train import train

    spec = run.spec
    train(run.build(), run.dataset, run.folder, spec.seed, resolve_device(spec.device), spec.precision)


def load_run_method(run: Run, folder: RunFolder) -> Method:
    """The method of a run with its networks, ready to animate.

    Raises:
        MissingInputError: the run has not been trained.
        UsageError: a given checkpoint does not fit the method (the key is named).
    """
    if run.spec.checkpoint is not None:
        from bench.loading import open_method

        method, _ = open_method(run.method_spec.name, run.spec.checkpoint, run.spec.device)
        return method
    method = run.build()
    if run.trains and folder.json["training"].get("networks") is not False:
        from bench.checkpoints import load_networks

        path = networks_file(folder, folder.json)
        if path is None:
            raise MissingInputError(f"{folder.path} has no trained networks", "run bench run or bench train first")
        load_networks(method, path)
    if is_command(run):
        method.logs = folder.path / "logs"  # type: ignore[attr-defined]
    method.nets.eval()
    return method
