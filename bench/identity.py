"""What a result depends on: three nested identities, each a hash over named parts.

training    code, config, seed, data, annotations, loss networks, initial checkpoint
generation  training + checkpoint + pair list + driving frames + animation options + generation code
score       generation + metrics with their versions + metric code + judges + reference frames

So a changed metric re-scores stored frames and never retrains. CLI, evaluator and report are in no training identity.

What a method's training reads beside its data it says itself: ``Method.training_inputs`` and ``initial_checkpoint``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.closure import code_closure
from datasets.errors import MissingInputError
from datasets.files import digest, sha256_file

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec
    from bench.spec import Run
    from datasets.base import Dataset, PairList
    from methods.base import MethodSpec

TRAINING_CODE = ("bench.train", "bench.sampling", "bench.checkpoints", "methods.base")
GENERATION_CODE = ("bench.generate",)
SCORE_CODE = ("bench.evaluation.evaluator",)


@dataclass(frozen=True)
class Identity:
    """The training identity.

    Attributes:
        training: SHA-256 over ``parts``.
        parts: part -> hash (or a short plain value, where that reads better).
        modules: module -> hash of its code; ``parts["code"]`` is a hash over them.
    """

    training: str
    parts: Mapping[str, str]
    modules: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The ``identity`` entry of ``run.json`` before anything is generated or scored."""
        names = ("generation", "score", "generation_parts", "score_parts")
        return {"training": self.training, "parts": dict(self.parts), "modules": dict(self.modules)} | {
            name: {} for name in names
        }


# -- training --------------------------------------------------------------------------------------------------------
def training_identity(
    method: MethodSpec, config: Any, dataset: Dataset, seed: int, precision: str = "fp32", checkpoint: str = ""
) -> Identity:
    """Identity of trained networks.

    Args:
        config: the method's pydantic config.
        checkpoint: SHA-256 of a given checkpoint; then nothing of seed, data and losses is part of the identity.

    Raises:
        MissingInputError: a loss network's weights or the initial checkpoint are not there.
    """
    trains = not method.sanity and not checkpoint
    modules = method_code(method, engine=TRAINING_CODE if trains else ("methods.base",))
    which = [method.implementation, method.oracle]  # several rows may share one module, or even one class
    parts = {
        "code": digest([modules, which]),
        "config": digest(config.model_dump(mode="json")),
        "annotations": dataset.annotation_class,  # each class is a board of its own, so each has its own folders
    }
    if checkpoint:
        parts["checkpoint"] = checkpoint
    elif trains:
        data = {split: dataset.fingerprint(split) for split in ("train", "val")}
        parts |= {
            "seed": str(seed),
            "precision": precision,
            "train_data": digest({"splits": data, "size": dataset.size}),
        } | _training_hashes(method, config)
    return Identity(digest(parts), parts, modules)


def method_code(method: MethodSpec, engine: Sequence[str] = ()) -> dict[str, str]:
    """Module -> code hash of a method's implementation and config with all they import, and of ``engine`` modules.

    The module of the card is left out where it is a module of its own: titles and links change nothing.
    """
    roots = [target.partition(":")[0] for target in (method.implementation, method.config)]
    entry = registry.entries("methods").get(method.name)
    card = entry.target.partition(":")[0] if entry else ""
    code = code_closure([*roots, *engine], ["bench.evaluation"])
    return {module: digest for module, digest in code.items() if module != card or module in roots}


def training_files(method: MethodSpec, config: Any) -> tuple[dict[str, Path], Path | None]:
    """Files that training reads beside its data (name -> path), and the initial checkpoint (None: there is none).

    A method that names none is not even made for this.

    Raises:
        MissingInputError: one of them is not there.
    """
    from methods.base import Method

    implementation = registry.load_object(method.implementation)
    asks = ("training_inputs", "initial_checkpoint")
    if all(getattr(implementation, name, None) is getattr(Method, name) for name in asks):
        return {}, None
    made: Method = implementation(config)
    initial = made.initial_checkpoint()
    return {name: path for name, path in made.training_inputs().items() if path != initial}, initial


def _training_hashes(method: MethodSpec, config: Any) -> dict[str, str]:
    files, initial = training_files(method, config)
    losses = {name: _file_hash(path, name) for name, path in files.items()}
    return {"loss_networks": digest(losses), "initial": _file_hash(initial, "initial checkpoint") if initial else ""}


def _file_hash(path: Path, name: str) -> str:
    if not path.is_file():
        raise MissingInputError(f"the {name} weights are not at {path}", "bench weights list says how to get them")
    return sha256_file(path)


# -- pairs -----------------------------------------------------------------------------------------------------------
def pairs_digest(pairs: PairList) -> str:
    """Hash of a pair list: its name, target, clips and frame ranges."""
    rows = [(p.id, p.source, p.source_frame, p.driving, p.start, p.stop, p.first_scored) for p in pairs.pairs]
    return digest([pairs.name, pairs.target, rows])


