"""What the networks read: frames brought to their size, stick figures, IUV maps, label maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.errors import MissingInputError
from methods.dance.config import DanceConfig, PoseConfig
from methods.dance.labels import with_hands
from methods.layers.labels import IUV_PARTS
from methods.layers.letterbox import Letterbox
from methods.layers.skeleton import BODY_POINTS, HAND_POINTS, draw_face, draw_skeleton

#: Width of the portrait part over the height (paper: 320 x 512).
_PORTRAIT = 5 / 8


@dataclass(frozen=True)
class View:
    """From whole frames to the networks' frame and back: resized, then padded to a multiple of some pixels.

    Attributes:
        height, width: of the whole frames in pixels.
        side: height that they are brought to, 0 for their own.
        portrait: a person is only in the middle columns, 5/8 of the height.
        multiple: sides of the networks' frame are multiples of it.
    """

    height: int
    width: int
    side: int
    portrait: bool
    multiple: int

    @classmethod
    def of(cls, frames: Tensor, config: DanceConfig) -> View:
        """For (..., height, width) frames."""
        return cls(frames.shape[-2], frames.shape[-1], config.frame.size, config.frame.portrait, config.multiple)

    @property
    def inner(self) -> tuple[int, int]:
        """Height and width after resizing."""
        if not self.side:
            return self.height, self.width
        return self.side, max(1, round(self.width * self.side / self.height))

    @property
    def box(self) -> Letterbox:
        """The padding after resizing."""
        return Letterbox(*self.inner, self.multiple)

    @property
    def size(self) -> tuple[int, int]:
        """Sides of the networks' frame."""
        height, width = self.inner
        return height + -height % self.multiple, width + -width % self.multiple

    @property
    def scale(self) -> tuple[float, float]:
        """Networks' pixels in one of the frame, (x, y)."""
        height, width = self.inner
        return width / self.width, height / self.height

    def enter(self, frames: Tensor) -> Tensor:
        """(B, C, height, width) -> (B, C, H, W), bilinear, edges repeated."""
        if self.inner != (self.height, self.width):
            reducing = self.inner[0] < self.height
            frames = F.interpolate(frames, self.inner, mode="bilinear", align_corners=False, antialias=reducing)
        return self.box.pad(frames)

    def enter_labels(self, labels: Tensor) -> Tensor:
        """(B, height, width) or (B, height, width, C) labels -> the same at (H, W), nearest pixel; 0 in the margins."""
        flat = labels[..., None] if labels.ndim == 3 else labels
        maps = flat.movedim(-1, 1).float()
        if self.inner != (self.height, self.width):
            maps = F.interpolate(maps, self.inner, mode="nearest-exact")
        maps = self.box.pad(maps) * self.window(maps)
        made = maps.movedim(1, -1).to(labels.dtype)
        return made[..., 0] if labels.ndim == 3 else made

    def enter_points(self, keypoints: Tensor) -> Tensor:
        """(B, K, 3) key points of the whole frames -> of the networks' frame, in float32."""
        left, _, top, _ = self.box.margins
        scale = keypoints.new_tensor([*self.scale, 1.0]).float()
        shift = keypoints.new_tensor([left - 0.5, top - 0.5, 0.0]).float()
        half = keypoints.new_tensor([0.5, 0.5, 0.0]).float()
        return (keypoints.float() + half) * scale + shift

    def window(self, like: Tensor) -> Tensor:
        """(1, 1, 1, W) of zeros and ones: columns where a person can be."""
        width = self.size[1]
        if not self.portrait:
            return torch.ones(1, 1, 1, width, device=like.device)
        kept = min(width, round(self.inner[0] * _PORTRAIT))
        window = torch.zeros(1, 1, 1, width, device=like.device)
        window[..., (width - kept) // 2 : (width - kept) // 2 + kept] = 1
        return window

    def leave(self, frames: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, height, width)."""
        inner = self.box.crop(frames)
        if self.inner == (self.height, self.width):
            return inner
        size = (self.height, self.width)
        reducing = self.inner[0] > self.height
        return F.interpolate(inner, size, mode="bilinear", align_corners=False, antialias=reducing)


# -- pose --------------------------------------------------------------------------------------------------------
def draw_pose(keypoints: Tensor, size: tuple[int, int], config: PoseConfig) -> Tensor:
    """The stick figure P^S with face landmarks and fingers (section 3.1): (B, 135, 3) -> (B, 3, H, W) in [0, 1]."""
    count = BODY_POINTS + (2 * HAND_POINTS if config.hands else 0)
    drawn = draw_skeleton(
        keypoints[:, :count], size, config.threshold, config.thickness, face_threshold=config.face_threshold
    )
    if not config.face:
        return drawn
    return torch.maximum(drawn, draw_face(keypoints[:, 67:], size, config.face_threshold, config.thickness / 2))


def seen_iuv(iuv: Tensor, config: PoseConfig) -> Tensor:
    """A driving IUV map (B, H, W, 3) as a variant may see it: all of it, at a quarter of the resolution, or nothing."""
    if config.iuv == "none":
        return torch.zeros_like(iuv)
    if config.iuv == "full":
        return iuv
    (height, width), maps = iuv.shape[1:3], iuv.movedim(-1, 1).float()
    small = F.interpolate(maps, (max(1, height // 4), max(1, width // 4)), mode="nearest-exact")
    return F.interpolate(small, (height, width), mode="nearest-exact").movedim(1, -1).to(iuv.dtype)


def read_iuv(iuv: Tensor) -> Tensor:
    """P^D as three channels (section 3.1): (B, H, W, 3) uint8 part, U, V -> (B, 3, H, W) in [0, 1], else zeros."""
    return iuv.movedim(-1, 1).float() / iuv.new_tensor([IUV_PARTS, 255, 255]).float().view(1, 3, 1, 1)


@dataclass(frozen=True)
class Annotated:
    """Frames and what is said of them, in the networks' frame.

    Attributes:
        rgb: (B, 3, H, W) in [0, 1]. labels: (B, H, W) uint8 parsing with hands.
        keypoints: (B, 135, 3). iuv: (B, H, W, 3) uint8.
    """

    rgb: Tensor
    labels: Tensor
    keypoints: Tensor
    iuv: Tensor

    def repeated(self, count: int) -> Annotated:
        """Each frame ``count`` times in a row."""
        return Annotated(*(getattr(self, f.name).repeat_interleave(count, 0) for f in fields(self)))

    def expanded(self, count: int) -> Annotated:
        """A single frame as a batch of ``count``, without copying."""
        return Annotated(
            *(getattr(self, f.name).expand(count, *[-1] * (getattr(self, f.name).ndim - 1)) for f in fields(self))
        )


def read_annotated(batch: Mapping[str, Tensor], view: View, config: DanceConfig, rgb: str, prefix: str) -> Annotated:
    """Frames ``rgb`` of a batch with the annotations ``<prefix><kind>``.

    Raises:
        MissingInputError: there is no parsing.
    """
    if prefix + "parsing20" not in batch:
        raise MissingInputError(
            "dance needs the annotation 'parsing20' of the source photo",
            "use data that have it, or give it as a file of the source annotations",
        )
    points = view.enter_points(batch[prefix + "keypoints"])
    labels = with_hands(view.enter_labels(batch[prefix + "parsing20"]), points, config.pose)
    iuv = view.enter_labels(batch[prefix + "iuv"])
    return Annotated(view.enter(batch[rgb].float()), labels, points, iuv)


def pose_input(points: Tensor, iuv: Tensor, size: tuple[int, int], config: PoseConfig) -> Tensor:
    """P^S and P^D: (B, 6, H, W) in [0, 1]."""
    return torch.cat([draw_pose(points, size, config), read_iuv(iuv)], 1)
