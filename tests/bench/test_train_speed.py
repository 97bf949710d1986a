"""What the engine adds to a training step (run alone: ``pytest -m speed``)."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.testing.toy import ToyConfig
from bench.testing.toy_method import Toy
from bench.testing.world import ToyWorld
from bench.train import TrainSettings, train
from methods.base import StepInfo

STEPS = 60
CONFIG = ToyConfig(appearance_steps=0, video_steps=STEPS, batch=8, width=16)


def median_step(ticks: list[float]) -> float:
    """Median CPU seconds between two steps, first and last ones left out."""
    return statistics.median(b - a for a, b in pairwise(ticks[5:-2]))


def engine(world: ToyWorld, folder: Path) -> float:
    ticks: list[float] = []
    settings = TrainSettings(validations=1, val_clips=1, val_frames=1)
    train(Toy(CONFIG), world, folder, 0, progress=lambda *_: ticks.append(time.thread_time()), settings=settings)
    return median_step(ticks)


def plain(world: ToyWorld) -> float:
    """The loop one would write by hand, with all frames as tensors in memory."""
    method, clips = Toy(CONFIG), world.clips("train")
    stacks = [clip.read(range(len(clip)), frozenset({"keypoints"})) for clip in clips]
    frames = [torch.from_numpy(s.rgb).movedim(-1, 1).float().div(255) for s in stacks]
    points = [torch.from_numpy(s.annotations["keypoints"]) for s in stacks]
    nets = {"generator": method.nets["generator"], "discriminator": method.nets["discriminator"]}
    method.nets["encoder"].requires_grad_(False)
    optimizers = {
        "generator": torch.optim.Adam(nets["generator"].parameters(), 2e-3, (0.5, 0.999), fused=True),
        "discriminator": torch.optim.AdamW(nets["discriminator"].parameters(), 2e-3, fused=True),
    }

    def update(player: str, loss: Tensor) -> None:
        optimizers[player].zero_grad()
        loss.backward()
        if player == "generator":
            torch.nn.utils.clip_grad_norm_(nets[player].parameters(), 1.0, float("inf"))
        optimizers[player].step()

    stage: Any = method.stages()[1]
    ticks = []
    for step in range(STEPS):
        at = torch.stack([torch.randint(len(clips), (8,)), torch.randint(len(frames[0]) - 4, (8,))], 1).tolist()
        batch = {
            "source": torch.stack([frames[c][t] for c, t in at]),
            "frames": torch.stack([frames[c][t + 1 : t + 4] for c, t in at]),
            "frames/keypoints": torch.stack([points[c][t + 1 : t + 4] for c, t in at]),
        }
        method.step(stage, batch, update, StepInfo(step, STEPS))
        ticks.append(time.thread_time())
    return median_step(ticks)


@pytest.mark.speed
def test_a_step_through_the_engine_costs_at_most_five_percent_more(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    world = ToyWorld()
    rounds = [(engine(world, tmp_path / str(i)), plain(world)) for i in range(3)]
    torch.set_num_threads(threads)
    ratio = statistics.median(a / b for a, b in rounds)
    assert ratio < 1.05, rounds
