"""From what the user asked (:class:`RunSpec`) to what will be done (:class:`Run`), validated before any work."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.config import build_config, parse_set
from bench.identity import Identity, training_identity
from datasets.errors import MissingInputError, UsageError
from datasets.files import safe_name, sha256_file

if TYPE_CHECKING:
    import torch

    from datasets.base import Dataset, PairList
    from methods.base import Method, MethodSpec

__all__ = ["Run", "RunSpec", "build_config", "open_dataset", "parse_set", "resolve", "resolve_device", "spec_from_json"]

ANNOTATION_CLASSES = re.compile(r"exact|detected|noisy-[1-3]")
PRECISIONS = ("fp32", "bf16")
TRACKERS = ("wandb", "none")
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class RunSpec:
    """What the user asked for; nothing is checked here.

    Attributes:
        dataset: ``name`` or ``name:argument``.
        variant: slug ("" or ``full`` = the full method). mode: "" = the method's default.
        overrides: dotted config key -> value (see :func:`parse_set`).
        protocols: names, with or without ``@version``; empty = all that apply.
        checkpoint: score this file instead of training.
    """

    method: str
    dataset: str
    preset: str = "quick"
    variant: str = ""
    mode: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    protocols: tuple[str, ...] = ()
    checkpoint: Path | None = None
    device: str = "auto"
    precision: str = "fp32"
    track: str = "wandb"
    online: bool = False
    runs: Path = Path("runs")
    annotation_class: str = "exact"


@dataclass(frozen=True)
class Run:
    """A resolved run.

    Attributes:
        mode: animation mode, never empty.
        protocols: full name -> pairs, of the protocols that will be run.
        not_applicable: protocol -> why it was left out.
        checkpoint_sha256: of ``spec.checkpoint`` ("" when the run trains).
        folder: ``runs/<dataset slug>/<method>[+variant]/<preset>-s<seed>-<training identity 8>``.
    """

    spec: RunSpec
    method_spec: MethodSpec
    config: Any
    dataset: Dataset
    mode: str
    protocols: Mapping[str, PairList]
    not_applicable: Mapping[str, str]
    identity: Identity
    checkpoint_sha256: str
    folder: Path

    @property
    def variant(self) -> str:
        """Slug of the variant, "" for the full method."""
        return "" if self.spec.variant == "full" else self.spec.variant

    @property
    def trains(self) -> bool:
        """Whether networks are to be trained: not for sanity rows, nor for a given checkpoint."""
        return not self.method_spec.sanity and self.spec.checkpoint is None

    def build(self) -> Method:
        """The method with freshly initialised networks (a function of the seed alone), on the run's device."""
        import torch

        implementation = registry.load_object(self.method_spec.implementation)
        with torch.random.fork_rng(devices=[]):  # CUDA generators are untouched: networks are initialised on the CPU
            torch.default_generator.manual_seed(self.spec.seed)
            method: Method = implementation(self.config)
        method.nets.to(resolve_device(self.spec.device))
        return method


def resolve(spec: RunSpec, progress: Callable[[int, int, str], None] | None = None, test: bool = True) -> Run:
    """Validate everything that can be validated without work, and say what the run is and where it lies.

    Args:
        progress: told of the decoding of a data set whose splits depend on which of its videos can be used.
        test: False leaves all protocols out, so that nothing of the test split is looked at (for tuning).

    Raises:
        UsageError: an unknown name (with the nearest), a wrong value or an unsuitable combination.
        MissingInputError: the data set, the checkpoint or a loss network's weights are not there.
    """
    method = registry.get("methods", spec.method)
    _check_plain_fields(spec)
    variant = "" if spec.variant == "full" else spec.variant
    mode = _resolve_mode(method, spec.mode)
    config = build_config(method, spec.preset, variant, spec.overrides)
    checkpoint = _checkpoint_hash(method, spec.checkpoint)
    dataset = open_dataset(spec.dataset, spec.preset, spec.annotation_class)
    if progress is not None:
        dataset.prepare((), (), progress)
    protocols, left_out = _resolve_protocols(method, mode, dataset, spec.protocols) if test else ({}, {})
    identity = training_identity(method, config, dataset, spec.seed, spec.precision, checkpoint)
    name = method.name + (f"+{variant}" if variant else "")
    leaf = f"{spec.preset}-s{spec.seed}-{identity.training[:8]}"
    folder = Path(spec.runs) / dataset.slug / safe_name(name) / leaf
    return Run(spec, method, config, dataset, mode, protocols, left_out, identity, checkpoint, folder)


def open_dataset(text: str, preset: str, annotation_class: str = "exact") -> Dataset:
    """The data set ``name`` or ``name:argument`` in the size of a preset.

    Raises:
        UsageError: unknown name (with the nearest). MissingInputError: its data are not there.
    """
    name, _, argument = text.partition(":")
    spec = registry.get("datasets", name)
    dataset: Dataset = registry.load_object(spec.factory)(argument, preset, annotation_class)
    return dataset


