"""The scene without the person: the temporal median of what is visible, and inpainting where nothing ever is.

A camera that stands still gives one picture for the clip: each pixel is the median over sampled frames in which the
person does not cover it (exact for iPER and fashion videos but for noise). Where the camera moves every frame is
inpainted by itself. Inpainting is that of Telea (2004) as OpenCV has it, or LaMa (Suvorov et al., WACV 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets.annotators.base import Annotator, AnnotatorCard
from datasets.base import Array
from datasets.errors import MissingInputError
from datasets.footage import Measured
from datasets.letterbox import resize

#: Frames that the median is taken of, evenly spaced: memory holds so many, whatever the clip's length.
SAMPLES = 32
#: A sampled pixel that differs by more grey levels from the median is another place: share of them of a still camera.
DIFFERENT, MOVING = 24, 0.12
#: Longer side at which Telea's inpainting works; what it fills is smooth anyway.
INPAINT_SIDE = 256
#: Maps that say where the person is, best first, and rows by which that is widened, as a share of the height.
PEOPLE, WIDER = ("mask", "parsing6", "parsing20", "iuv"), 0.012
#: Body around a face box, in its widths and heights: to each side of its middle, above its top, below its bottom.
HEAD, BODY = (1.0, 0.7, 0.4), (2.6, 0.0, 9.5)
#: Share of the sampled frames that must show a pixel where only face boxes say who covers it: some boxes are wrong.
TRUSTED = 0.2
SETTINGS = {"samples": SAMPLES, "moving": MOVING, "wider": WIDER, "head": HEAD, "body": BODY, "trusted": TRUSTED}


class Background(Annotator):
    """Median and inpainting. :meth:`fill` is what another inpainter replaces."""

    def __init__(self, card: AnnotatorCard, device: str = "cpu") -> None:
        self.card = card
        self.settings = SETTINGS | {"side": INPAINT_SIDE, "opencv": cv2.__version__}

    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """``background``: (H, W, 3) uint8; where the camera stands still, the same for every frame.

        ``facts``: ``person`` (which annotation says where the person is), ``camera`` (``still`` or ``moves``) and
        ``inpainted`` (share of the picture that no sampled frame shows).
        """
        who = next((kind for kind in (*PEOPLE, "face") if clip.has(kind)), None)
        frames, people, known = _sample(clip, who)
        least = 1 if who != "face" else math.ceil(TRUSTED * len(frames))
        scene, seen = visible_median(frames, people, least)
        moves = camera_moves(frames, people, scene)
        facts["person"] = who if known else "not found: what never moves stays"
        facts["camera"] = "moves" if moves else "still"
        if moves and known:  # without a person to take out, one blurred picture is nearer to a scene than the frames
            yield from self._each(clip, who, facts)
            return
        facts["inpainted"] = round(float((~seen).mean()), 4)
        picture = scene if seen.all() else self.fill(scene, ~seen)
        yield from repeat({"background": picture}, clip.length)

    def _each(self, clip: Measured, who: str | None, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        """Every frame inpainted by itself; somebody who is not found is where they last were."""
        last, shares = np.zeros(clip.size, bool), 0.0
        for frame, person in zip(clip.frames(), _people(clip, who), strict=True):
            last = last if person is None else person
            shares += float(last.mean())
            facts["inpainted"] = round(shares / clip.length, 4)
            yield {"background": self.fill(frame, last)}

    def fill(self, picture: Array, hole: Array) -> Array:
        """An (H, W, 3) uint8 picture with the pixels of ``hole`` (H, W) bool made up from their surroundings."""
        if not hole.any():
            return picture.copy()
        if hole.all():
            return np.broadcast_to(np.median(picture.reshape(-1, 3), axis=0).astype(np.uint8), picture.shape).copy()
        return np.where(hole[..., None], self.inpaint(picture, hole), picture)

    def inpaint(self, picture: Array, hole: Array) -> Array:
        """(H, W, 3) uint8; only its pixels inside ``hole`` are used."""
        size = picture.shape[:2]
        scale = min(1.0, INPAINT_SIDE / max(size))
        small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        covered = resize(hole.astype(np.uint8) * 255, small) > 0  # a pixel that the hole touches is part of it
        filled = cv2.inpaint(resize(picture, small), covered.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        return resize(np.asarray(filled), (size[0], size[1]))


class Lama(Background):
    """Median, and LaMa as the TorchScript file ``big-lama.pt`` where nothing is ever seen."""

    def __init__(self, card: AnnotatorCard, device: str = "cpu", path: Path | None = None) -> None:
        """Load the file (of ``bench weights`` unless given). Code in it runs: the caller answers for a given one.

        Raises:
            MissingInputError: it is absent, or no TorchScript file.
        """
        from datasets.annotators.states import load_script
        from datasets.weights import checked, weight

        super().__init__(card)
        self._device = device
        self._network, self.weights = load_script(path or checked(weight(card.weights[0])), device)
        self.settings = SETTINGS

    def inpaint(self, picture: Array, hole: Array) -> Array:
        """(H, W, 3) uint8: LaMa sees [0, 1] and the hole as 1, both continued by their mirror to a multiple of 8."""
        import torch

        height, width = hole.shape
        pad = ((0, -height % 8), (0, -width % 8))
        image = np.pad(picture, (*pad, (0, 0)), mode="symmetric")
        x = torch.from_numpy(image).permute(2, 0, 1)[None].float().to(self._device) / 255.0
        mask = torch.from_numpy(np.pad(hole, pad, mode="symmetric"))[None, None].float().to(self._device)
        with torch.inference_mode():
            out = self._network(x, mask)
        if out.shape != x.shape:
            raise MissingInputError(
                f"{self.card.weights[0]} answers {tuple(out.shape)}, not a picture: another network"
            )
        found = (out[0].clamp(0, 1) * 255.0 + 0.5).floor().permute(1, 2, 0).to(torch.uint8).cpu().numpy()
        return np.asarray(found[:height, :width])


# -- where the person is -------------------------------------------------------------------------------------------
def _people(clip: Measured, who: str | None) -> Iterator[Array | None]:
    """(H, W) bool for every frame: where the person is or may be; None where nobody knows."""
    if who is None:
        yield from repeat(None, clip.length)
        return
    for note in clip.note(who):
        if who == "face":
            yield body_of_face(note, clip.size) if np.isfinite(note).all() else None
        else:
            yield widened(note[..., 0] > 0 if who == "iuv" else note > 0)


def widened(person: Array) -> Array:
    """A (H, W) bool mask with a margin, since masks end inside the soft outline of a person."""
    radius = max(1, round(WIDER * person.shape[0]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.dilate(person.astype(np.uint8), kernel)) > 0


def body_of_face(box: Array, size: tuple[int, int]) -> Array:
    """(H, W) bool: the boxes in which head and upright body of somebody with that face box can be."""
    x0, y0, x1, y1 = (float(v) for v in box)
    middle, width, height = (x0 + x1) / 2, x1 - x0, y1 - y0
    mask = np.zeros(size, bool)
    for side, above, below in (HEAD, BODY):
        left, right = round(middle - side * width), round(middle + side * width)
        top = round((y1 if not above else y0) - above * height)
        mask[max(0, top) : max(0, round(y1 + below * height)), max(0, left) : max(0, right)] = True
    return mask


# -- median --------------------------------------------------------------------------------------------------------
def _sample(clip: Measured, who: str | None) -> tuple[Array, Array, bool]:
    """Evenly spaced frames (N, H, W, 3) uint8, where the person is in them (N, H, W) bool, and whether that is known.

    A frame in which nobody knows counts as covered, unless there is no other.
    """
    chosen = set(np.linspace(0, clip.length - 1, min(SAMPLES, clip.length)).round().astype(int).tolist())
    frames, people = [], []
    for i, (frame, person) in enumerate(zip(clip.frames(), _people(clip, who), strict=True)):
        if i in chosen:
            frames.append(frame)
            people.append(person)
    known = any(person is not None and person.any() for person in people)
    unknown = np.full(clip.size, known)
    return np.stack(frames), np.stack([unknown if person is None else person for person in people]), known


def visible_median(frames: Array, people: Array, least: int = 1, rows: int = 32) -> tuple[Array, Array]:
    """Median over the frames in which a pixel is not covered.

    Args:
        frames: (N, H, W, 3) uint8. people: (N, H, W) bool, True = covered. least: so many frames must show a pixel.
        rows: worked on at a time.

    Returns:
        (H, W, 3) uint8, the mean of the middle two rounded half up (median over all frames where too few show a
        pixel), and (H, W) bool: whether enough frames show it.
    """
    count = (~people).sum(axis=0)
    seen = count >= least
    covered = people & seen
    n = np.where(seen, count, len(frames))[..., None]
    out = np.empty(frames.shape[1:], np.uint8)
    for top in range(0, frames.shape[1], rows):
        part = slice(top, top + rows)
        band = np.where(covered[:, part, :, None], 1000, frames[:, part].astype(np.uint16))
        band.sort(axis=0)  # covered ones go to the end
        low = np.take_along_axis(band, np.broadcast_to((n[part] - 1) // 2, band.shape[1:])[None], axis=0)[0]
        high = np.take_along_axis(band, np.broadcast_to(n[part] // 2, band.shape[1:])[None], axis=0)[0]
        out[part] = (low + high + 1) // 2
    return out, seen


def camera_moves(frames: Array, people: Array, scene: Array) -> bool:
    """Whether visible pixels differ from the median in too many places for a camera that stands still."""
    shares = []
    for frame, person in zip(frames, people, strict=True):
        away = np.abs(frame.astype(np.int16) - scene).max(axis=-1) > DIFFERENT
        visible = ~person
        if visible.any():
            shares.append(float(away[visible].mean()))
    return bool(shares) and float(np.median(shares)) > MOVING
