"""Processes of one training: one, or as many ranks as ``torchrun`` starts. Collectives are no-ops on a single one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def rank() -> int:
    """This process' number among all (0 without torchrun). Rank 0 writes; the others only compute."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """Number of processes (1 without torchrun)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this process writes files and prints."""
    return rank() == 0


def local_device(device: torch.device) -> torch.device:
    """The device of this rank: ``cuda`` becomes ``cuda:<local rank>`` under torchrun."""
    import torch

    if device.type == "cuda" and world() > 1:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the other ranks for the length of the block (gloo on CPU, NCCL on CUDA); nothing on a single process."""
    import torch.distributed as dist

    if world() == 1 or dist.is_initialized():
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def barrier() -> None:
    """Wait for all ranks."""
    if world() > 1:
        import torch.distributed as dist

        dist.barrier()


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether ``flag`` holds on any rank; every rank gets the same answer."""
    if world() == 1:
        return flag
    import torch
    import torch.distributed as dist

    value = torch.tensor([int(flag)], device=device)
    dist.all_reduce(value, dist.ReduceOp.MAX)
    return bool(value.item())


def average(tensors: Sequence[Tensor]) -> None:
    """Replace every tensor by its mean over the ranks, in place, with one message per dtype."""
    if world() == 1 or not tensors:
        return
    import torch
    import torch.distributed as dist

    for dtype in dict.fromkeys(t.dtype for t in tensors):
        group = [t for t in tensors if t.dtype == dtype]
        flat = torch.cat([t.reshape(-1) for t in group])
        dist.all_reduce(flat)
        flat /= world()
        for tensor, part in zip(group, flat.split([t.numel() for t in group]), strict=True):
            tensor.copy_(part.view_as(tensor))


def from_main(value: Any) -> Any:
    """Rank 0's ``value`` on every rank (a plain object)."""
    if world() == 1:
        return value
    import torch.distributed as dist

    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]
