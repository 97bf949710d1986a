"""Train a network of the world: ``python -m datasets.annotators.world.train judge-a``.

The same name and number of steps give the same weights (on one machine, with one thread). A checkpoint every minute
lets a killed run go on where it was; finished weights go to ``weights/`` and ``measure.py`` writes the card.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datasets.files import atomic_path, cache_root

from .cards import CARDS, WorldCard
from .damage import Example, example
from .data import FrameSet, load, prepare, training_shards
from .losses import Batch, losses
from .network import WorldNetwork

BATCH = 32
_RATE, _WARMUP, _DECAY = 3e-3, 100, 0.02
_AVERAGE = 0.995  # of the weights that are shipped, over steps
_CALIBRATION, _CALIBRATION_RATE = 300, 2e-3
_SAVE_EVERY_S = 60.0


def batch_of(frames: FrameSet, seed: int, step: int) -> Batch:
    """Batch number ``step`` of a run."""
    return collate([example(frames, seed, step, i) for i in range(BATCH)])


def collate(examples: list[Example]) -> Batch:
    """Examples as one batch of tensors."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(e, name) for e in examples]))

    rgb = stack("rgb").permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
    return Batch(rgb, stack("iuv"), stack("parsing20").long(), stack("keypoints"), stack("damage"))


def rate(step: int, steps: int) -> float:
    """Learning rate: linear warm-up, then half a cosine down to zero."""
    return _RATE * min((step + 1) / _WARMUP, 0.5 + 0.5 * math.cos(math.pi * step / steps))


class Run:
    """The state of one training: weights, their running average, the optimiser and the step."""

    def __init__(self, card: WorldCard) -> None:
        torch.manual_seed(card.seed)
        self.card, self.step = card, 0
        self.network = WorldNetwork().to(memory_format=torch.channels_last).train()
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": _DECAY}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=_RATE, betas=(0.9, 0.99))

    @property
    def path(self) -> Path:
        """The checkpoint."""
        card = self.card
        return cache_root() / "world-networks" / "runs" / f"{card.name}-{card.seed}-{card.clips}-{card.steps}.pt"

    def resume(self) -> None:
        """Continue from the checkpoint, if there is one."""
        if self.path.is_file():
            state: dict[str, Any] = torch.load(self.path, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.average, self.step = state["average"], state["step"]

    def save(self) -> None:
        """Write the checkpoint. Raises StorageError."""
        state = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": self.step,
        }
        with atomic_path(self.path) as temporary:
            torch.save(state, temporary)

    def advance(self, frames: FrameSet) -> dict[str, float]:
        """One step; returns the losses."""
        batch = batch_of(frames, self.card.seed, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, self.card.steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = self.network(batch.rgb)
        values = losses(out, batch)
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(values.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return {name: float(value.detach()) for name, value in values.items()}

    def _update_average(self) -> None:
        keep = min(_AVERAGE, self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value.detach(), 1 - keep)


def train(card: WorldCard) -> tuple[Run, FrameSet]:
    """Render what is missing, then train to the last step. Prints one line of progress every few seconds."""
    torch.set_num_threads(1)
    shards = training_shards(card.split, card.clips)
    prepare(shards, progress=lambda done, total: print(f"rendered {done}/{total}", flush=True))
    frames, run = load(shards), Run(card)
    run.resume()
    begun, first, saved, shown = time.monotonic(), run.step, time.monotonic(), 0.0
    means: dict[str, float] = {}
    while run.step < card.steps:
        for name, value in run.advance(frames).items():
            means[name] = value if name not in means else 0.97 * means[name] + 0.03 * value
        now = time.monotonic()
        if now - shown > 10 or run.step == card.steps:
            left = (now - begun) / (run.step - first) * (card.steps - run.step)
            text = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            print(f"{card.name} {run.step}/{card.steps} {text}  {left:.0f} s left", flush=True)
            shown = now
        if now - saved > _SAVE_EVERY_S or run.step == card.steps:
            run.save()
            saved = now
    return run, frames


def calibrate(run: Run, frames: FrameSet) -> dict[str, Tensor]:
    """Fit the heads that tell absent, occluded and visible points to the averaged weights, which are shipped.

    The averaged network is sharper than any that these heads saw while it was trained.

    Returns:
        The weights to ship.
    """
    network = WorldNetwork().to(memory_format=torch.channels_last)
    network.load_state_dict(run.average)
    network.eval().requires_grad_(False)
    heads = [network.state_weight, *network.state_context.parameters()]
    for head in heads:
        head.requires_grad_(True)
    optimiser = torch.optim.Adam(heads, lr=_CALIBRATION_RATE)
    for step in range(_CALIBRATION):
        batch = batch_of(frames, run.card.seed, run.card.steps + step)
        optimiser.param_groups[0]["lr"] = _CALIBRATION_RATE * (1 - step / _CALIBRATION)
        optimiser.zero_grad(set_to_none=True)
        losses(network(batch.rgb), batch)["states"].backward()
        optimiser.step()
        if step % 50 == 49:
            print(f"{run.card.name} calibration {step + 1}/{_CALIBRATION}", flush=True)
    return {name: value.detach() for name, value in network.state_dict().items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(CARDS))
    parser.add_argument("--steps", type=int, help="other than the card's (the result is not the shipped one)")
    arguments = parser.parse_args()
    card = CARDS[arguments.name]
    run, frames = train(replace(card, steps=arguments.steps or card.steps))
    weights = calibrate(run, frames)
    from .measure import publish  # it reads networks with the code that users run

    publish(run.card, weights)


if __name__ == "__main__":
    main()
