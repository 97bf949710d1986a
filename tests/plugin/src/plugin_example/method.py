"""A method in one module: the photo and the driving frame, mixed by three learned numbers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench import Method, MethodSpec, PairItem, Player, Stage, Variant


class MixConfig(BaseModel):
    """Hyperparameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(20, ge=1, description="training steps; ours")
    start: float = Field(0.5, gt=0, lt=1, description="share of the photo before training; ours")


SPEC = MethodSpec(
    name="plugin-method",
    title="Mix of photo and driving frame",
    implementation="plugin_example.method:Mix",
    config="plugin_example.method:MixConfig",
    licence="MIT",
    fidelity="ours",
    modes={"standard": "abs/drv"},
    presets={"tiny": {}, "quick": {"steps": 100}, "standard": {"steps": 400}, "paper": {"steps": 800}},
    variants={"photo": Variant("mostly the photo", {"start": 0.9})},
)


class Mix(Method):
    """frame = s * photo + (1 - s) * driving, with a learned s for each colour."""

    spec = SPEC
    config: MixConfig

    def __init__(self, config):
        super().__init__(config)
        import torch

        share = torch.nn.Conv2d(3, 3, 1, groups=3, bias=False)
        torch.nn.init.normal_(share.weight, config.start, 0.01)
        self.nets["share"] = share

    def stages(self):
        return (Stage("mix", PairItem(), 2, self.config.steps, {"mixer": Player(("share",), lr=0.01)}),)

    def mix(self, photo, driving):
        return (driving + self.nets["share"](photo - driving)).clamp(0, 1)

    def step(self, stage, batch, update, info):
        loss = (self.mix(batch["source"], batch["driving"]) - batch["driving"]).square().mean()
        update("mixer", loss)
        return {"l2": loss.item()}

    def encode(self, source):
        return source["rgb"]

    def animate(self, state, driving, options):
        from bench import UsageError

        for chunk in driving.chunks():
            if chunk["rgb"].shape[2:] != state.shape[2:]:
                raise UsageError("the driving frames are not of the photo's size", "resize them")
            yield self.mix(state, chunk["rgb"])
