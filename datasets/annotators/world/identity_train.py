"""Train an identity network: ``python -m datasets.annotators.world.identity_train identity-judge-a``.

Frames of one person are drawn together and apart from others (supervised contrast, Khosla et al. 2020, eq. 2), the
training people are classified by cosine with an additive margin (CosFace, Wang et al. 2018, eq. 4), and a third term
keeps the attention on the person. Half of the frames are pasted onto another background, half are damaged.
One thread, seeded step by step: an interrupted training goes on from its last state to the same weights.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from datasets.files import atomic_path, cache_root, digest, sha256_file, source_digest

from .identity import DIMENSIONS, NAMES, SIDE, WEIGHTS, IdentityNetwork
from .identity_damage import damage_some
from .identity_data import CASTINGS, Casting, Shots, load_shots

SEEDS = {"identity-judge-a": 101, "identity-judge-b": 202, "world-identity": 303}
_SCALE, _MARGIN, _ATTENTION, _TEMPERATURE = 20.0, 0.2, 1.0, 0.1


@dataclass(frozen=True)
class Schedule:
    """How long and how: ``people`` x ``views`` frames a step; the learning rate rises to ``rate``, falls to 0."""

    steps: int = 800
    people: int = 16
    views: int = 4
    rate: float = 3e-3
    decay: float = 0.05
    bf16: bool = True
    save_every: int = 100


class Learner(nn.Module):
    """The network and one direction of the sphere for each training person."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self.network = IdentityNetwork().to(memory_format=torch.channels_last)
        self.classes = nn.Parameter(F.normalize(torch.randn(people, DIMENSIONS), dim=1))

    def loss(self, frames: Tensor, masks: Tensor, who: Tensor, margin: float, bf16: bool) -> tuple[Tensor, Tensor]:
        """Loss and the share of frames recognised, for frames (N, 3, 64, 64), masks (N, 64, 64) and people (N,)."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            embedding, looks = self.network.embed_and_attend(frames.contiguous(memory_format=torch.channels_last))
        cosines = embedding.float() @ F.normalize(self.classes, dim=1).T
        target = F.one_hot(who, len(self.classes)).float()
        person = F.adaptive_max_pool2d(masks[:, None].float(), looks.shape[-1])
        on_person = (looks.float() * person).sum((2, 3)).clamp_min(1e-3)
        loss = F.cross_entropy(_SCALE * (cosines - margin * target), who) - _ATTENTION * on_person.log().mean()
        loss = loss + contrast(embedding.float(), who)
        return loss, (cosines.argmax(1) == who).float().mean()


def contrast(embedding: Tensor, who: Tensor) -> Tensor:
    """Supervised contrastive loss of embeddings (N, D) of unit length and people (N,), each shown at least twice."""
    itself = torch.eye(len(who), dtype=torch.bool)
    likeness = (embedding @ embedding.T / _TEMPERATURE).masked_fill(itself, -1e9)
    same = (who[:, None] == who[None]) & ~itself
    log_share = likeness - likeness.logsumexp(1, keepdim=True)
    return -((log_share * same).sum(1) / same.sum(1)).mean()


def train(name: str, schedule: Schedule | None = None, casting: Casting | None = None, out: Path = WEIGHTS) -> Path:
    """Train network ``name`` and write ``<name>.safetensors`` (float16) into ``out``.

    Args:
        schedule, casting: other than the shipped ones for tests.

    Raises:
        StorageError: the cache or ``out`` cannot be written.
    """
    schedule, casting = schedule or Schedule(), casting or CASTINGS[name]
    torch.set_num_threads(1)  # the same sums in the same order
    torch.manual_seed(SEEDS[name])
    shots = load_shots(casting, lambda done, of: print(f"rendered {done} of {of} people", flush=True))
    learner = Learner(casting.people)
    optimiser = torch.optim.AdamW(learner.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    state_path = cache_root() / "identity" / f"{name}-{_key(name, schedule, casting)}.pt"
    first = _restore(state_path, learner, optimiser)
    begun, seen = time.monotonic(), 0.0
    for step in range(first, schedule.steps):
        seen += _step(learner, optimiser, shots, casting, schedule, [SEEDS[name], step])
        done = step + 1
        if done % 50 == 0:
            left = (time.monotonic() - begun) / (done - first) * (schedule.steps - done)
            print(f"{name}: step {done} of {schedule.steps}, recognised {seen / 50:.1%}, {left:.0f} s left", flush=True)
            seen = 0.0
        if done % schedule.save_every == 0 or done == schedule.steps:
            with atomic_path(state_path) as temporary:
                state = {"step": done, "learner": learner.state_dict(), "optimiser": optimiser.state_dict()}
                torch.save(state, temporary)
    return _export(learner.network, out / f"{name}.safetensors")


def _key(name: str, schedule: Schedule, casting: Casting) -> str:
    """Names the state of one training: other code, data or schedule never go on from it."""
    here = Path(__file__)
    code = [here, *(here.with_name(f"identity{part}.py") for part in ("", "_data", "_damage"))]
    return digest([SEEDS[name], schedule, casting, source_digest(code)])[:12]


def _restore(path: Path, learner: Learner, optimiser: torch.optim.Optimizer) -> int:
    """Load an interrupted training if there is one; the step to go on with."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    learner.load_state_dict(state["learner"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _step(
    learner: Learner, optimiser: torch.optim.Optimizer, shots: Shots, casting: Casting, schedule: Schedule,
    seed: list[int],
) -> float:  # fmt: skip
    share = seed[1] / schedule.steps
    for group in optimiser.param_groups:
        group["lr"] = schedule.rate * min(1.0, share / 0.06 + 0.02, 0.5 + 0.5 * float(np.cos(np.pi * share)))
    frames, masks, who = batch(shots, casting, schedule, seed)
    learner.train()
    loss, recognised = learner.loss(frames, masks, who, _MARGIN * min(1.0, max(0.0, 2 * share - 0.4)), schedule.bf16)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learner.parameters(), 5.0)
    optimiser.step()
    return float(recognised)


