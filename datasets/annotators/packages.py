"""Packages that only some annotators need: imported when used, and named in one sentence where they are absent."""

from __future__ import annotations

import importlib
from types import ModuleType

from datasets.errors import MissingInputError


def package(name: str, extra: str) -> ModuleType:
    """Import an optional package (or one of its modules).

    Raises:
        MissingInputError: it, or something that it needs, is not installed; the hint names the extra that brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingInputError(
            f"the package {name.partition('.')[0]} cannot be imported: {error}",
            f"install the extra: uv sync --extra {extra}, or pip install 'motion-transfer-bench[{extra}]'",
        ) from None
