"""Checkpoints: dicts of plain types, written atomically with a SHA-256 beside, read with ``weights_only=True``.

A state holds ``schema``, ``method``, ``config`` (the resolved config, so that a file alone rebuilds its method),
``config_digest``, ``stage`` (index), ``stage_name``, ``step`` (steps done in that stage), ``models``, ``optimizers``,
``best`` and counters. It holds no state of a data loader or of a random generator: both are functions of the seed and
the step. ``best.pt`` and ``final.pt`` carry no optimisers.
"""

from __future__ import annotations

import itertools
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from datasets.errors import MissingInputError, SuiteError, TrainingError, UsageError
from datasets.files import (
    checked_path,
    checksum_path,
    digest,
    sha256_file,
    stated_checksums,
    storage_errors,
    sweep_temporaries,
    verify_checksum,
)

if TYPE_CHECKING:
    from methods.base import Method

SCHEMA = 1
KEEP = 2
_STEP_NAME = re.compile(r"step-(\d+)-(\d+)\.pt")


class DamagedCheckpoint(SuiteError):
    """A checkpoint that cannot be read, or whose bytes are not those that were written (exit status 2)."""

    status = 2


# -- one file ----------------------------------------------------------------------------------------------------
def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state atomically, with its SHA-256 in ``<name>.sha256``.

    Raises:
        StorageError: full disk or a folder that cannot be written; the old file is as it was.
    """
    with checked_path(path) as temporary:
        torch.save(dict(state), temporary)


def load_checkpoint(path: str | Path, needs_checksum: bool = False) -> dict[str, Any]:
    """Read a checkpoint without executing anything that is in it; ``.safetensors`` files too.

    Args:
        needs_checksum: refuse a file without its side file. A side file that is there must agree in any case.

    Raises:
        MissingInputError: there is no such file.
        DamagedCheckpoint: truncated, empty or changed bytes.
        UsageError: a pickle that would run code, or no dict.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingInputError(f"the checkpoint {path} does not exist", "give the path of a checkpoint file")
    stated = stated_checksums(path)
    if (stated or needs_checksum) and sha256_file(path) not in stated:
        raise DamagedCheckpoint(f"{path} is damaged: its bytes are not those that {checksum_path(path).name} states")
    if path.suffix == ".safetensors":
        return {"models": _nested(read_safetensors(path))}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols; what cannot be read is refused below
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise UsageError(
            f"{path} is refused: it holds more than plain tensors and could run code"
            + (f" (it asks for {wanted[1]})" if wanted else ""),
            "export its state dicts with torch.save({name: net.state_dict()})",
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DamagedCheckpoint(
            f"{path} is damaged, or no checkpoint ({path.stat().st_size:,} bytes)", "copy or fetch it again"
        ) from error
    if not isinstance(state, dict):
        raise UsageError(f"{path} holds a {type(state).__name__}, not a dict of networks")
    return state


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a ``.safetensors`` file.

    Raises:
        DamagedCheckpoint: it does not follow that format.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise DamagedCheckpoint(f"{path} is no safetensors file: {error}") from error


def _nested(flat: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """``{"net.layer.weight": t}`` -> ``{"net": {"layer.weight": t}}``."""
    nested: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in flat.items():
        net, _, key = name.partition(".")
        nested.setdefault(net, {})[key] = tensor
    return nested


# -- networks ----------------------------------------------------------------------------------------------------
def config_of(method: Method) -> dict[str, Any]:
    """The resolved config as plain types."""
    config: dict[str, Any] = method.config.model_dump(mode="json")
    return config


def models_of(method: Method) -> dict[str, dict[str, torch.Tensor]]:
    """State dicts of all networks by name."""
    return {name: net.state_dict() for name, net in method.nets.items()}


def set_models(method: Method, models: Mapping[str, Any], where: str = "the checkpoint") -> None:
    """Fill all networks; float16 values are cast to the networks' own type.

    Raises:
        UsageError: a network or a key is missing, unknown or misshapen; the message names the first.
    """
    for name, net in method.nets.items():
        state = models.get(name)
        if not isinstance(state, Mapping):
            raise UsageError(f"{where} has no network {name!r}; it has {', '.join(map(str, models)) or 'none'}")
        own = net.state_dict()
        for key in [*own, *state]:
            if key not in state or key not in own:
                fault = "lacks" if key not in state else "has the unknown"
                raise UsageError(f"{where} {fault} key {name}.{key}", "use the method's config it was trained with")
            got, want = tuple(state[key].shape), tuple(own[key].shape)
            if got != want:
                raise UsageError(
                    f"{where}: {name}.{key} has shape {got}, the network's is {want}",
                    "use the method's config it was trained with",
                )
        net.load_state_dict(dict(state))


def load_networks(method: Method, path: str | Path) -> dict[str, Any]:
    """Fill a method's networks from a file of this suite, or from an official one where the method reads them.

    Returns:
        The state without ``models`` (empty for an official file).

    Raises:
        UsageError: another method's file, a newer schema, or networks that do not fit.
        DamagedCheckpoint, MissingInputError: see :func:`load_checkpoint`.
    """
    state = load_checkpoint(path)
    if "models" in state:
        check_origin(state, method, str(path))
        set_models(method, state.pop("models"), str(path))
        return state
    if not method.spec.official_checkpoints:
        raise UsageError(f"{path} is no checkpoint of this suite", f"{method.spec.name} reads no official ones")
    method.load_official(state)
    return {}


def check_origin(state: Mapping[str, Any], method: Method, where: str, same_config: bool = False) -> None:
    """Whether a state belongs to this method (and with ``same_config`` to this config).

    Raises:
        UsageError: it does not; the message names both sides.
    """
    if state.get("schema", SCHEMA) != SCHEMA:
        raise UsageError(
            f"{where} has checkpoint schema {state['schema']}, this version reads {SCHEMA}", "update the suite"
        )
    theirs = state.get("method", method.spec.name)
    if theirs != method.spec.name:
        raise UsageError(f"{where} is a checkpoint of {theirs!r}, not of {method.spec.name!r}")
    ours = config_of(method)
    if same_config and state.get("config_digest") != digest(ours):
        raise UsageError(
            f"{where} was trained with another config: {_first_difference(state.get('config', {}), ours)}",
            "use the same settings, or train in another folder",
        )


def _first_difference(theirs: Any, ours: Any, path: str = "") -> str:
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        for key in [*theirs, *ours]:
            a, b = theirs.get(key), ours.get(key)
            if a != b:
                return _first_difference(a, b, f"{path}.{key}" if path else str(key))
    return f"{path or 'config'} is {theirs!r} there and {ours!r} here"


# -- a run's folder ----------------------------------------------------------------------------------------------
class Checkpoints:
    """The ``checkpoints`` folder of a run: the last two steps, ``best.pt`` and ``final.pt``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best = folder / "best.pt"
        self.final = folder / "final.pt"

    def prepare(self, keep: bool = True) -> None:
        """Make the folder and remove what killed processes left. Only the holder of the run's lock may call this.

        Args:
            keep: False moves existing checkpoints aside (``checkpoints.old-<n>``).
        """
        with storage_errors(self.folder):
            if not keep and self.folder.exists():
                places = (self.folder.with_name(f"{self.folder.name}.old-{n}") for n in itertools.count(1))
                self.folder.rename(next(place for place in places if not place.exists()))
            self.folder.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(self.folder, older_than_s=0)

    def save(self, path: Path, state: Mapping[str, Any]) -> None:
        """Write ``best.pt`` or ``final.pt``. Raises StorageError."""
        save_checkpoint(path, state)

    def load(self, path: Path) -> dict[str, Any]:
        """Read ``best.pt`` or ``final.pt``; its checksum must be there. Raises DamagedCheckpoint."""
        return load_checkpoint(path, needs_checksum=True)

    def steps(self) -> list[Path]:
        """Step files, newest first (by stage and step, never by time)."""
        found = {p: m for p in self.folder.glob("step-*.pt") if (m := _STEP_NAME.fullmatch(p.name))}
        return sorted(found, key=lambda p: tuple(map(int, found[p].groups())), reverse=True)

    def save_step(self, state: Mapping[str, Any]) -> Path:
        """Write ``step-<stage>-<step>.pt`` and remove all but the last two."""
        path = self.folder / f"step-{state['stage']}-{state['step']:08d}.pt"
        save_checkpoint(path, state)
        for old in self.steps()[KEEP:]:
            old.unlink(missing_ok=True)
            checksum_path(old).unlink(missing_ok=True)
        return path

    def latest(self, warn: Any = lambda text: None) -> dict[str, Any] | None:
        """The newest step file that is whole; ``warn(text)`` hears of damaged ones. None where there never was one.

        Raises:
            TrainingError: there are step files and all are damaged.
        """
        paths = self.steps()
        for path in paths:
            try:
                return load_checkpoint(path, needs_checksum=True)
            except DamagedCheckpoint as error:
                warn(f"{error.message}; going on from the one before")
        if paths:
            raise TrainingError(
                f"every checkpoint in {self.folder} is damaged ({', '.join(p.name for p in paths)})",
                "restore one from a copy, or start again with --no-resume (the old folder is moved aside)",
            )
        return None

    def whole(self, path: Path) -> bool:
        """Whether ``best.pt`` or ``final.pt`` is there with the bytes that were written."""
        return verify_checksum(path)
