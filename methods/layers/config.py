"""Types of config fields that methods share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, le=1)]
SCALES = (1.0, 0.5, 0.25, 0.125)


def _known_scale(value: float) -> float:
    if value not in SCALES:
        raise ValueError(f"must be one of {', '.join(map(str, SCALES))}")
    return value


Scale = Annotated[float, AfterValidator(_known_scale)]


class Group(BaseModel):
    """A frozen config group that refuses unknown fields and non-finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
