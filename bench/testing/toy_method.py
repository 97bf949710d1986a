"""A toy method that uses the whole interface at once: staged, on crops, adversarial, autoregressive, annotation-driven.

Stage ``appearance`` trains an auto-encoder on derived crops. Stage ``video`` freezes its encoder and trains a generator
against a discriminator on sequences, each frame made from the one before. It draws no random number in a step, so that
two ranks do what one process does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.testing.toy import SPEC, ToyConfig
from datasets.base import Array, Clip
from methods.base import AnimateOptions, CropItem, Method, Player, SequenceItem, Stage, StepInfo

if TYPE_CHECKING:
    from methods.base import Batch, Driving, Update

CROP = 16
FEATURES = 4


class _Generator(nn.Module):
    """Next frame from the source, its features, the previous frame and where the body is; at half resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3 + FEATURES + 3 + 1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 4, 3, padding=1),
        )

    def forward(self, source: Tensor, features: Tensor, previous: Tensor, pose: Tensor) -> Tensor:
        size = source.shape[-2:]
        half = (size[0] // 2, size[1] // 2)
        parts = [
            F.interpolate(x, half, mode="bilinear", align_corners=False) for x in (source, features, previous, pose)
        ]
        made = self.layers(torch.cat(parts, 1)).float()
        colour, mask = F.interpolate(made, size, mode="bilinear", align_corners=False).sigmoid().split([3, 1], 1)
        return mask * source + (1 - mask) * colour


def pose_map(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 1, H, W): soft spots at the present body key points of (B, 135, 3)."""
    y = torch.arange(size[0], device=keypoints.device, dtype=torch.float32)
    x = torch.arange(size[1], device=keypoints.device, dtype=torch.float32)
    points = keypoints[:, :25].float()
    spread = (size[1] / 20) ** 2
    in_x = torch.exp(-((x - points[..., :1]) ** 2) / spread)
    in_y = torch.exp(-((y - points[..., 1:2]) ** 2) / spread) * (points[..., 2:] > 0)
    return torch.einsum("bky,bkx->byx", in_y, in_x)[:, None].clamp(0, 1)


class Toy(Method):
    """The toy method."""

    spec = SPEC
    config: ToyConfig

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        width = config.width
        self.nets["encoder"] = nn.Sequential(nn.Conv2d(3, FEATURES, 4, stride=2, padding=1), nn.Tanh())
        self.nets["decoder"] = nn.ConvTranspose2d(FEATURES, 3, 4, stride=2, padding=1)
        self.nets["generator"] = _Generator(width)
        self.nets["discriminator"] = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=4), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 3, padding=1)
        )

    # -- training ------------------------------------------------------------------------------------------------
    def stages(self) -> Sequence[Stage]:
        """Appearance on crops, then video with two players."""
        c = self.config
        return (
            Stage(
                "appearance",
                CropItem(("crop",)),
                c.batch,
                c.appearance_steps,
                {"autoencoder": Player(("encoder", "decoder"), c.lr, milestones=(c.appearance_steps // 2,))},
                validate=False,
            ),
            Stage(
                "video",
                SequenceItem(c.frames, source="previous"),
                c.batch,
                c.video_steps,
                {
                    "generator": Player(("generator",), c.lr, (0.5, 0.999), clip_norm=1.0),
                    "discriminator": Player(("discriminator",), c.lr, weight_decay=0.01, optimizer="adamw"),
                },
                needs=SPEC.needs,
            ),
        )

    def derive(self, clip: Clip) -> dict[str, Array]:
        """``crop`` (T, 16, 16, 3) uint8 around the body's mean key point."""
        stack = clip.read(range(len(clip)), frozenset({"keypoints"}))
        height, width = clip.size
        middle = stack.annotations["keypoints"][:, :25, :2].mean(1)
        left = np.clip(middle[:, 0] - CROP / 2, 0, width - CROP).astype(int)
        top = np.clip(middle[:, 1] - CROP / 2, 0, height - CROP).astype(int)
        crops = [f[t : t + CROP, x : x + CROP] for f, x, t in zip(stack.rgb, left, top, strict=True)]
        return {"crop": np.stack(crops)}

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One step of either stage."""
        if stage.name == "appearance":
            crop = batch["crop"].movedim(-1, 1).float() / 255
            loss = F.l1_loss(self.nets["decoder"](self.nets["encoder"](crop)), crop)
            update("autoencoder", loss)
            return {"l1": loss.item()}
        real = batch["frames"].flatten(0, 1)
        made = torch.stack(self._unroll(batch["source"], batch["frames/keypoints"]), 1).flatten(0, 1)
        judge = self.nets["discriminator"]
        l1 = F.l1_loss(made, real)
        update("generator", l1 + self.config.adversarial * (judge(made) - 1).square().mean())
        fake = made.detach()
        adversary = (judge(real) - 1).square().mean() + judge(fake).square().mean()
        update("discriminator", adversary)
        return {"l1": l1.item(), "discriminator": adversary.item()}

    def _unroll(self, source: Tensor, keypoints: Tensor) -> list[Tensor]:
        """Frames (B, 3, H, W) made one after another for (B, T, 135, 3) key points."""
        features, previous, made = self.nets["encoder"](source), source, []
        for pose in keypoints.unbind(1):
            previous = self.nets["generator"](source, features, previous, pose_map(pose, _size(source)))
            made.append(previous)
        return made

    # -- animation -----------------------------------------------------------------------------------------------
    def encode(self, source: Batch) -> Any:
        """The photo and its features."""
        return {"rgb": source["rgb"], "features": self.nets["encoder"](source["rgb"])}

    def animate(self, state: Mapping[str, Tensor], driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Frames one after another; only the last one made is remembered."""
        previous = state["rgb"]
        for chunk in driving.chunks():
            made = []
            for pose in chunk["keypoints"].split(1):
                where = pose_map(pose, _size(previous))
                previous = self.nets["generator"](state["rgb"], state["features"], previous, where)
                made.append(previous)
            yield torch.cat(made)


def _size(frames: Tensor) -> tuple[int, int]:
    return int(frames.shape[-2]), int(frames.shape[-1])
