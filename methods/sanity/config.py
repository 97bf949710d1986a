"""Settings of the sanity rows; imports no torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RowConfig(BaseModel):
    """A sanity row without settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CodecConfig(RowConfig):
    """Settings of the encoder."""

    crf: int = Field(default=23, ge=0, le=51, description="H.264 constant rate factor (libx264's own default: 23)")


class ShiftConfig(RowConfig):
    """Settings of the shift."""

    pixels: int = Field(default=2, ge=0, description="shift to the right in pixels; ours")


class BlurConfig(RowConfig):
    """Settings of the blur."""

    sigma: float = Field(default=1.5, gt=0, description="standard deviation of the Gaussian in pixels; ours")
