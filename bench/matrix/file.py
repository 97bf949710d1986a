"""``bench matrix FILE.toml``: what the file may say, and the cells that it makes."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench import registry
from bench.config import variant_overrides
from bench.spec import RunSpec
from datasets.errors import MissingInputError, UsageError
from datasets.files import safe_name

if TYPE_CHECKING:
    from methods.base import MethodSpec

Variants = list[str] | Literal["all"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MethodRow(_Table):
    """One method of a matrix, where it differs from the rest of the file."""

    method: str
    variants: Variants | None = Field(default=None, description="slugs, full, or all; the file's where not given")
    mode: str = ""
    set: dict[str, Any] = Field(default_factory=dict, description="config overrides, dotted keys as in --set")
    checkpoint: Path | None = None


class MatrixFile(_Table):
    """The whole file. Every list is one side of the matrix."""

    name: str = Field(default="", description="of its folder beside the runs; the file's name where not given")
    methods: list[str | MethodRow] = Field(min_length=1)
    datasets: list[str] = Field(min_length=1)
    variants: Variants = ["full"]
    presets: list[str] = Field(default=["quick"], min_length=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    protocols: list[str] = []
    annotations: str = "exact"
    device: str = "auto"
    precision: str = "fp32"
    set: dict[str, Any] = Field(default_factory=dict, description="overrides of all methods")
    timeout: float = Field(default=0.0, ge=0, description="seconds for each attempt of a cell, 0 for no limit")

    @field_validator("datasets", "presets", "seeds", "variants")
    @classmethod
    def _once(cls, values: Any) -> Any:
        if isinstance(values, list) and len(set(values)) != len(values):
            raise ValueError("names something twice")
        return values


@dataclass(frozen=True)
class Cell:
    """One run of a matrix."""

    spec: RunSpec

    @property
    def row(self) -> str:
        """``method+variant[mode]``."""
        spec = self.spec
        variant = "" if spec.variant in ("", "full") else f"+{spec.variant}"
        return f"{spec.method}{variant}" + (f"[{spec.mode}]" if spec.mode else "")

    @property
    def id(self) -> str:
        """Unique in its matrix, safe as a file name."""
        return safe_name(f"{self.row}-{self.spec.dataset}-{self.spec.preset}-s{self.spec.seed}")


def read_matrix(path: Path) -> MatrixFile:
    """A matrix file, validated.

    Raises:
        MissingInputError: there is no such file. UsageError: it is no TOML, or says something unknown or wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = MatrixFile.model_validate(tomllib.loads(text))
    except FileNotFoundError:
        raise MissingInputError(f"{path} does not exist", "bench matrix --help shows what such a file says") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        raise UsageError(f"{path}: {_sentence(error)}", "bench matrix --help shows what such a file says") from None
    return found if found.name else found.model_copy(update={"name": path.stem})


def _sentence(error: ValidationError) -> str:
    # of a union's complaints the one about the table is about what was written
    detail = next((d for d in error.errors() if "MethodRow" in d["loc"]), error.errors()[0])
    where = ".".join(str(part) for part in detail["loc"] if part not in ("str", "MethodRow"))
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"


def cells_of(file: MatrixFile, like: RunSpec) -> list[Cell]:
    """The cells of a matrix, methods outermost, in a fixed order.

    Args:
        like: tracking and the runs folder are taken from it.

    Raises:
        UsageError: a method or variant that does not exist (with the nearest), or two cells that are the same.
    """
    cells = []
    for row in (MethodRow(method=m) if isinstance(m, str) else m for m in file.methods):
        slugs = variants_of(row.method, row.variants if row.variants is not None else file.variants)
        for slug, dataset, preset, seed in product(slugs, file.datasets, file.presets, file.seeds):
            spec = replace(
                like, method=row.method, dataset=dataset, preset=preset, variant=slug, mode=row.mode, seed=seed,
                overrides={**file.set, **row.set}, protocols=tuple(file.protocols), checkpoint=row.checkpoint,
                device=file.device, precision=file.precision, annotation_class=file.annotations,
            )  # fmt: skip
            cells.append(Cell(spec))
    ids = [cell.id for cell in cells]
    twice = next((cell for cell in cells if ids.count(cell.id) > 1), None)
    if twice is not None:
        raise UsageError(f"the matrix names {twice.row} on {twice.spec.dataset} twice", "give each row once")
    return cells


def variants_of(method: str, asked: Sequence[str]) -> list[str]:
    """Slugs to run ("" = the full method). Raises UsageError: the method has no such variant."""
    spec: MethodSpec = registry.get("methods", method)
    if asked == "all":
        return ["", *spec.variants]
    slugs = ["" if slug == "full" else slug for slug in asked]
    for slug in slugs:
        variant_overrides(spec, slug)
    return slugs
