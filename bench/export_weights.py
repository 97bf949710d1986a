"""``python -m bench.export_weights CHECKPOINT OUT.safetensors``: a checkpoint's networks alone, in half precision.

For checkpoints that a method ships: small, without code, read by everyone. Keys are ``<network>.<state-dict key>``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.checkpoints import load_checkpoint
from datasets.files import atomic_path


def export_weights(checkpoint: Path, out: Path) -> int:
    """Write the networks of ``checkpoint`` to ``out``; floating point tensors as float16. Returns the file's bytes."""
    from safetensors.torch import save_file

    tensors = {
        f"{net}.{key}": (value.half() if value.is_floating_point() else value).contiguous()
        for net, state in load_checkpoint(checkpoint)["models"].items()
        for key, value in state.items()
    }
    with atomic_path(out) as temporary:
        save_file(tensors, temporary)
    return out.stat().st_size


if __name__ == "__main__":
    print(f"{export_weights(Path(sys.argv[1]), Path(sys.argv[2]))} bytes")
