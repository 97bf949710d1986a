"""Where faces are, their aligned crops, and the way back into the frame (section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from methods.dance.config import RefinementConfig
from methods.dance.crops import boxes_of
from methods.dance.labels import FACE
from methods.layers.grids import warp

#: Eyes among the 135 key points: face68 begins at 67.
_EYES = (slice(67 + 36, 67 + 42), slice(67 + 42, 67 + 48))
#: ``finder(frame (H, W, 3) uint8) -> (5, 2) eyes, nose, corners of the mouth in pixels, or None``.
Finder = Callable[[Tensor], Tensor | None]


@dataclass(frozen=True)
class Faces:
    """Squares around B faces, turned with them.

    Attributes:
        centre: (B, 2) x, y in pixels. half: (B,) half a side in pixels. angle: (B,) of the line through the eyes,
            radians. found: (B,) bool.
    """

    centre: Tensor
    half: Tensor
    angle: Tensor
    found: Tensor

    def grid(self, size: int, height: int, width: int) -> Tensor:
        """(B, size, size, 2) network coordinates in frames of that size where the crop's pixels lie."""
        step = (torch.arange(size, device=self.half.device) + 0.5) / size * 2 - 1
        u, v = step[None, None, :] * self.half[:, None, None], step[None, :, None] * self.half[:, None, None]
        cos, sin = self.angle.cos()[:, None, None], self.angle.sin()[:, None, None]
        x = self.centre[:, 0, None, None] + cos * u - sin * v
        y = self.centre[:, 1, None, None] + sin * u + cos * v
        return torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], -1)

    def crop(self, frames: Tensor, size: int) -> Tensor:
        """(B, C, H, W) -> (B, C, size, size), bilinear, edges repeated."""
        return warp(frames, self.grid(size, frames.shape[-2], frames.shape[-1]), padding="border")

    def paste(self, frames: Tensor, crop: Tensor, mask: Tensor) -> Tensor:
        """Blend crops into the squares that they came from; every other pixel stays as it is.

        Args:
            frames: (B, 3, H, W). crop: (B, 3, S, S). mask: (B, 1, S, S) in [0, 1].
        """
        size, (height, width) = crop.shape[-1], frames.shape[-2:]
        y = torch.arange(height, device=frames.device, dtype=torch.float32)[:, None] - self.centre[:, 1, None, None]
        x = torch.arange(width, device=frames.device, dtype=torch.float32) - self.centre[:, 0, None, None]
        cos, sin = self.angle.cos()[:, None, None], self.angle.sin()[:, None, None]
        half = self.half[:, None, None].clamp(min=1e-3)
        local = torch.stack([(cos * x + sin * y) / half, (cos * y - sin * x) / half], -1)
        inside = (local.abs() <= 1).all(-1) & self.found[:, None, None]
        place = (local + 1) / 2 * size - 0.5
        back = warp(torch.cat([crop, mask], 1), 2 * place / max(size - 1, 1) - 1, padding="border")
        share = back[:, 3:] * inside[:, None]
        return torch.where(inside[:, None], frames + share * (back[:, :3] - frames), frames)


def faces_of(labels: Tensor, keypoints: Tensor, config: RefinementConfig, threshold: float) -> Faces:
    """Faces by the label map (the paper's section 3: it specifies the face areas) and the angle by the eyes' points.

    Args:
        labels: (B, H, W). keypoints: (B, 135, 3) in the same frame. threshold: least confidence of an eye's point; a
            face whose eyes are not both seen is left alone, so that a head from behind gets none.
    """
    box, found = boxes_of(labels == FACE)
    centre = (box[:, :2] + box[:, 2:]) / 2
    side = (box[:, 2:] - box[:, :2] + 1).amax(1)
    eyes = torch.stack([keypoints[:, part, :2].float().mean(1) for part in _EYES], 1)
    seen = torch.stack([(keypoints[:, part, 2] > threshold).all(1) for part in _EYES], 1).all(1)
    return Faces(
        centre, config.context * side / 2, _angle(eyes[:, 0], eyes[:, 1]), found & seen & (side >= config.least)
    )


def faces_by(finder: Finder, frames: Tensor, config: RefinementConfig) -> Faces:
    """Faces as a detector finds them in (B, 3, H, W) frames in [0, 1]: five points each (``align = mtcnn``)."""
    pictures = (frames.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8).movedim(1, -1)
    points = [finder(picture) for picture in pictures]
    found = torch.tensor([p is not None for p in points], device=frames.device)
    filled = torch.stack([torch.zeros(5, 2) if p is None else p for p in points]).to(frames.device)
    # The five points span about half of a face's box.
    side = 2 * (filled.amax(1) - filled.amin(1)).amax(1)
    half = (config.context * side / 2).clamp(min=1)
    return Faces(filled.mean(1), half, _angle(filled[:, 0], filled[:, 1]), found & (side >= config.least))


def _angle(left: Tensor, right: Tensor) -> Tensor:
    """(B,) angle of the line from the eye at the image's left to the other; 0 where they are one point."""
    line = right - left
    line = line * torch.where(line[:, :1] < 0, -1.0, 1.0)
    return torch.atan2(line[:, 1], line[:, 0])
