"""A run as a unit of work: its spec as JSON, the command that brings it to its end, and what its folder says then."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.executors.base import Task
from bench.spec import RunSpec
from bench.tracking import GROUP
from datasets.files import read_json, write_json


def spec_to_json(spec: RunSpec) -> dict[str, Any]:
    """Everything that was asked for, as plain JSON values."""
    checkpoint = str(Path(spec.checkpoint).absolute()) if spec.checkpoint else None
    return asdict(spec) | {"checkpoint": checkpoint, "runs": str(spec.runs.absolute())}


def spec_of_json(fields: Mapping[str, Any]) -> RunSpec:
    """The inverse of :func:`spec_to_json`."""
    checkpoint = Path(fields["checkpoint"]) if fields["checkpoint"] else None
    given = {"protocols": tuple(fields["protocols"]), "checkpoint": checkpoint, "runs": Path(fields["runs"])}
    return RunSpec(**{**fields, **given})


def write_spec(path: Path, spec: RunSpec, **more: Any) -> Path:
    """Write what a unit is started with. Raises StorageError."""
    return write_json(path, {"spec": spec_to_json(spec)} | more)


def read_spec(path: Path) -> tuple[RunSpec, dict[str, Any]]:
    """The spec of a unit, and what else was written with it. Raises MissingInputError, SuiteError."""
    fields = read_json(path)
    return spec_of_json(fields.pop("spec")), fields


def unit_task(
    name: str, spec: Path, log: Path, group: str = "", module: str = "bench.cli.unit", **options: Any
) -> Task:
    """The task that brings the run of a spec file to its end.

    Args:
        module: whose command it is. options: further fields of :class:`Task`.
    """
    environment = {GROUP: group, "PYTHONUNBUFFERED": "1"}
    return Task(name, (sys.executable, "-m", module, str(spec.absolute())), log, environment=environment, **options)


def last_error(log: Path) -> str:
    """What a unit said last about an error ("" where it said nothing)."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return said[-1] if said else ""
