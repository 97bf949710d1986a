"""Checkpoints that come with a method, for presets that fine-tune one instead of training from nothing."""

from __future__ import annotations

from pathlib import Path

from datasets.errors import UsageError


def shipped_checkpoint(folder: Path, name: str) -> Path | None:
    """The file that an ``init`` field names, or None for an empty name.

    Args:
        folder: of the method's ``<name>.safetensors`` files.
        name: without suffix.

    Raises:
        UsageError: there is no checkpoint of that name; the message lists those that are shipped.
    """
    if not name:
        return None
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors"))) or "none"
        raise UsageError(
            f"init: no shipped checkpoint '{name}' (shipped: {shipped}).", "set init to '' to train from scratch"
        )
    return path
