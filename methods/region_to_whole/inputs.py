"""What the networks read: frames cut to shape, layouts of six classes, drawn poses; all in the networks' frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets.errors import MissingInputError
from methods.layers.labels import SIX_CLASSES, one_hot
from methods.layers.letterbox import Letterbox
from methods.layers.skeleton import BODY_POINTS, draw_skeleton
from methods.region_to_whole.config import LabelsConfig, PoseConfig

CLASSES = len(SIX_CLASSES)
REGIONS = CLASSES - 1
#: The value of everything that is not there, in the networks' range [-1, 1] (C2F-FWN).
EMPTY = -1.0


@dataclass(frozen=True)
class View:
    """From whole frames to the networks' frame and back: sides cut to 3:4 where asked, then padded to a multiple.

    Attributes:
        height, width: of the whole frames in pixels.
        portrait: cut the sides (never the top) around the middle.
        multiple: sides of the networks' frame are multiples of it.
    """

    height: int
    width: int
    portrait: bool
    multiple: int

    @property
    def columns(self) -> tuple[int, int]:
        """The first and the last-but-one column that is kept."""
        kept = min(self.width, round(self.height * 3 / 4)) if self.portrait else self.width
        left = (self.width - kept) // 2
        return left, left + kept

    @property
    def box(self) -> Letterbox:
        """Padding of the kept columns."""
        left, right = self.columns
        return Letterbox(self.height, right - left, self.multiple)

    def enter(self, frames: Tensor) -> Tensor:
        """(B, C, height, width) -> (B, C, H, W), edges repeated."""
        left, right = self.columns
        return self.box.pad(frames[..., left:right])

    def enter_labels(self, labels: Tensor) -> Tensor:
        """(B, height, width) uint8 -> (B, H, W) uint8, edges repeated."""
        return self.enter(labels[:, None].float())[:, 0].to(labels.dtype)

    def enter_points(self, keypoints: Tensor) -> Tensor:
        """(B, K, 3) key points of the whole frames -> of the networks' frame, in float32."""
        left, _, top, _ = self.box.margins
        return keypoints.float() + keypoints.new_tensor([left - self.columns[0], top, 0.0]).float()

    def leave(self, frames: Tensor, around: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, height, width); the cut sides come from ``around`` (B, C, height, width)."""
        left, right = self.columns
        kept = self.box.crop(frames)
        return torch.cat([around[..., :left], kept, around[..., right:]], dim=-1)


def six_classes(labels: Tensor, table: tuple[int, ...]) -> Tensor:
    """Merge labels by a table: (B, H, W) integers -> (B, H, W) uint8 classes 0..5; labels beyond it are background."""
    lookup = torch.zeros(256, dtype=torch.uint8, device=labels.device)
    lookup[: len(table)] = torch.tensor(table, dtype=torch.uint8, device=labels.device)
    return lookup[labels.long()]


def parsing_kind(config: LabelsConfig) -> str:
    """The annotation kind that holds the labels."""
    return "parsing6" if config.kind == "six" else "parsing20"


def read_layout(annotations: Mapping[str, Tensor], config: LabelsConfig, prefix: str = "") -> Tensor:
    """The six-class labels among a frame's annotations, (B, H, W) uint8.

    Raises:
        MissingInputError: the parsing is not there.
    """
    kind = parsing_kind(config)
    if prefix + kind not in annotations:
        raise MissingInputError(
            f"region-to-whole needs the annotation {kind!r} of the source photo",
            "use data that have it, or give it as a file of the source annotations",
        )
    labels = annotations[prefix + kind]
    return labels if config.kind == "six" else six_classes(labels, getattr(config, config.kind))


def draw_pose(keypoints: Tensor, size: tuple[int, int], config: PoseConfig) -> Tensor:
    """Pose connection map (paper 3.1): (B, 135, 3) key points -> (B, 3, H, W) in [-1, 1], -1 where nothing is drawn."""
    drawn = draw_skeleton(
        keypoints[:, :BODY_POINTS],
        size,
        threshold=config.threshold,
        thickness=config.thickness,
        face_threshold=config.face_threshold,
        weighted=config.weighted,
    )
    return drawn * 2 - 1


def layout_of(labels: Tensor) -> Tensor:
    """(B, H, W) six-class labels -> (B, 6, H, W) of zeros and ones."""
    return one_hot(labels, CLASSES)


def harden(layout: Tensor) -> Tensor:
    """(B, 6, H, W) probabilities -> the likeliest class as zeros and ones, float32; no gradient passes."""
    return one_hot(layout.detach().argmax(1), CLASSES)


def cut(image: Tensor, mask: Tensor) -> Tensor:
    """``image`` (B, C, H, W) inside ``mask`` (B, 1, H, W) in [0, 1], -1 outside."""
    return (image - EMPTY) * mask + EMPTY


def cut_regions(image: Tensor, layout: Tensor) -> Tensor:
    """The five regions of (B, 3, H, W) under (B, 6, H, W), folded into the batch: (5B, 3, H, W), -1 outside."""
    b, _, h, w = image.shape
    masks = layout[:, 1:, None]
    return cut(image[:, None].expand(b, REGIONS, 3, h, w), masks).flatten(0, 1)


def sum_regions(regions: Tensor) -> Tensor:
    """Eq. 11: regions (5B, 3, H, W) in [-1, 1], -1 outside their masks -> their sum (B, 3, H, W), taken from -1 up."""
    stacked = regions.unflatten(0, (-1, REGIONS))
    return (stacked - EMPTY).sum(1) + EMPTY


def compose(foreground: Tensor, mask: Tensor, background: Tensor) -> Tensor:
    """Eq. 15 in [-1, 1]: foreground + m (background + 1); ``mask`` (B, 1, H, W) is 1 where the background is seen."""
    return foreground + mask * (background - EMPTY)