def protocol_hash(dataset: Dataset, pairs: PairList, preset: str, headline: Iterable[str] = ()) -> str:
    """The 8 hexadecimal digits that a board prints behind a protocol's name: data, pairs, size, target, annotation
    class, budget (the preset) and the headline metrics with their profiles."""
    parts = [dataset.fingerprint("test"), pairs_digest(pairs), dataset.size, dataset.annotation_class, preset]
    return digest([*parts, sorted(headline)])[:8]


# -- generation and score --------------------------------------------------------------------------------------------
def generation_identity(run: Run, protocol: str, checkpoint_sha256: str, mode: str = "") -> tuple[str, dict[str, str]]:
    """Identity of generated frames, and its parts.

    Args:
        checkpoint_sha256: of the networks that animate ("" for a method without any).
        mode: "" = the run's own.
    """
    pairs = run.protocols[protocol] if protocol in run.protocols else run.dataset.pairs(protocol)
    parts = {
        "training": run.identity.training,
        "checkpoint": checkpoint_sha256,
        "pairs": pairs_digest(pairs),
        "driving_frames": run.dataset.fingerprint("test"),
        "options": digest({"mode": mode or run.mode, "size": run.dataset.size, "precision": run.spec.precision}),
        "generation_code": digest(code_closure(GENERATION_CODE, ["bench.evaluation"])),
    }
    return digest(parts), parts


def score_identity(
    generation: str, run: Run, protocol: str, metrics: Sequence[MetricSpec]
) -> tuple[str, dict[str, str]]:
    """Identity of scores, and its parts.

    Args:
        generation: hash of the generation identity.
        metrics: what was measured; the judges that they ask are part of it.
    """
    from bench.evaluation.judges.resolve import judge_hashes

    roots = [*SCORE_CODE, *(m.implementation.partition(":")[0] for m in metrics)]
    pairs = run.protocols[protocol] if protocol in run.protocols else run.dataset.pairs(protocol)
    parts = {
        "generation": generation,
        "metrics": digest(sorted(f"{m.id} v{m.version}" for m in metrics)),
        "metric_code": digest(code_closure(roots)),
        "judges": digest(judge_hashes(metrics, run.dataset.spec.synthetic)),
        "reference_frames": digest([run.dataset.fingerprint("test"), pairs_digest(pairs)]),
    }
    return digest(parts), parts


# -- why -------------------------------------------------------------------------------------------------------------
WORDS = {
    "code": "the code of the method or of the training loop",
    "config": "the config",
    "seed": "the seed",
    "precision": "the precision",
    "train_data": "the training or validation data",
    "annotations": "the annotation class",
    "loss_networks": "the loss networks",
    "initial": "the initial checkpoint",
    "checkpoint": "the checkpoint",
    "card": "the card of the predictions",
    "predictions": "the predictions",
    "pairs": "the pair list",
    "driving_frames": "the driving frames",
    "options": "the animation options",
    "generation_code": "the generation code",
    "metrics": "the list of metrics or their versions",
    "metric_code": "the code of the metrics",
    "judges": "the judges",
    "reference_frames": "the reference frames",
}


def explain(record: Mapping[str, Any], run: Run) -> list[str]:
    """One line per part that differs between a ``run.json`` and the same run resolved today; empty = up to date.

    Generation and score are compared too where the record names their parts; what merely follows from an outer
    identity is not repeated.
    """
    old = record.get("identity", {})
    lines = _differences("training", old.get("parts", {}), run.identity.parts)
    lines += [f"  {line}" for line in _module_differences(old.get("modules", {}), run.identity.modules)]
    for protocol, parts in old.get("generation_parts", {}).items():
        name, _, mode = protocol.rstrip("]").partition("[")
        if name in run.dataset.spec.protocols and "predictions" not in parts:
            _, now = generation_identity(run, name, parts.get("checkpoint", ""), mode)
            lines += _differences(f"generation of {protocol}", parts, now, skip=("training", "checkpoint"))
    for protocol, parts in old.get("score_parts", {}).items():
        name = protocol.partition("[")[0]
        if name in run.dataset.spec.protocols:
            specs = [registry.get("metrics", m) for m in record.get("metrics", [])]
            _, now = score_identity(parts.get("generation", ""), run, name, specs)
            lines += _differences(f"scores of {protocol}", parts, now, skip=("generation",))
    return lines


def _differences(what: str, old: Mapping[str, str], new: Mapping[str, str], skip: Sequence[str] = ()) -> list[str]:
    names = [n for n in dict.fromkeys([*old, *new]) if n not in skip and old.get(n) != new.get(n)]
    return [f"{what}: {WORDS.get(n, n)} changed ({_short(old.get(n))} -> {_short(new.get(n))})" for n in names]


def _module_differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    if not old:
        return []
    lines = [f"{name} changed" for name in old if name in new and old[name] != new[name]]
    lines += [f"{name} is new" for name in new if name not in old]
    return lines + [f"{name} is gone" for name in old if name not in new]


def _short(value: str | None) -> str:
    return "none" if not value else value[:8] if len(value) == 64 else value
