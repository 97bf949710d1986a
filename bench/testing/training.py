"""Train the toy method on the toy world: ``python -m bench.testing.training FOLDER [seed]``, under torchrun too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from bench import launch
from bench.checkpoints import save_checkpoint
from bench.testing.toy import ToyConfig
from bench.testing.toy_method import Toy
from bench.testing.world import ToyWorld
from bench.tracking import open_tracker
from bench.train import TrainResult, TrainSettings, train

#: seconds, not minutes: a short schedule with a checkpoint every third step and a look at ``val`` every fourth
TINY = ToyConfig(batch=2, appearance_steps=4, video_steps=8, width=4, frames=2)
OFTEN = TrainSettings(checkpoint_steps=3, log_steps=1, validations=2, validation_gap=1, val_clips=1, val_frames=3)


def tiny_world() -> ToyWorld:
    """A few clips of 32 pixels and 8 frames."""
    return ToyWorld(size=32, frames=8, train=3, val=1, test=2, judge=1)


def train_toy(
    folder: Path,
    seed: int = 0,
    config: ToyConfig = TINY,
    settings: TrainSettings = OFTEN,
    make: Callable[[ToyConfig], Toy] = Toy,
    progress: Callable[[int, int, str], None] | None = None,
    world: ToyWorld | None = None,
    resume: bool = True,
) -> TrainResult:
    """Build the method from the seed and train it in ``folder``, as ``bench run`` would."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        method = make(config)
    tracker = open_tracker("none", folder) if launch.is_main() else None
    if tracker is not None:
        tracker.start({})
    try:
        return train(
            method,
            world or tiny_world(),
            folder,
            seed,
            tracker=tracker,
            progress=progress,
            resume=resume,
            settings=settings,
        )
    finally:
        models = {name: net.state_dict() for name, net in method.nets.items()}
        if launch.world() > 1:  # so that a test can compare what the ranks hold
            save_checkpoint(folder / f"rank-{launch.rank()}.pt", {"models": models})
        if tracker is not None:
            tracker.finish("complete")


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(train_toy(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