def resolve_device(name: str) -> torch.device:
    """``auto`` (CUDA where there is one, else CPU), ``cpu`` or ``cuda[:n]`` -> device.

    Raises:
        UsageError: another name, or a CUDA device that this machine does not have.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if not re.fullmatch(r"cuda(:\d+)?", name):
        raise UsageError(f"there is no device {name!r}", "choose auto, cpu or cuda")
    device = torch.device(name)
    if (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"this machine has no CUDA device for --device {name}", "use --device auto or cpu")
    return device


def check_choice(option: str, value: str, known: Sequence[str]) -> None:
    """Refuse an option's value that is not one of ``known``.

    Raises:
        UsageError: naming the nearest.
    """
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
        said = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"{option} {value!r} is not known", f"{said}choose {', '.join(known)}")


# -- checks ----------------------------------------------------------------------------------------------------------
def _check_plain_fields(spec: RunSpec) -> None:
    choices = (("--precision", spec.precision, PRECISIONS), ("--track", spec.track, TRACKERS))
    for option, value, known in choices:
        check_choice(option, value, known)
    if not 0 <= spec.seed <= MAX_SEED:
        raise UsageError(f"--seed {spec.seed} is out of range", f"choose 0 to {MAX_SEED}")
    if not ANNOTATION_CLASSES.fullmatch(spec.annotation_class):
        raise UsageError(
            f"there is no annotation class {spec.annotation_class!r}", "choose exact, detected or noisy-1 to noisy-3"
        )
    if spec.device not in ("auto", "cpu"):  # only a named GPU needs torch to be checked
        resolve_device(spec.device)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"


def _resolve_mode(method: MethodSpec, mode: str) -> str:
    if mode and mode not in method.modes:
        raise UsageError(f"{method.name} has no mode {mode!r}", _nearest(mode, list(method.modes)))
    return mode or next(iter(method.modes))


def _checkpoint_hash(method: MethodSpec, checkpoint: Path | None) -> str:
    if checkpoint is None:
        return ""
    if method.sanity:
        raise UsageError(f"{method.name} has no networks, so --checkpoint has nothing to load", "leave it out")
    if not Path(checkpoint).is_file():
        raise MissingInputError(f"the checkpoint {checkpoint} does not exist", "give the path of a checkpoint file")
    return sha256_file(checkpoint)


def suits(method: MethodSpec, mode: str, target: str | None) -> bool:
    """Whether a mode's output may be compared with a protocol's target.

    Poses must agree (``abs/...`` or ``rel/...``); a clip's own frames and data without truth suit every mode, and the
    sanity rows stand on every board.
    """
    if target is None or target == "self" or method.sanity:
        return True
    return method.modes[mode].split("/")[0] == target.split("/")[0]


def can_show(method: MethodSpec, target: str | None) -> bool:
    """Whether a protocol has what a row is made of: a row made from the truth cannot stand where there is none."""
    return target is not None or method.oracle in ("", "background")


def _resolve_protocols(
    method: MethodSpec, mode: str, dataset: Dataset, asked: Sequence[str]
) -> tuple[dict[str, PairList], dict[str, str]]:
    """Protocols to run, and those left out with the reason; asking by name for an unsuitable one is an error."""
    known = dataset.spec.protocols
    default = [name for name in known if name not in dataset.spec.optional]
    names = dict.fromkeys([full_protocol_name(name, dataset) for name in asked] if asked else default)
    chosen: dict[str, PairList] = {}
    left_out: dict[str, str] = {}
    for name in names:
        pairs = dataset.pairs(name)
        if not can_show(method, pairs.target):
            left_out[name] = f"these data have no truth, which {method.name} is made of"
        elif suits(method, mode, pairs.target):
            chosen[name] = pairs
        else:
            left_out[name] = f"its target is {pairs.target}, {method.name}[{mode}] aims at {method.modes[mode]}"
    if asked and left_out:
        name, reason = next(iter(left_out.items()))
        target = dataset.pairs(name).target
        others = [m for m in method.modes if suits(method, m, target) and can_show(method, target)]
        raise UsageError(f"{name} does not suit {method.name}: {reason}", f"try --mode {others[0]}" if others else "")
    return chosen, left_out


def full_protocol_name(name: str, dataset: Dataset) -> str:
    """``cross-animation`` -> ``cross-animation@1`` where that is unambiguous.

    Raises:
        UsageError: the data set has no such protocol (with the nearest), or several versions of it.
    """
    known = dataset.spec.protocols
    if name in known:
        return name
    versions = [k for k in known if k.partition("@")[0] == name]
    if len(versions) == 1:
        return versions[0]
    hint = f"choose {' or '.join(versions)}" if versions else _nearest(name, known)
    raise UsageError(f"the data set {dataset.spec.name} has no protocol {name!r}", hint)


# -- from the record -------------------------------------------------------------------------------------------------
def spec_from_json(record: Mapping[str, Any], runs: Path = Path("runs")) -> RunSpec:
    """The spec that made a ``run.json`` (to compare what it depended on with today's code and data)."""
    asked = record.get("spec", {})
    checkpoint = asked.get("checkpoint")
    return RunSpec(
        method=record["method"],
        dataset=record["dataset"],
        preset=record["preset"],
        variant=record.get("variant", ""),
        mode=record.get("mode", ""),
        overrides=record.get("overrides", {}),
        seed=record["seed"],
        protocols=tuple(record.get("protocols", {})),
        checkpoint=Path(checkpoint) if checkpoint else None,
        precision=asked.get("precision", "fp32"),
        runs=runs,
        annotation_class=record.get("annotation_class", "exact"),
    )
