"""``card.toml``: how predictions were made, so that a row can be read and repeated."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from datasets.errors import MissingInputError, UsageError

SHA256 = r"[0-9a-f]{64}"
NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
#: Fewer seeds of a method that draws its frames at random say nothing of its spread.
LEAST_SEEDS = 3
_LINE = r"[^\x00-\x1f\x7f]*"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProtocolTable(_Table):
    """Which export the predictions answer; written by ``bench export``."""

    name: str = Field(min_length=1, max_length=80, description="name@version")
    hash: str = Field(pattern=r"^[0-9a-f]{8}$", description="hash of the protocol")
    dataset: str = Field(min_length=1, max_length=300, description="data set, as in --dataset")
    preset: str = Field(min_length=1, max_length=40, description="tiny, quick, standard or paper")
    annotations: str = Field(min_length=1, max_length=40, description="what methods see: exact, detected, noisy-1..3")


class MethodTable(_Table):
    """What made the frames."""

    name: str = Field(pattern=f"^{NAME}$", max_length=60, description="lower case, digits, hyphens; no registered name")
    title: str = Field(min_length=1, max_length=200, pattern=f"^{_LINE}$", description="as it shall stand on the board")
    checkpoint_sha256: str = Field(pattern=f"^({SHA256})?$", description='SHA-256 of the checkpoint file, or ""')
    training_data: str = Field(min_length=1, max_length=500, pattern=f"^{_LINE}$", description="what it was trained on")
    mode: str = Field("standard", pattern=f"^{NAME}$", max_length=40, description="name of the way it animates")
    target: str = Field("abs/drv", pattern=r"^(abs|rel)/(src|drv)$", description="pose/place that it aims at")
    input: tuple[str, ...] = Field((), description="annotation kinds it reads at test time; empty: images only")
    paper: str = Field("", max_length=300, pattern=f"^{_LINE}$", description="title of the paper")
    venue: str = Field("", max_length=80, pattern=f"^{_LINE}$", description="where it appeared")
    year: int = Field(0, ge=0, le=2100, description="when")
    licence: str = Field("", max_length=200, pattern=f"^{_LINE}$", description="of code and weights")
    parameters: int = Field(0, ge=0, description="of all networks that run; 0: not said")


class SamplingTable(_Table):
    """How frames were drawn."""

    stochastic: bool = Field(description="whether another seed gives other frames")
    seeds: tuple[int, ...] = Field(min_length=1, description="seeds that were run; three or more where stochastic")
    steps: int = Field(0, ge=0, description="denoising steps a frame or window; 0: none")
    guidance: float = Field(0.0, ge=0, description="guidance scale; 0: none")
    window: int = Field(0, ge=0, description="frames made at once; 0: the whole clip or frame by frame")
    overlap: int = Field(0, ge=0, description="frames that neighbouring windows share")

    @model_validator(mode="after")
    def _check(self) -> SamplingTable:
        if len(set(self.seeds)) != len(self.seeds) or any(not 0 <= s < 2**31 for s in self.seeds):
            raise ValueError("seeds must be different numbers from 0 to 2147483647")
        if self.overlap and self.overlap >= self.window:
            raise ValueError("the overlap must be smaller than the window")
        return self


class SizeTable(_Table):
    """How frames of the protocol's size came to the method's own size, and back."""

    native: tuple[int, int] = Field(description="width and height in pixels at which it works")
    mapping: Literal["none", "letterbox", "crop", "stretch"] = Field(
        description="none: it works at the protocol's size"
    )
    filter: str = Field(
        min_length=1, max_length=60, pattern=f"^{_LINE}$", description="resize filter both ways, or none"
    )


class CostTable(_Table):
    """What a frame costs, on which device."""

    seconds_per_frame: float = Field(gt=0, description="wall clock, end to end, without loading the networks")
    peak_memory_gib: float = Field(gt=0, description="largest memory of the device (GPU), else of the process")
    device: str = Field(min_length=1, max_length=120, pattern=f"^{_LINE}$", description="model of the GPU or CPU")


class Card(_Table):
    """A whole card."""

    protocol: ProtocolTable
    method: MethodTable
    sampling: SamplingTable
    size: SizeTable
    cost: CostTable

    @property
    def identity(self) -> dict[str, Any]:
        """What another result would depend on: everything but the protocol and the cost."""
        return self.model_dump(mode="json", include={"method", "sampling", "size"})

    @property
    def findings(self) -> list[str]:
        """What a reader of the row has to know of the card, one sentence each."""
        found = [] if self.method.checkpoint_sha256 else ["the card names no checkpoint"]
        if self.sampling.stochastic and len(self.sampling.seeds) < LEAST_SEEDS:
            found.append(f"a sampling method with {len(self.sampling.seeds)} seeds: {LEAST_SEEDS} are asked for")
        return found


def read_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        MissingInputError: there is no such file.
        UsageError: it is no TOML, or a value is absent or wrong; the message names it.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingInputError(f"the card {path} does not exist", "bench export writes one to fill in") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from None
    return make_card(values, str(path))


def make_card(values: Mapping[str, Any], where: str) -> Card:
    """A validated card. Raises UsageError naming the first field that is absent or wrong."""
    try:
        return Card.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"])
        count = error.error_count()
        more = f" (and {count - 1} more)" if count > 1 else ""
        hint = described().get(key.partition(".")[0] + "." + ".".join(key.split(".")[1:2]), "")
        raise UsageError(
            f"{where}: {key or 'card'}: {detail['msg'].lower()}{more}", f"{key}: {hint}" if hint else ""
        ) from None


def described() -> dict[str, str]:
    """``table.key`` -> what it says, for every value of a card."""
    return {
        f"{table}.{key}": info.description or ""
        for table, field in Card.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for key, info in field.annotation.model_fields.items()
    }


def card_toml(card: Mapping[str, Any]) -> str:
    """A card's values as TOML, each with what it means; tables and keys in the order of the model."""
    lines = []
    for table, field in Card.model_fields.items():
        assert isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        doc = (field.annotation.__doc__ or "").strip()
        lines += ["", f"[{table}]  # {doc}"]
        values = card.get(table, {})
        for key, info in field.annotation.model_fields.items():
            if key in values:
                lines.append(f"{key} = {_toml(values[key])}  # {info.description}")
    return "\n".join(lines).lstrip("\n") + "\n"


def card_template(manifest: Mapping[str, Any]) -> str:
    """The card to fill in for an export: its protocol is stated, a value that must be given is empty.

    Args:
        manifest: what :func:`bench.exchange.export.manifest_of` gives.
    """
    size = manifest["size"]
    values: dict[str, Any] = {
        "protocol": {
            "name": manifest["protocol"],
            "hash": manifest["hash"],
            "dataset": manifest["dataset"],
            "preset": manifest["preset"],
            "annotations": manifest["annotations"],
        },
        "method": {
            "name": "", "title": "", "checkpoint_sha256": "", "training_data": "", "mode": "standard",
            "target": "abs/drv", "input": [], "paper": "", "venue": "", "year": 0, "licence": "", "parameters": 0,
        },
        "sampling": {"stochastic": True, "seeds": [0, 1, 2], "steps": 0, "guidance": 0.0, "window": 0, "overlap": 0},
        "size": {"native": [size, size], "mapping": "none", "filter": "none"},
        "cost": {"seconds_per_frame": 0.0, "peak_memory_gib": 0.0, "device": ""},
    }  # fmt: skip
    return card_toml(values)


def _toml(value: Any) -> str:
    """A plain value in TOML; texts have no control characters, so JSON's quoting is TOML's."""
    import json

    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)
