"""Card and config of the toy method (:mod:`bench.testing.toy_method`); imports no torch. It is in no list."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from methods.base import MethodSpec, Variant


class ToyConfig(BaseModel):
    """Hyperparameters of the toy method; all values are ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(default=4, ge=1, description="items in a step")
    appearance_steps: int = Field(default=8, ge=0, description="steps of the first stage")
    video_steps: int = Field(default=12, ge=0, description="steps of the second stage")
    width: int = Field(default=8, ge=1, description="channels")
    frames: int = Field(default=3, ge=1, description="frames of a training sequence")
    lr: float = Field(default=2e-3, gt=0, description="learning rate of all players")
    adversarial: float = Field(default=0.1, ge=0, description="weight of the adversarial loss")


SPEC = MethodSpec(
    name="toy",
    title="Toy method (tests only)",
    implementation="bench.testing.toy_method:Toy",
    config="bench.testing.toy:ToyConfig",
    licence="MIT",
    fidelity="no paper",
    modes={"standard": "abs/drv"},
    needs=frozenset({"keypoints"}),
    presets={
        "tiny": {},
        "quick": {"video_steps": 200},
        "standard": {"video_steps": 400},
        "paper": {"video_steps": 800},
    },
    variants={"no-gan": Variant("w/o adversarial loss", {"adversarial": 0.0})},
)
