"""``python -m bench.export_weights CHECKPOINT OUT.safetensors``: a checkpoint's networks alone, in half precision.

For checkpoints that a method ships: small, without code, read by everyone. Keys are ``<network>.<state-dict key>``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from bench.checkpoints import load_checkpoint
from datasets.files import atomic_path


def write_weights(nets: Mapping[str, Mapping[str, Tensor]] | nn.ModuleDict, out: Path) -> int:
    """Write networks (by name: modules, or their state dicts) to ``out``; floating point tensors as float16.

    Returns:
        Bytes of the file.
    """
    from safetensors.torch import save_file

    states = {name: n.state_dict() if isinstance(n, nn.Module) else n for name, n in nets.items()}
    tensors = {
        f"{net}.{key}": (value.half() if value.is_floating_point() else value).contiguous()
        for net, state in states.items()
        for key, value in state.items()
    }
    with atomic_path(out) as temporary:
        save_file(tensors, temporary)
    return out.stat().st_size


def export_weights(checkpoint: Path, out: Path) -> int:
    """Write the networks of ``checkpoint`` to ``out``. Returns the file's bytes."""
    return write_weights(load_checkpoint(checkpoint)["models"], out)


if __name__ == "__main__":
    print(f"{export_weights(Path(sys.argv[1]), Path(sys.argv[2]))} bytes")
