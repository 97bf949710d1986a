"""From a checkpoint file to a method that can animate: this suite's files carry their config, official ones do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.checkpoints import SCHEMA, check_origin, config_of, load_checkpoint, models_of, save_checkpoint, set_models
from bench.config import build_config
from bench.spec import resolve_device
from datasets.errors import UsageError
from datasets.files import digest, sha256_file

if TYPE_CHECKING:
    from methods.base import Method, MethodSpec

#: Side in pixels of the frames that the official networks were trained on.
OFFICIAL_SIZE = 256


def open_method(name: str, checkpoint: Path | None = None, device: str = "auto") -> tuple[Method, int]:
    """A method with the networks of a checkpoint, in eval mode on a device.

    An official checkpoint takes the ``paper`` preset's config, since it does not say its own.

    Returns:
        The method, and the side in pixels of the frames it was trained on (0 where the file does not say).

    Raises:
        UsageError: unknown method, a checkpoint of another one, or a key that is missing or misshapen (named).
        MissingInputError: no such file, or the method needs one.
    """
    spec: MethodSpec = registry.get("methods", name)
    if checkpoint is None:
        if not spec.sanity:
            raise UsageError(f"{name} needs --checkpoint", f"train one: bench run --method {name} --dataset synthetic")
        method, size = _build(spec, build_config(spec, "paper")), 0
    else:
        method, size = _from_state(spec, load_checkpoint(checkpoint), str(checkpoint))
    method.nets.eval().requires_grad_(False).to(resolve_device(device))
    return method, size


def _from_state(spec: MethodSpec, state: dict[str, Any], where: str) -> tuple[Method, int]:
    if "models" not in state:
        if not spec.official_checkpoints:
            raise UsageError(f"{where} is no checkpoint of this suite", f"{spec.name} reads no official ones")
        method = _build(spec, build_config(spec, "paper"))
        method.load_official(state)
        return method, OFFICIAL_SIZE
    if state.get("method", spec.name) != spec.name:
        raise UsageError(f"{where} is a checkpoint of {state['method']!r}, not of {spec.name!r}")
    method = _build(spec, _config_in(spec, state, where))
    check_origin(state, method, where)
    if "official_sha256" in state:  # imported; an official file may lack optional networks
        method.load_official(state["models"])
    else:
        set_models(method, state["models"], where)
    return method, int(state.get("size", 0))


def _config_in(spec: MethodSpec, state: dict[str, Any], where: str) -> Any:
    from pydantic import ValidationError

    if "config" not in state:
        return build_config(spec, "quick")
    try:
        return registry.load_object(spec.config).model_validate(state["config"])
    except ValidationError as error:
        detail = error.errors()[0]
        key, message = ".".join(str(part) for part in detail["loc"]), detail["msg"]
        raise UsageError(
            f"{where} holds a config that {spec.name} does not know today: {key or 'config'}: {message.lower()}",
            "use the version of the suite that made it, or train again",
        ) from error


def _build(spec: MethodSpec, config: Any) -> Method:
    method: Method = registry.load_object(spec.implementation)(config)
    return method


def import_official(name: str, file: Path, out: Path) -> str:
    """Write an official checkpoint as one of this suite, with its checksum beside; returns the SHA-256.

    Raises:
        UsageError: the method has no official checkpoints, or a key is missing or misshapen (named).
    """
    spec: MethodSpec = registry.get("methods", name)
    if not spec.official_checkpoints:
        raise UsageError(f"{name} has no official checkpoints", "bench list methods")
    state = load_checkpoint(file)
    if "models" in state:
        raise UsageError(f"{file} is already a checkpoint of this suite", "give it to --checkpoint as it is")
    method, size = _from_state(spec, state, str(file))
    config = config_of(method)
    about = {"schema": SCHEMA, "method": name, "config": config, "config_digest": digest(config), "size": size}
    networks = {net: values for net, values in models_of(method).items() if net in state}
    save_checkpoint(out, about | {"models": networks, "official_sha256": sha256_file(file)})
    return sha256_file(out)
