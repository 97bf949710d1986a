"""Shared pieces of the neural-texture tests: methods of a preset, batches of the toy world, annotated driving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.config import build_config
from bench.driving import ClipDriving, batch_of
from bench.testing.world import open_world
from datasets.base import Clip
from methods.base import AnimateOptions, Stage, StepInfo
from methods.neural_texture.config import NeuralTextureConfig
from methods.neural_texture.method import NeuralTexture
from methods.neural_texture.spec import SPEC

IUV = frozenset({"iuv"})
KINDS = frozenset({"iuv", "mask"})


def configure(preset: str = "tiny", variant: str = "", **overrides: Any) -> NeuralTextureConfig:
    """A config; overrides are dotted paths with ``__`` for the dot. From scratch unless ``init`` is given."""
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    config: NeuralTextureConfig = build_config(SPEC, preset, variant, {"init": ""} | dotted)
    return config


def build(preset: str = "tiny", variant: str = "", **overrides: Any) -> NeuralTexture:
    """A freshly initialised method."""
    torch.manual_seed(0)
    return NeuralTexture(configure(preset, variant, **overrides))


def pair_batch(size: int = 32, batch: int = 2) -> dict[str, Tensor]:
    """Pairs of frames of the toy world as training sees them."""
    clips = open_world("", "tiny", "exact").clips("train")[:batch]
    stacks = [clip.read([0, 5], KINDS) for clip in clips]
    made: dict[str, Tensor] = {}
    for i, side in enumerate(("source", "driving")):
        made[side] = torch.stack([torch.from_numpy(s.rgb[i]).permute(2, 0, 1) / 255 for s in stacks])
        for kind in KINDS:
            made[f"{side}/{kind}"] = torch.stack([torch.from_numpy(s.annotations[kind][i]) for s in stacks])
    step = made["source"].shape[-1] // size
    return {k: v[:, ::step, ::step] if "/" in k else v[..., ::step, ::step] for k, v in made.items()}


def photo_of(clip: Clip, frame: int = 0) -> dict[str, Tensor]:
    """A photo with its IUV map."""
    return batch_of(clip.read([frame], IUV))


def animate(method: NeuralTexture, clip: Clip, **options: Any) -> Tensor:
    """All frames that a clip drives from its own first frame."""
    state = method.encode(photo_of(clip))
    return torch.cat(list(method.animate(state, ClipDriving(clip, IUV), AnimateOptions("standard", **options))))


def gradients(method: NeuralTexture, stage: Stage, batch: dict[str, Tensor]) -> tuple[dict[str, float], set[str]]:
    """Run one step as the engine does -> logged values, and the networks that a gradient reached."""
    reached: set[str] = set()
    for name, net in method.nets.items():
        owned = any(name in player.nets for player in stage.players.values())
        net.train(owned).requires_grad_(owned)

    def update(player: str, loss: Tensor) -> None:
        nets = stage.players[player].nets
        parameters = [p for name in nets for p in method.nets[name].parameters()]
        for p in method.nets.parameters():
            p.grad = None
        loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
        for name in nets:
            grads = [p.grad for p in method.nets[name].parameters() if p.grad is not None]
            assert all(g.isfinite().all() for g in grads)
            if any(g.abs().sum() > 0 for g in grads):
                reached.add(name)

    return method.step(stage, batch, update, StepInfo(0, stage.steps)), reached


@pytest.fixture
def clip() -> Iterator[Clip]:
    """A clip of the toy world."""
    yield open_world("", "tiny", "exact").clips("train")[0]
