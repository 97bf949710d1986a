"""Make a shipped checkpoint: ``python scripts/pretrain_twins.py METHOD OUT.safetensors --set KEY=VALUE ...``.

Half of every batch is what training always sees (two frames of a clip of the ``train`` split); half are pairs across
people of that split (``datasets/synthetic/twins.py``): the photo of one, the truth, and another one's frame in the same
pose, ``twin``. For methods whose training step reads ``twin`` and takes the motion from it. The file is written again
every ``--every`` steps, so that a long training can be looked at and stopped.

``--lesson N`` begins with N steps of the key point detector alone, which learns to place its points where the shipped
TPS has some of its own: those mean the same on two people, after a training many times as long. ``--like FILE`` starts
from another method's networks: ``--rename OLD=NEW`` says which of its names are ours; what fits is taken.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from lessons import quick_method, start_like, teach_points

from bench.checkpoints import load_networks
from bench.config import parse_set
from bench.export_weights import write_weights
from bench.players import Players
from bench.sampling import Batches, FrameReader, Items, Pairs
from bench.spec import open_dataset
from datasets.base import Array
from datasets.synthetic.farm import render_all
from datasets.synthetic.store import CHUNK, Job, Store, default_root
from datasets.synthetic.twins import training_twin
from methods.base import CropItem, Method, PairItem, StepInfo

CHUNKS = 4  # of a motion of 64 frames; one of them is rendered for each pair


class TwinItems:
    """Items in turn from training clips (the twin of a frame is itself) and from pairs across people."""

    def __init__(self, plain: Items, photos: Array, drivers: Array, truths: Array, stored: bool = False) -> None:
        """``stored``: the step reads frames as they are stored, (B, H, W, 3) uint8 (stages of crops)."""
        self._plain, self._photos, self._drivers, self._truths = plain, photos, drivers, truths
        self.images = frozenset[str]() if stored else frozenset({"source", "driving", "twin"})

    def __len__(self) -> int:
        return 2 * len(self._photos)

    def draw(self, index: int, rng: np.random.Generator) -> dict[str, Array]:
        """``source``, ``driving``, ``twin``: (H, W, 3) uint8."""
        if index % 2:
            found = self._plain.draw(index // 2 % len(self._plain), rng)
            return found | {"twin": found["driving"]}
        n, k = index // 2, int(rng.integers(CHUNK))
        photo = self._photos[n] if rng.random() < 0.75 else self._truths[n, rng.integers(CHUNK)]
        return {"source": photo, "driving": self._truths[n, k], "twin": self._drivers[n, k]}


def twin_frames(count: int, size: int, people: int) -> tuple[Array, Array, Array]:
    """Photos (N, H, W, 3), drivers and truths (N, 16, H, W, 3) of ``count`` pairs, rendered where they are not yet."""
    store, chunk = Store(default_root()), [i % CHUNKS for i in range(count)]
    twins = [training_twin(i, size, people) for i in range(count)]
    jobs = [
        job
        for t, c in zip(twins, chunk, strict=True)
        for job in (Job(t.photo, 0, ("rgb",)), Job(t.driving, c, ("rgb",)), Job(t.target, c, ("rgb",)))
    ]
    jobs = [job for job in jobs if store.missing(job)]
    if jobs:
        began = time.monotonic()
        render_all(store, jobs, lambda n: None)
        print(f"{len(jobs)} parts rendered in {time.monotonic() - began:.0f} s", flush=True)

    def read(part: str) -> Iterator[Array]:
        for t, c in zip(twins, chunk, strict=True):
            yield store.read(getattr(t, part), "rgb", range(c * CHUNK, (c + 1) * CHUNK))

    photos = np.stack([store.read(t.photo, "rgb", [0])[0] for t in twins])
    return photos, np.stack(list(read("driving"))), np.stack(list(read("target")))


def train(method: Method, items: Items, out: Path, every: int, seed: int, precision: str) -> None:
    """All stages of ``method``; writes ``out`` every so many steps and at the end."""
    trainable = frozenset(name for name, p in method.nets.named_parameters() if p.requires_grad)
    for index, stage in enumerate(method.stages()):
        players, batches = Players(method.nets, stage, trainable, 10), Batches(items, stage, index, seed)
        began, sums = time.monotonic(), dict[str, float]()
        for step in range(stage.steps):
            torch.manual_seed(seed * 1_000_003 + step)
            players.begin(step)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                values = method.step(stage, batches[step], players, StepInfo(step, stage.steps))
            sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
            if (step + 1) % 100 == 0:
                means = " ".join(f"{name} {value / 100:.4f}" for name, value in sums.items())
                print(f"{stage.name} {step + 1}/{stage.steps} {time.monotonic() - began:.0f} s: {means}", flush=True)
                sums = {}
            if (step + 1) % every == 0 or step + 1 == stage.steps:
                write_weights(method.nets, out)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", default=[], help="config value of preset quick, as for `bench run`")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--like", type=Path, help="weights of another method to begin with")
    parser.add_argument("--rename", action="append", default=[], metavar="OLD=NEW", help="beginnings of its names")
    parser.add_argument("--lesson", type=int, default=0, help="steps of the detector alone, taught by the shipped TPS")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--pairs", type=int, default=720, help="pairs across people")
    parser.add_argument("--people", type=int, default=240, help="identities that take part")
    parser.add_argument("--every", type=int, default=500, help="steps between two files")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    method = quick_method(args.method, parse_set(args.set))
    if args.start:
        load_networks(method, args.start)
    if args.like:
        start_like(method, args.like, args.rename)
    dataset = open_dataset("synthetic", "quick")
    dataset.prepare(["train"], [], lambda done, total, what: None)
    photos, drivers, truths = twin_frames(args.pairs, dataset.size, args.people)
    if args.lesson:
        teach_points(method, np.concatenate([drivers, truths]).reshape(-1, *photos.shape[1:]), args.lesson)
    plain = Pairs(PairItem(), FrameReader(dataset.clips("train"), frozenset()))
    stored = isinstance(method.stages()[0].item, CropItem)
    train(method, TwinItems(plain, photos, drivers, truths, stored), args.out, args.every, args.seed, args.precision)


if __name__ == "__main__":
    main()
