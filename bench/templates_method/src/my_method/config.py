"""Hyperparameters. Say unit and source of each value; it shows in ``bench show method my-method``."""

from pydantic import BaseModel, ConfigDict, Field


class MyMethodConfig(BaseModel):
    """Hyperparameters of My Method."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(16, ge=1, description="channels; ours")
    mask: bool = Field(True, description="fill in what the photo does not show; ours")
    steps: int = Field(1500, ge=1, description="training steps; ours")
    batch: int = Field(8, ge=1, description="pairs of frames in a step; ours")
    lr: float = Field(1e-3, gt=0, description="learning rate of Adam; ours")
