"""Arrays that a method derives from clips before training, cached on disk by content and code, memory-mapped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench import launch
from bench.closure import code_closure
from datasets.base import Array, Clip, Dataset
from datasets.errors import UsageError
from datasets.files import atomic_path, cache_root, digest, safe_name

if TYPE_CHECKING:
    from methods.base import Method

Progress = Callable[[int, int, str], None]


def derived_arrays(
    method: Method, dataset: Dataset, clips: Sequence[Clip], progress: Progress, root: Path | None = None
) -> list[Mapping[str, Array]]:
    """``method.derive`` of every clip, made once for the method's code, its config and the data.

    Under torchrun rank 0 makes them and the others wait.

    Args:
        root: cache folder (``cache_root() / "derived"``).

    Returns:
        Of each clip, name -> memory-mapped array.

    Raises:
        UsageError: the arrays of a clip differ in length.
        StorageError: the cache cannot be written.
    """
    code = code_closure([type(method).__module__])
    config = method.config.model_dump(mode="json")
    content = [dataset.fingerprint("train"), dataset.size, dataset.annotation_class]
    key = digest([code, config, content])[:16]
    folder = (root or cache_root() / "derived") / safe_name(method.spec.name) / key
    if launch.is_main():
        for i, clip in enumerate(clips):
            if _load(folder / safe_name(clip.id)) is None:
                _derive(method, clip, folder / safe_name(clip.id))
            progress(i + 1, len(clips), "derive training arrays")
    launch.barrier()
    found = [_load(folder / safe_name(clip.id)) for clip in clips]
    return [arrays for arrays in found if arrays is not None]


def _derive(method: Method, clip: Clip, folder: Path) -> None:
    arrays = method.derive(clip)
    if len({len(a) for a in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise UsageError(f"{method.spec.name} derives arrays of different lengths from clip {clip.id}: {shapes}")
    if folder.exists():  # damaged
        shutil.rmtree(folder)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for name, array in arrays.items():
            np.save(temporary / f"{safe_name(name)}.npy", array, allow_pickle=False)
        (temporary / "names.txt").write_text("\n".join(arrays), encoding="utf-8")


def _load(folder: Path) -> Mapping[str, Array] | None:
    """The arrays of a clip; None where they are absent or cannot be read."""
    try:
        names = (folder / "names.txt").read_text(encoding="utf-8").splitlines()
        return {name: np.load(folder / f"{safe_name(name)}.npy", mmap_mode="r") for name in names}
    except (OSError, ValueError, EOFError):
        return None
