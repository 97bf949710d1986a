"""Search spaces as TOML: the dotted keys of ``--set`` -> what may be tried, checked against the method's config."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench import registry
from bench.config import build_config
from datasets.errors import MissingInputError, UsageError
from datasets.files import digest

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SPACES = Path(__file__).parent / "spaces"
Plain = bool | int | float | str


class Parameter(BaseModel):
    """One key of a space.

    ``float`` and ``int``: from ``low`` to ``high``, both included, evenly or (``log``) evenly in the logarithm, in
    steps of ``step``. ``categorical``: one of ``choices``, which may be lists. ``when``: only where these other keys
    have these values; elsewhere the preset's value holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["float", "int", "categorical"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = Field(default=None, gt=0)
    choices: tuple[Any, ...] = ()
    when: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Parameter:
        if self.type == "categorical":
            if not self.choices or self.low is not None or self.high is not None:
                raise ValueError("a categorical has choices, and no low or high")
            return self
        if self.choices or self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("low and high are needed, with low < high, and no choices")
        if self.log and self.low <= 0:
            raise ValueError("log needs low > 0")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other")
        return self

    def tried(self) -> list[Any]:
        """Values that a config must accept: the ends, or every choice."""
        return list(self.choices) if self.type == "categorical" else [self.number(self.low), self.number(self.high)]

    def number(self, value: Any) -> Any:
        """A number of the parameter's type."""
        return int(value) if self.type == "int" else float(value)

    def including(self, value: Any, key: str) -> Parameter:
        """The parameter with the preset's own value inside.

        Raises:
            UsageError: it cannot be: it is off the grid, no number, or not positive on a logarithmic scale.
        """
        if self.type == "categorical":
            return self if value in self.choices else self.model_copy(update={"choices": (value, *self.choices)})
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"the space of {key} is made of numbers, the preset's value is {value!r}")
        low, high = min(float(self.low or 0), value), max(float(self.high or 0), value)
        if self.log and value <= 0:
            raise UsageError(f"the space of {key} is logarithmic, the preset's value is {value}", "leave log out")
        if self.step is not None and (value - float(self.low or 0)) % self.step:
            raise UsageError(f"the preset's value {value} of {key} is not on its grid", "choose low and step to fit")
        return self.model_copy(update={"low": low, "high": high})

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.type == "categorical":
            return CategoricalDistribution([encode(choice) for choice in self.choices])
        if self.type == "int":
            return IntDistribution(int(self.low or 0), int(self.high or 0), self.log, int(self.step or 1))
        return FloatDistribution(float(self.low or 0), float(self.high or 0), self.log, self.step)


class SpaceFile(BaseModel):
    """A file of ``sweeps/spaces``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: dict[str, Parameter] = Field(min_length=1)


@dataclass(frozen=True)
class Space:
    """A space that fits a method under a preset.

    Attributes:
        parameters: in the file's order, a parameter behind those that its ``when`` names.
        published: the preset's own value of each key: trial 1.
    """

    parameters: Mapping[str, Parameter]
    published: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes with anything that changes what is searched."""
        return digest({key: p.model_dump() for key, p in self.parameters.items()})

    def active(self, key: str, values: Mapping[str, Any]) -> bool:
        """Whether a key is to be chosen, given the values chosen before."""
        known = {**self.published, **values}
        return all(known.get(other) == value for other, value in self.parameters[key].when.items())

    def overrides(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What differs from the preset: nothing for the preset's own config, which so stays the very same run."""
        return {key: value for key, value in values.items() if value != self.published[key]}


def encode(choice: Any) -> Plain:
    """A choice as Optuna stores it: lists as JSON text."""
    return choice if isinstance(choice, Plain) else json.dumps(choice)


def decode(parameter: Parameter, stored: Any) -> Any:
    """The inverse, and numbers of the parameter's type."""
    if parameter.type != "categorical":
        return parameter.number(stored)
    return next(choice for choice in parameter.choices if encode(choice) == stored)


# -- loading -----------------------------------------------------------------------------------------------------
def load_space(method: str, preset: str, path: Path | None = None, fixed: Mapping[str, Any] | None = None) -> Space:
    """The space of a method: a file of the user's, or the suite's own.

    Args:
        fixed: ``--set`` values that hold in all trials; they cannot be searched as well.

    Raises:
        MissingInputError: there is no space for the method. UsageError: the file is wrong, names an unknown key (with
            the nearest), or a value that the config refuses.
    """
    path = path or SPACES / f"{method}.toml"
    parameters = _read(path)
    spec, fixed = registry.get("methods", method), fixed or {}
    config = build_config(spec, preset, "", fixed).model_dump()
    complete, published = {}, {}
    for key, parameter in parameters.items():
        if key in fixed:
            raise UsageError(f"{key} is searched and given with --set", "leave one of them out")
        for value in parameter.tried():
            _accepts(spec, preset, {**fixed, key: value}, path)
        published[key] = _plain(_at(config, key))
        complete[key] = parameter.including(published[key], key)
    _check_conditions(complete, path)
    return Space(complete, published)


def _read(path: Path) -> dict[str, Parameter]:
    try:
        return dict(SpaceFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).space)
    except FileNotFoundError:
        raise MissingInputError(
            f"there is no search space {path.name}", f"write one and give it with --space; examples lie in {SPACES}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        detail = error.errors()[0]
        message = detail["msg"].removeprefix("Value error, ")
        raise UsageError(f"{path}: {'.'.join(map(str, detail['loc']))}: {message[:1].lower()}{message[1:]}") from None


def _accepts(spec: Any, preset: str, overrides: Mapping[str, Any], path: Path) -> None:
    try:
        build_config(spec, preset, "", overrides)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message.removeprefix('--set ')}", error.hint) from None


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def _check_conditions(parameters: Mapping[str, Parameter], path: Path) -> None:
    seen: set[str] = set()
    for key, parameter in parameters.items():
        unknown = next((other for other in parameter.when if other not in seen), None)
        if unknown is not None:
            raise UsageError(f"{path}: {key} depends on {unknown}, which does not stand above it in the space")
        seen.add(key)
