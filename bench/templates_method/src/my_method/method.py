"""A place to begin: move the photo's pixels by a learned flow, and fill in what it does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench import AnimateOptions, Driving, Method, PairItem, Player, Stage, StepInfo, Update

from .config import MyMethodConfig
from .spec import SPEC


class Encoder(nn.Module):
    """(B, 3, H, W) in [0, 1] -> (B, C, H/4, W/4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Features (B, width, H/4, W/4) of images (B, 3, H, W) in [0, 1]."""
        return self.layers(image * 2 - 1)


class Decoder(nn.Module):
    """Features of photo and driving frame -> flow (B, 2, h, w), mask (B, 1, h, w) and colour (B, 3, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 6, 3, padding=1),
        )

    def forward(self, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B, width, h, w) of both -> flow, mask and colour."""
        flow, mask, colour = self.layers(torch.cat([source, driving], 1)).float().split([2, 1, 3], 1)
        return 0.5 * flow.tanh(), mask.sigmoid(), colour.sigmoid()


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Sample (B, 3, H, W) at each pixel plus ``flow`` (B, 2, H, W), in units of half the image."""
    height, width = image.shape[-2:]
    y = torch.linspace(-1, 1, height, device=image.device)
    x = torch.linspace(-1, 1, width, device=image.device)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1) + flow.movedim(1, -1)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=True)


class MyMethod(Method):
    """``self.nets`` holds the networks: the engine moves, trains, saves and loads them."""

    spec = SPEC
    config: MyMethodConfig

    def __init__(self, config: MyMethodConfig) -> None:
        super().__init__(config)
        self.nets["encoder"] = Encoder(config.width)
        self.nets["decoder"] = Decoder(config.width)

    def stages(self) -> Sequence[Stage]:
        """One stage on two frames of a clip; one optimiser for both networks."""
        c = self.config
        player = Player(nets=("encoder", "decoder"), lr=c.lr)
        return (Stage("main", PairItem(), c.batch, c.steps, {"generator": player}),)

    def step(self, stage: Stage, batch: Mapping[str, Tensor], update: Update, info: StepInfo) -> dict[str, float]:
        """Make the driving frame from the source frame of the same clip."""
        made = self.generate(batch["source"], self.nets["encoder"](batch["source"]), batch["driving"])
        loss = F.l1_loss(made, batch["driving"])
        update("generator", loss)
        return {"l1": loss.item()}

    def generate(self, source: Tensor, features: Tensor, driving: Tensor) -> Tensor:
        """(B, 3, H, W) frames in [0, 1]."""
        size = source.shape[-2:]
        driving = F.interpolate(driving, size, mode="bilinear", align_corners=False)
        parts = self.nets["decoder"](features, self.nets["encoder"](driving))
        flow, mask, colour = (F.interpolate(p, size, mode="bilinear", align_corners=False) for p in parts)
        warped = warp(source, flow)
        return mask * warped + (1 - mask) * colour if self.config.mask else warped

    def encode(self, source: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What animation needs of the photo: made once, used for every driving frame."""
        return {"rgb": source["rgb"], "features": self.nets["encoder"](source["rgb"])}

    def animate(self, state: dict[str, Tensor], driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Stream the frames, a chunk at a time; nothing is kept from one chunk to the next."""
        bf16 = options.precision == "bf16"
        for chunk in driving.chunks():
            rgb = chunk["rgb"]
            with torch.autocast(rgb.device.type, torch.bfloat16, enabled=bf16):
                frames = self.generate(
                    state["rgb"].expand(len(rgb), -1, -1, -1), state["features"].expand(len(rgb), -1, -1, -1), rgb
                )
            yield frames.float().clamp(0, 1)
