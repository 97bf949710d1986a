"""Checks of the card and the config: what can be known without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from bench import registry
from bench.check.base import CheckFailed, Group, NotApplicable, require
from bench.config import build_config, describe
from bench.identity import method_code
from datasets.base import KINDS
from methods.base import PRESETS

if TYPE_CHECKING:
    from bench.check.subject import Subject

GROUP = Group("card")
HEAVY = ("torch", "cv2", "av", "pandas", "scipy", "wandb")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TARGET = re.compile(r"(abs|rel)/(src|drv)")


@GROUP.check("the card is imported without torch or other heavy packages")
def light(subject: Subject) -> str:
    """Import the card in a fresh process and look at what came along."""
    module, _, attribute = subject.entry.target.partition(":")
    code = (
        f"import importlib, sys; sys.path[:] = {sys.path!r}; getattr(importlib.import_module({module!r}), "
        f"{attribute!r}); print(','.join(sorted(set({HEAVY!r}) & sys.modules.keys())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    require(done.returncode == 0, f"{module} cannot be imported by itself: {done.stderr.strip()[-200:]}")
    heavy = done.stdout.strip()
    require(not heavy, f"importing {module} imports {heavy}, so listing methods is slow")
    return ""


@GROUP.check("the card is complete")
def complete(subject: Subject) -> str:
    """Name, title, licence, fidelity; a paper comes with its venue and year."""
    spec = subject.spec
    require(spec.name == subject.entry.name, f"its name is {spec.name!r}, it is registered as {subject.entry.name!r}")
    require(bool(_NAME.fullmatch(spec.name)), f"the name {spec.name!r} is not lower case with hyphens")
    empty = [field for field in ("title", "licence", "fidelity") if not getattr(spec, field)]
    require(not empty, f"it does not say its {' and '.join(empty)}")
    require(not spec.paper or bool(spec.venue and spec.year), "it names a paper without venue and year")
    return f"{spec.title}, {spec.licence}"


@GROUP.check("every mode declares its target")
def modes(subject: Subject) -> str:
    """``abs`` or ``rel`` pose, at the place of ``src`` or ``drv``."""
    require(bool(subject.spec.modes), "it has no mode")
    wrong = {mode: target for mode, target in subject.spec.modes.items() if not _TARGET.fullmatch(target)}
    require(not wrong, f"targets are abs|rel/src|drv, got {wrong}")
    return ", ".join(f"{mode} -> {target}" for mode, target in subject.spec.modes.items())


@GROUP.check("it needs only annotations that exist")
def needs(subject: Subject) -> str:
    """Kinds of :data:`datasets.base.KINDS`."""
    strange = sorted((subject.spec.needs | subject.spec.uses) - KINDS.keys())
    require(not strange, f"there is no annotation {strange[0] if strange else ''!r}; there are {', '.join(KINDS)}")
    return ", ".join(sorted(subject.spec.needs)) or "image only"


@GROUP.check("every preset gives a valid config")
def presets(subject: Subject) -> str:
    """All of the suite's presets, by name."""
    missing = [preset for preset in PRESETS if subject.spec.presets and preset not in subject.spec.presets]
    require(not missing, f"it has no preset {', '.join(missing)}")
    for preset in PRESETS:
        build_config(subject.spec, preset)
    return ", ".join(PRESETS)


@GROUP.check("every variant changes the config and is compared with something")
def variants(subject: Subject) -> str:
    """Overrides are valid, change a value, and ``compare_to`` exists."""
    spec = subject.spec
    if not spec.variants:
        raise NotApplicable("it has no variants")
    for preset in PRESETS:
        for slug, variant in spec.variants.items():
            require(bool(_NAME.fullmatch(slug)), f"the slug {slug!r} is not lower case with hyphens")
            partner = variant.compare_to
            known = {"full", *spec.variants} - {slug}
            require(partner in known, f"{slug} is compared with {partner!r}, which is not there")
            other = build_config(spec, preset, "" if partner == "full" else partner, spec.scratch)
            changed = build_config(spec, preset, slug) != other
            require(changed or preset == "tiny", f"{slug} is the same as {partner} under {preset}")
    return ", ".join(spec.variants)


@GROUP.check("every config field is described, and unknown ones are refused")
def config(subject: Subject) -> str:
    """Descriptions, ``extra="forbid"``, and a round trip through JSON (checkpoints carry the config)."""
    from pydantic import BaseModel, ValidationError

    model = registry.load_object(subject.spec.config)
    require(isinstance(model, type) and issubclass(model, BaseModel), f"{subject.spec.config} is no pydantic model")
    fields = describe(model)
    silent = [row["key"] for row in fields if not row["description"]]
    require(not silent, f"{', '.join(silent[:3])} without a description")
    built = build_config(subject.spec, "tiny")
    require(model.model_validate(built.model_dump(mode="json")) == built, "it does not survive JSON")
    try:
        model.model_validate(built.model_dump() | {"no_such_field": 1})
    except ValidationError:
        return f"{len(fields)} fields"
    raise CheckFailed('it accepts unknown fields; set model_config = ConfigDict(extra="forbid")')


@GROUP.check("a run's identity covers the method's code")
def identity(subject: Subject) -> str:
    """The code closure contains the implementation, so that an edit makes stored results stale."""
    module = subject.spec.implementation.partition(":")[0]
    code = method_code(subject.spec)
    require(module in code, f"the code of {module} is not found as source, so an edit would go unnoticed")
    return f"{len(code)} modules"