def batch(shots: Shots, casting: Casting, schedule: Schedule, seed: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Frames (N, 3, 64, 64) in [0, 1], masks (N, 64, 64) bool and people (N,): a pure function of the seed."""
    r, g = np.random.default_rng(seed), Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
    each = casting.clips * casting.frames  # rows of a person lie together
    people = r.choice(casting.people, min(schedule.people, casting.people), replace=False)
    rows = np.concatenate([p * each + r.choice(each, min(schedule.views, each), replace=False) for p in people])
    frames, masks = _image(shots.frames[rows]), torch.from_numpy(shots.masks[rows])
    backgrounds = _image(shots.backgrounds[rows])
    strangers = _image(shots.backgrounds[r.integers(len(shots.frames), size=len(rows))])
    elsewhere = torch.rand(len(rows), generator=g) < 0.5
    frames[elsewhere] = torch.where(masks[:, None], frames, strangers)[elsewhere]
    backgrounds[elsewhere] = strangers[elsewhere]
    frames = damage_some(frames, masks, backgrounds, g)
    frames, masks = _reframe(frames, masks, g)
    gain = 1 + 0.1 * (2 * torch.rand(len(rows), 1, 1, 1, generator=g) - 1)  # exposure tells nothing of a person
    return (frames * gain).clamp(0, 1), masks, torch.from_numpy(shots.person[rows])


def _image(frames: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def _reframe(frames: Tensor, masks: Tensor, g: Generator) -> tuple[Tensor, Tensor]:
    """Mirror half of the frames; move two thirds by up to 12 % of a side and scale them by 0.75 to 1.2."""
    n = len(frames)
    some = (torch.rand(n, generator=g) < 2 / 3).float()
    scale = 1 + some * (torch.rand(n, generator=g) * 0.45 - 0.25)
    shift = some[:, None] * (torch.rand(n, 2, generator=g) - 0.5) * 0.48
    mirror = 1 - 2 * (torch.rand(n, generator=g) < 0.5).float()
    affine = torch.zeros(n, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1], affine[:, :, 2] = mirror / scale, 1 / scale, shift
    grid = F.affine_grid(affine, [n, 1, SIDE, SIDE], align_corners=False)
    both = torch.cat([frames, masks[:, None].float()], 1)
    both = F.grid_sample(both, grid, padding_mode="border", align_corners=False)
    return both[:, :3], both[:, 3] > 0.5


def _export(network: IdentityNetwork, path: Path) -> Path:
    from safetensors.torch import save_file

    weights = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file({k: v.contiguous() for k, v in weights.items()}, temporary)
    print(f"{path.name}: {path.stat().st_size:,} bytes, SHA-256 {sha256_file(path)}", flush=True)
    return path


def main() -> None:
    """Train one network, then measure it and write its card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--steps", type=int, default=Schedule.steps)
    arguments = parser.parse_args()
    train(arguments.name, Schedule(steps=arguments.steps))
    from .identity_measure import write_card

    print(write_card(arguments.name))


if __name__ == "__main__":
    main()
