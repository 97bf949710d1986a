"""Strict loading of official checkpoints: a missing or misshapen key is an error that names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from datasets.errors import UsageError

HINT = "give a checkpoint of the official code (a dict of state dicts), made with the same configuration"


def load_network(net: nn.Module, checkpoint: Mapping[str, Any], name: str) -> None:
    """Load ``checkpoint[name]`` into ``net``; keys must be exactly the network's.

    Args:
        net: the network to fill.
        checkpoint: top-level dict of state dicts.
        name: its key, also used in messages.

    Raises:
        UsageError: the network or one of its keys is missing, has another shape, or is unknown; the message names it.
    """
    state = checkpoint.get(name)
    if not isinstance(state, Mapping):
        raise UsageError(
            f"The checkpoint has no '{name}'; it has {', '.join(map(str, checkpoint)) or 'nothing'}.", HINT
        )
    own = net.state_dict()
    for key, tensor in own.items():
        value = state.get(key)
        if not isinstance(value, Tensor):
            raise UsageError(f"The checkpoint's '{name}' has no key '{key}'.", HINT)
        if value.shape != tensor.shape:
            found, expected = tuple(value.shape), tuple(tensor.shape)
            raise UsageError(f"The checkpoint's '{name}.{key}' has shape {found}, expected {expected}.", HINT)
    unknown = next((key for key in state if key not in own), None)
    if unknown is not None:
        raise UsageError(f"The checkpoint's '{name}' has a key '{unknown}' that the network has not.", HINT)
    net.load_state_dict(dict(state))
