"""How a shipped checkpoint may begin: with another method's networks, or with its points (see pretrain_twins.py)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F

from bench.checkpoints import load_checkpoint, load_networks
from bench.config import build_config
from bench.registry import get, load_object
from datasets.base import Array
from methods.base import Method

SHIPPED = Path(__file__).parents[1] / "methods" / "tps" / "checkpoints" / "quick.safetensors"


def quick_method(name: str, overrides: Mapping[str, object]) -> Method:
    """A method of preset ``quick`` with new networks."""
    spec = get("methods", name)
    method: Method = load_object(spec.implementation)(build_config(spec, "quick", overrides=overrides))
    return method


def start_like(method: Method, other: Path, renames: list[str]) -> None:
    """Fill the networks with tensors of another method's file that fit in name (after ``renames``) and shape."""
    pairs = [rename.partition("=")[::2] for rename in renames]
    theirs: dict[str, torch.Tensor] = {}
    for net, state in load_checkpoint(other)["models"].items():
        for key, value in state.items():
            name = f"{net}.{key}"
            for old, new in pairs:
                name = new + name.removeprefix(old) if name.startswith(old) else name
            theirs[name] = value
    ours = method.nets.state_dict()
    fitting = {name: value for name, value in theirs.items() if name in ours and ours[name].shape == value.shape}
    method.nets.load_state_dict(fitting, strict=False)
    print(f"{len(fitting)} of {len(ours)} tensors from {other.name}", flush=True)


def spread_points(points: torch.Tensor, count: int) -> list[int]:
    """Which ``count`` of the points (F, P, 2) over frames are farthest apart in their paths, one after another."""
    paths = points.movedim(1, 0).flatten(1)
    chosen = [int((paths - paths.mean(0)).norm(dim=1).argmin())]
    while len(chosen) < count:
        chosen.append(int(torch.cdist(paths, paths[chosen]).amin(1).argmax()))
    return chosen


def teach_points(method: Method, frames: Array, steps: int, batch: int = 16, lr: float = 2e-3) -> None:
    """Train the detector alone to place its points as the shipped TPS places a spread subset of its own.

    Args:
        frames: (N, H, W, 3) uint8.
    """
    teacher = quick_method("tps", {})
    load_networks(teacher, SHIPPED)
    teacher.nets.eval()
    detector = method.nets[method.detector_name]  # type: ignore[attr-defined]
    images = torch.from_numpy(frames).movedim(-1, 1)

    def taught(index: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return teacher.nets["kp_detector"](images[index].float() / 255)

    torch.manual_seed(0)
    count = detector(images[:2].float() / 255).value.shape[1]
    chosen = spread_points(taught(torch.randperm(len(images))[:256]), count)
    optimiser = torch.optim.Adam(detector.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    began, total = time.monotonic(), 0.0
    for step in range(steps):
        index = torch.randint(len(images), (batch,))
        loss = F.l1_loss(detector(images[index].float() / 255).value, taught(index)[:, chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if (step + 1) % 100 == 0:
            print(f"lesson {step + 1}/{steps} {time.monotonic() - began:.0f} s: {total / 100:.4f}", flush=True)
            total = 0.0
