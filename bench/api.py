"""The Python interface: ``bench.load_method(name, checkpoint).animate(source, driving)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.base import Array, Clip, FrameStack
from datasets.clips import ArrayClip
from datasets.errors import UsageError

if TYPE_CHECKING:
    from methods.base import Driving, Method

DEFAULT_SIZE = 256


def load_method(
    name: str, checkpoint: str | Path | None = None, device: str = "auto", precision: str = "fp32"
) -> Animator:
    """A registered method with trained networks.

    Args:
        name: registered name (``tps``).
        checkpoint: a file of this suite or an official one; None for the sanity rows, which have no networks.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``fp32`` or ``bf16``.

    Raises:
        UsageError: unknown method, or a checkpoint that does not fit it.
        MissingInputError: there is no such file.

    Example:
        >>> animator = bench.load_method("tps", "best.pt")  # doctest: +SKIP
        >>> for frame in animator.animate("photo.png", "dance.mp4"):  # doctest: +SKIP
        ...     show(frame)  # (H, W, 3) uint8
    """
    from bench.loading import open_method
    from bench.spec import PRECISIONS

    if precision not in PRECISIONS:
        raise UsageError(f"there is no precision {precision!r}", f"choose {' or '.join(PRECISIONS)}")
    method, size = open_method(name, Path(checkpoint) if checkpoint is not None else None, device)
    return Animator(method, size or DEFAULT_SIZE, precision)


@dataclass(frozen=True)
class Animator:
    """A method ready to animate.

    Attributes:
        size: side in pixels of the square frames it was trained on.
    """

    method: Method
    size: int = DEFAULT_SIZE
    precision: str = "fp32"

    def animate(
        self,
        source: str | Path | Array | FrameStack,
        driving: str | Path | Array | Sequence[Array] | Clip,
        mode: str = "",
        size: int = 0,
        source_annotations: str | Path | None = None,
        driving_annotations: str | Path | None = None,
        preset: str = "quick",
        annotation_class: str = "exact",
        background: str | Path = "",
    ) -> Iterator[Array]:
        """Stream generated frames; memory does not grow with the driving video.

        Args:
            source: path of an image, ``DATASET:CLIP[@FRAME]``, (H, W, 3) uint8, or a stack of one frame.
            driving: path of a video or frame folder, ``DATASET:CLIP``, (T, H, W, 3) uint8, or a clip.
            mode: one of the method's modes; "" = its default.
            size: side of the square frames; 0 = as trained.
            source_annotations, driving_annotations: folders with ``<kind>.npz`` or ``.png``, for paths.
            preset, annotation_class: of a data set that is named.
            background: image or video that the person is put into, or ``driving``: the driving video's own scene;
                "" or ``source``: the photo's.

        Yields:
            (size, size, 3) uint8 RGB frames, as many as the driving video has.

        Raises:
            UsageError, MissingInputError: an input is wrong or absent, an annotation kind too (named); or the method
                cannot change the background.
            GenerationError: the method breaks its contract.
        """
        from bench.driving import ClipDriving, batch_of
        from bench.generate import animate
        from bench.inputs import Opening, open_driving, open_source
        from bench.scene import SOURCE, SceneDriving, check_scene, open_scene
        from methods.base import AnimateOptions

        spec = self.method.spec
        if mode and mode not in spec.modes:
            raise UsageError(f"{spec.name} has no mode {mode!r}", f"choose {', '.join(spec.modes)}")
        background = str(background)
        check_scene(self.method, background)
        opening = Opening(size or self.size, spec.needs, spec.uses, preset, annotation_class)
        photo = open_source(_named(source), opening, _path(source_annotations))
        clip = open_driving(_named(driving), opening, _path(driving_annotations))
        options = AnimateOptions(mode or next(iter(spec.modes)), precision=self.precision)
        device = self.method.device
        frames: Driving = ClipDriving(clip, spec.needs, device)
        if background not in ("", SOURCE):
            frames = SceneDriving(frames, open_scene(background, opening.size, clip), device)
        what = f"{_title(source)} by {_title(driving)}"
        yield from animate(self.method, batch_of(photo, device), frames, options, (opening.size, opening.size), what)


def _named(given: Any) -> Any:
    """Paths as text, arrays as clips; the rest as it is."""
    if isinstance(given, str | Path):
        return str(given)
    if isinstance(given, Clip):
        return given
    if isinstance(given, FrameStack):
        return ArrayClip("array", given.rgb, annotations=given.annotations)
    array = np.asarray(given)
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or array.shape[-1] != 3:
        raise UsageError(
            f"frames are uint8 (H, W, 3) or (T, H, W, 3), got {array.dtype} {array.shape}", "give RGB, 0 to 255"
        )
    return ArrayClip("array", array[None] if array.ndim == 3 else array)


def _path(given: str | Path | None) -> Path | None:
    return Path(given) if given is not None else None


def _title(given: Any) -> str:
    return str(given) if isinstance(given, str | Path) else "array"
