"""A whole method in one file: move the photo's pixels by a learned flow.

Register it in the ``pyproject.toml`` of any package that holds this file, and ``bench`` knows it:

    [project.entry-points."bench.methods"]
    example = "example:SPEC"

torch is imported inside the functions that need it, so that listing methods stays instant.
"""

from pydantic import BaseModel, ConfigDict, Field

from bench import Method, MethodSpec, PairItem, Player, Stage, Variant


class Config(BaseModel):
    """Hyperparameters: each is an option (--set width=32) and part of a run's identity."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    width: int = Field(16, ge=1, description="channels; ours")
    reach: float = Field(0.5, gt=0, description="largest displacement in half images; ours")
    steps: int = Field(1500, ge=1, description="training steps; ours")
    batch: int = Field(8, ge=1, description="pairs of frames in a step; ours")
    lr: float = Field(1e-3, gt=0, description="learning rate of Adam; ours")


SPEC = MethodSpec(
    name="example",
    title="Example: one learned flow",
    implementation="example:Example",
    config="example:Config",
    licence="MIT",
    fidelity="ours",
    modes={"standard": "abs/drv"},  # what the output aims at: the driving pose, at the driving place
    presets={"tiny": {"steps": 10, "batch": 2}, "quick": {}, "standard": {"steps": 20_000}, "paper": {"width": 64}},
    variants={"near": Variant("small reach", {"reach": 0.1})},
)


class Example(Method):
    """A network looks at photo and driving frame and says where each pixel of the frame comes from."""

    spec = SPEC

    def __init__(self, config):
        super().__init__(config)
        from torch import nn

        w = config.width
        self.nets["flow"] = nn.Sequential(
            nn.Conv2d(6, w, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(w, w, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(w, w, 3, padding=1), nn.ReLU(), nn.Conv2d(w, 2, 3, padding=1), nn.Tanh(),
        )  # fmt: skip

    def make(self, photo, driving):
        """(B, 3, H, W) photo and driving frames in [0, 1] -> (B, 3, H, W) frames in [0, 1]."""
        import torch
        import torch.nn.functional as F

        height, width = photo.shape[-2:]
        driving = F.interpolate(driving, (height, width), mode="bilinear", align_corners=False)
        flow = self.config.reach * self.nets["flow"](torch.cat([photo, driving], 1) * 2 - 1).float()
        flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
        x, y = (torch.linspace(-1, 1, n, device=photo.device) for n in (width, height))
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1) + flow.movedim(1, -1)
        return F.grid_sample(photo, grid, padding_mode="border", align_corners=True).clamp(0, 1)

    def stages(self):
        """What is trained on what: two frames of one clip, one optimiser, one network."""
        players = {"generator": Player(("flow",), self.config.lr)}
        return (Stage("main", PairItem(), self.config.batch, self.config.steps, players),)

    def step(self, stage, batch, update, info):
        """One training step; the engine draws the batch, and ``update`` does the rest."""
        loss = (self.make(batch["source"], batch["driving"]) - batch["driving"]).abs().mean()
        update("generator", loss)
        return {"l1": loss.item()}

    def encode(self, source):
        """What animation needs of the photo, once."""
        return source["rgb"]

    def animate(self, photo, driving, options):
        """Frames in order, a chunk at a time, so that a driving video of any length fits into memory."""
        for chunk in driving.chunks():
            yield self.make(photo.expand(len(chunk["rgb"]), -1, -1, -1), chunk["rgb"])
