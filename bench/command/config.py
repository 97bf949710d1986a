"""Settings of a method that is a command; imports no torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

#: What stands in braces in a command -> what is put there.
PLACEHOLDERS = {
    "case": "folder with source.png, driving/%06d.png and the annotations, as bench export writes a pair",
    "out": "empty folder for %06d.png, one for each driving frame, of the driving frames' size",
    "seed": "seed of the run",
    "mode": "mode of the animation",
}


class CommandConfig(BaseModel):
    """How a program is run. A plugin's config inherits from it and may add fields of its own.

    ``files`` are relative to ``folder``; the result depends on their bytes, so that an edit makes stored frames stale.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: tuple[str, ...] = Field(
        min_length=1, description="program and arguments, no shell; {case} {out} {seed} {mode} are filled in"
    )
    folder: str = Field("", description="working directory; empty: the folder of the plugin's module")
    files: tuple[str, ...] = Field((), description="script and checkpoint that the result depends on")
    timeout_s: float = Field(3600.0, gt=0, description="seconds for one pair; then the whole process group is killed")
