"""Which executor, and what one run occupies on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.executors.base import Executor
from bench.executors.local import LocalExecutor, cores, gpu_ids
from bench.spec import check_choice
from datasets.errors import UsageError

EXECUTORS = ("local", "ray")
#: Threads of a run on a machine without GPUs, unless asked otherwise: more make a small network hardly faster.
THREADS = 4


@dataclass(frozen=True)
class Room:
    """What was asked for.

    Attributes:
        executor: ``local`` or ``ray``. address: of a Ray cluster (``auto``: the one on this machine).
        workers: runs at once on ``local``; 0 = as many as fit. cpus, gpus: of each run; None = what suits.
    """

    executor: str = "local"
    workers: int = 0
    cpus: int | None = None
    gpus: int | None = None
    address: str = "auto"


@dataclass(frozen=True)
class Share:
    """What one run gets: cores, GPUs; and how many run at once."""

    cpus: int
    gpus: int
    at_once: int


def open_executor(room: Room, device: str, store: Path) -> tuple[Executor, Share]:
    """The executor and the share of each run.

    Args:
        device: what runs compute on: with ``cpu`` they get no GPU.
        store: a folder that every machine must see.

    Raises:
        UsageError: an unknown executor, or nothing to run on. MissingInputError: Ray is not installed, or a machine of
            the cluster does not see the store or has other code.
    """
    check_choice("--executor", room.executor, EXECUTORS)
    if room.executor == "ray":
        from bench.executors.cluster import RayExecutor

        cluster = RayExecutor(room.address, store)
        gpus = (1 if device != "cpu" and cluster.gpus else 0) if room.gpus is None else room.gpus
        cpus = room.cpus or 1
        at_once = min(cluster.cpus // cpus, cluster.gpus // gpus if gpus else cluster.cpus)
        return cluster, Share(cpus, gpus, max(1, at_once))
    return _local(room, device)


def _local(room: Room, device: str) -> tuple[Executor, Share]:
    ids = () if device == "cpu" else gpu_ids()
    gpus = min(1, len(ids)) if room.gpus is None else room.gpus
    if gpus > len(ids):
        raise UsageError(f"each run asks for {gpus} GPUs, this machine has {len(ids)}", "give --gpus less")
    fit = len(ids) // gpus if gpus else max(1, cores() // (room.cpus or THREADS))
    workers = room.workers or fit
    cpus = room.cpus or max(1, cores() // workers)
    # with more workers than cores they share them: that was asked for
    return LocalExecutor(max(cores(), cpus * workers) if room.workers else cores(), ids), Share(cpus, gpus, workers)
