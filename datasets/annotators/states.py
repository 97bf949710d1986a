"""Weights of torch networks: read without executing anything, hashed, put into a network without initialising it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from datasets.errors import MissingInputError
from datasets.files import sha256_of
from datasets.weights import checked, weight

State = Mapping[str, Tensor]


def known_state(name: str) -> dict[str, Tensor]:
    """The state dict of a file of ``bench weights``, after checking its hash.

    Raises:
        MissingInputError: it is absent or another file, with the command that gets it.
    """
    return read_state(checked(weight(name)))


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict from a file: safetensors, or loaded with ``weights_only=True``.

    Where it lies under ``state_dict`` in a checkpoint it is taken from there; the prefix ``module.`` of
    DataParallel goes off.

    Raises:
        MissingInputError: it is no such file, or would run code when it is opened.
    """
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise MissingInputError(f"{path} is no safetensors file: {error}", "get the official file") from None
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        what = str(error).strip().splitlines()[0]
        raise MissingInputError(
            f"{path} holds no weights that can be read safely: {what}", "get the official file"
        ) from None
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    return {name.removeprefix("module."): tensor for name, tensor in found.items()}


def state_digest(state: State) -> str:
    """SHA-256 over names, types, shapes and values of a state dict."""
    parts: list[bytes | str] = []
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        parts += [name, f"{tensor.dtype} {tuple(tensor.shape)}", tensor.numpy().tobytes()]
    return sha256_of(*parts)


def build(make: Callable[[], nn.Module], state: State) -> nn.Module:
    """A network in eval mode, without gradients, that holds exactly these weights.

    It is made without storage, so that no time goes into random values that are thrown away.

    Raises:
        MissingInputError: the weights are not those of this network.
    """
    with torch.device("meta"):
        network = make()
    return filled(network, state)


def filled(network: nn.Module, state: State) -> nn.Module:
    """The network in eval mode, without gradients, holding exactly these weights. Raises MissingInputError."""
    try:
        network.load_state_dict({name: tensor.detach().clone() for name, tensor in state.items()}, assign=True)
    except RuntimeError as error:
        what = str(error).strip().splitlines()[-1].strip()
        raise MissingInputError(f"these are not the weights of {type(network).__name__}: {what}") from None
    return network.eval().requires_grad_(False)


def image(frame: Any) -> Tensor:
    """(1, 3, H, W) float32 in 0..255 of an (H, W, 3) uint8 frame."""
    return torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float()


def load_script(path: Path, device: str = "cpu") -> tuple[torch.jit.ScriptModule, str]:
    """A TorchScript file in eval mode, and its SHA-256. The code inside it runs when it is called.

    Raises:
        MissingInputError: it cannot be opened as TorchScript.
    """
    from datasets.files import sha256_file

    try:
        network = torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        what = str(error).strip().splitlines()[0]
        raise MissingInputError(f"{path} is no TorchScript file: {what}", "get the official export of it") from None
    return network, sha256_file(path)
