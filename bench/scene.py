"""The scene that a person is put into for one animation: driving chunks that also carry ``scene`` (n, 3, H, W).

Only methods with a blending mask can do that; they say so by the class attribute ``takes_scene``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.driving import rgb_tensor
from bench.inputs import FileClip
from datasets.base import Array, Clip, FrameStack
from datasets.clips import ArrayClip
from datasets.errors import MissingInputError, UsageError
from datasets.letterbox import square
from datasets.video import IMAGE_SUFFIXES, open_video, read_image

if TYPE_CHECKING:
    from torch import Tensor

    from methods.base import Driving, Method

#: Words beside a file: the photo's own scene, and the driving video's.
SOURCE, DRIVING = "source", "driving"
#: Kinds that tell a person from the scene, the best first, and the pixels around him that mix both.
_PERSON, _MARGIN = ("mask", "parsing20", "iuv"), 1


def check_scene(method: Method, background: str) -> None:
    """Raises UsageError where a background other than the photo's is asked of a method that has none to give."""
    if background not in ("", SOURCE) and not getattr(method, "takes_scene", False):
        raise UsageError(
            f"{method.spec.name} cannot put the person into another scene (--background {background})",
            "use a method that makes a blending mask, or leave --background out",
        )


class SceneDriving:
    """A driving video whose chunks also carry the frames of a scene (see :class:`methods.base.Driving`).

    Args:
        driving: what drives.
        clip: the scene's frames; begun again where it is shorter than the driving video.
    """

    def __init__(self, driving: Driving, clip: Clip, device: torch.device | str = "cpu") -> None:
        self.fps = driving.fps
        self._driving, self._clip, self._device = driving, clip, device

    def __len__(self) -> int:
        return len(self._driving)

    def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Tensor]]:
        """As the driving video's, with ``scene`` (n, 3, H, W) in [0, 1]; one chunk of each in memory."""
        frames = self._frames(start)
        for part in self._driving.chunks(size, start, stop):
            scene = np.stack([next(frames) for _ in range(len(part["rgb"]))])
            yield part | {"scene": rgb_tensor(scene, self._device)}

    def _frames(self, start: int) -> Iterator[Array]:
        """Frames of the scene from number ``start`` on, without end."""
        first = start % len(self._clip)
        while True:
            for stack in self._clip.stream(start=first):
                yield from stack.rgb
            first = 0


def open_scene(background: str, size: int, driving: Clip) -> Clip:
    """The frames of a scene: of an image or a video, or (``driving``) the driving video without its person.

    Args:
        size: side of the square that they are brought to.
        driving: the driving video with its annotations, already of that size.

    Raises:
        MissingInputError: there is no such file, or nothing tells the driving person from the scene.
    """
    if background == DRIVING:
        return _WithoutPerson(driving)
    path = Path(background)
    if not path.exists():
        raise MissingInputError(
            f"--background: there is no {path}", f"give an image, a video, {SOURCE!r} or {DRIVING!r}"
        )
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ArrayClip(path.stem, square(read_image(path), size)[None])
    return FileClip(open_video(path), size)


class _WithoutPerson(Clip):
    """A clip's scene: its annotation ``background``, else its frames with the person painted out one by one."""

    def __init__(self, clip: Clip) -> None:
        self.id, self.identity, self.fps, self.size = clip.id, clip.identity, clip.fps, clip.size
        self.kinds, self.factors, self._clip = frozenset(), clip.factors, clip
        wanted = ("background", *_PERSON)
        found = next((kind for kind in wanted if kind in clip.kinds), None)
        if found is None:
            raise MissingInputError(
                f"--background {DRIVING}: the driving video {clip.id} has no annotation {' or '.join(wanted)}",
                "give one of them in --driving-annotations, or another background",
            )
        self._kind: str = found

    def __len__(self) -> int:
        return len(self._clip)

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices``."""
        return self._emptied(self._clip.read(indices, frozenset({self._kind})))

    def stream(
        self, kinds: frozenset[str] = frozenset(), start: int = 0, stop: int | None = None, chunk: int = 8
    ) -> Iterator[FrameStack]:
        """Frames start..stop-1 in one pass."""
        return map(self._emptied, self._clip.stream(frozenset({self._kind}), start, stop, chunk))

    def _emptied(self, stack: FrameStack) -> FrameStack:
        found = stack.annotations[self._kind]
        if self._kind == "background":
            return FrameStack(found)
        person = found[..., 0] if self._kind == "iuv" else found
        return FrameStack(np.stack([_paint_out(f, p > 0) for f, p in zip(stack.rgb, person, strict=True)]))


def _paint_out(frame: Array, person: Array) -> Array:
    """(H, W, 3) uint8 with the pixels of a person and next to him filled from around them (Telea 2004)."""
    import cv2

    side = 2 * _MARGIN + 1
    hidden = cv2.dilate(person.astype(np.uint8), np.ones((side, side), np.uint8))
    filled: Array = cv2.inpaint(np.ascontiguousarray(frame), hidden, 3, cv2.INPAINT_TELEA)
    return filled
