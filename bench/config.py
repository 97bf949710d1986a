"""A method's config from its layers: defaults < preset < variant < ``--set``. Errors name key and value."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from bench.registry import load_object
from datasets.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from methods.base import MethodSpec


# -- parsing ---------------------------------------------------------------------------------------------------------
def parse_set(items: Sequence[str]) -> dict[str, Any]:
    """``["train.lr=1e-3", "mode=fast"]`` -> dotted key -> value.

    Values are TOML literals (numbers, booleans, strings in quotes, arrays, inline tables); anything else is a string.

    Raises:
        UsageError: no ``=``, an empty key or value, a key given twice, NaN or an infinity.
    """
    found: dict[str, Any] = {}
    for item in items:
        key, sign, text = (part.strip() for part in item.partition("="))
        if not sign or not key or not all(key.split(".")):
            raise UsageError(f"--set {item!r} is not of the form key=value", "for instance --set train.lr=1e-4")
        if not text:
            raise UsageError(f"--set {key}= has no value", f"an empty text is written --set '{key}=\"\"'")
        if key in found:
            raise UsageError(f"--set {key} is given twice", "give each key once")
        found[key] = _literal(text)
        _refuse_non_finite(key, found[key], text)
    return found


def _literal(text: str) -> Any:
    """A TOML value, or the text itself where it is none (or a date, which no config holds)."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = table.get("value")
    plain = isinstance(value, str | bool | int | float | list | dict)
    return value if plain and len(table) == 1 else text


def _refuse_non_finite(key: str, value: Any, text: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"--set {key}: {text} is not a finite number")
    if isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            _refuse_non_finite(key, inner, text)


# -- the fields of a config ------------------------------------------------------------------------------------------
def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model that a field's annotation is (or is optionally), if any."""
    from pydantic import BaseModel

    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _section(annotation: Any) -> type[BaseModel] | None:
    """The model behind a field that dotted keys may enter: not one inside a list or a mapping."""
    origin = getattr(annotation, "__origin__", None)
    return None if origin in (list, tuple, dict, set, frozenset) else _model_of(annotation)


def paths_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted path of a config, in the order of its fields."""
    for name, field in model.model_fields.items():
        inner = _section(field.annotation)
        if inner is None:
            yield prefix + name
        else:
            yield from paths_of(inner, f"{prefix}{name}.")


def describe(model: type[BaseModel], section: BaseModel | None = None, prefix: str = "") -> list[dict[str, Any]]:
    """``key``, ``default`` and ``description`` of every field of a config, sections included field by field.

    Args:
        section: take the defaults from this instance (a section's default may differ from its class's).
    """
    rows: list[dict[str, Any]] = []
    for name, field in model.model_fields.items():
        required = section is None and field.is_required()
        default = getattr(section, name) if section is not None else field.get_default(call_default_factory=True)
        inner = _section(field.annotation)
        if inner is None:
            shown = "(required)" if required else default
            rows.append({"key": prefix + name, "default": shown, "description": field.description or ""})
        else:
            rows += describe(inner, default if isinstance(default, inner) else None, f"{prefix}{name}.")
    return rows


def _flatten(model: type[BaseModel], values: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Dotted keys that each name one field; a table given for a section is spread over its fields."""
    flat: dict[str, Any] = {}
    for path, value in values.items():
        inner = _field_model(model, path, origin)
        if inner is not None and isinstance(value, Mapping):
            spread = {f"{path}.{k}": v for k, v in value.items()}
            flat_inner = _flatten(model, spread, origin)
        else:
            flat_inner = {path: value}
        twice = next((k for k in flat_inner if k in flat), None)
        if twice is not None:
            raise UsageError(f"{origin} {twice} is given twice", "give each key once")
        flat |= flat_inner
    return flat


def _field_model(model: type[BaseModel], path: str, origin: str) -> type[BaseModel] | None:
    """The section at ``path``, or None where it is a plain field.

    Raises:
        UsageError: there is no such field (with the nearest).
    """
    inner: type[BaseModel] | None = model
    for name in path.split("."):
        if inner is None or name not in inner.model_fields:
            raise _unknown(model, path, origin)
        inner = _section(inner.model_fields[name].annotation)
    return inner


def _unknown(model: type[BaseModel], path: str, origin: str) -> UsageError:
    known = list(paths_of(model))
    leaves = {k.rpartition(".")[2]: k for k in known}
    near = difflib.get_close_matches(path, known, n=1, cutoff=0.6)
    near = near or [leaves[m] for m in difflib.get_close_matches(path.rpartition(".")[2], leaves, n=1, cutoff=0.7)]
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return UsageError(f"{origin} {path}: unknown key", hint)


# -- building --------------------------------------------------------------------------------------------------------
def build_config(method: MethodSpec, preset: str, variant: str = "", overrides: Mapping[str, Any] | None = None) -> Any:
    """The validated config of a method: defaults < preset < variant < ``overrides`` (dotted keys).

    Returns:
        An instance of the method's pydantic config.

    Raises:
        UsageError: unknown preset, variant or key (with the nearest name); a value of a wrong type or out of range.
    """
    model: type[BaseModel] = load_object(method.config)
    layers = (
        (f"preset {preset!r} of {method.name}:", preset_overrides(method, preset)),
        (f"variant {variant!r} of {method.name}:", variant_overrides(method, variant)),
        ("--set", overrides or {}),
    )
    merged: dict[str, tuple[Any, str]] = {}
    for origin, values in layers:
        merged |= {path: (value, origin) for path, value in _flatten(model, values, origin).items()}
    return _validate(model, merged)


def preset_overrides(method: MethodSpec, preset: str) -> Mapping[str, Any]:
    """Overrides of a preset; a method that declares no presets takes any of the suite's names."""
    from methods.base import PRESETS

    known = list(method.presets) or list(PRESETS)
    if preset not in known:
        raise UsageError(f"{method.name} has no preset {preset!r}", _nearest(preset, known))
    return method.presets.get(preset, {})


def variant_overrides(method: MethodSpec, variant: str) -> Mapping[str, Any]:
    """Overrides of a variant (``""`` is the full method): the method's ``scratch`` ones, then the variant's own."""
    if not variant:
        return {}
    if variant not in method.variants:
        if not method.variants:
            raise UsageError(f"{method.name} has no variants, so no {variant!r}", "leave --variant out")
        raise UsageError(f"{method.name} has no variant {variant!r}", _nearest(variant, list(method.variants)))
    return {**method.scratch, **method.variants[variant].overrides}


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def _validate(model: type[BaseModel], merged: Mapping[str, tuple[Any, str]]) -> BaseModel:
    from pydantic import ValidationError

    tree: dict[str, Any] = {}
    for path, (value, _) in merged.items():
        *sections, leaf = path.split(".")
        node = tree
        for name in sections:
            node = node.setdefault(name, {})
        node[leaf] = value
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise _readable(error.errors()[0], merged) from error


def _readable(detail: ErrorDetails, merged: Mapping[str, tuple[Any, str]]) -> UsageError:
    """One sentence for pydantic's first error, naming where the value came from."""
    where = ".".join(str(part) for part in detail["loc"])
    given = next(((v, o) for path, (v, o) in merged.items() if where == path or where.startswith(path + ".")), None)
    message = detail["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if not where:  # a rule between fields
        return UsageError(f"the config is not valid: {message}", "see the values with bench run ... --dry-run")
    value, origin = given if given is not None else (detail["input"], "config")
    return UsageError(f"{origin} {where}: {message} (got {value!r})")
