"""Autoregression: each network frame by frame, with what it made of the last two; for training and animation alike.

A memory holds what one sequence has made; it belongs to whoever iterates, never to a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from methods.region_to_whole.alignment import align
from methods.region_to_whole.config import RegionConfig
from methods.region_to_whole.inputs import CLASSES, REGIONS, cut, cut_regions, harden, sum_regions
from methods.region_to_whole.networks import POSES, PREVIOUS, fold, refine


@dataclass
class Memory:
    """The last tensors of one kind, oldest first; at most ``length``."""

    length: int
    kept: list[Tensor] = field(default_factory=list)

    def push(self, made: Tensor) -> None:
        """Remember, without its gradient; the oldest is forgotten."""
        self.kept = [*self.kept, made.detach()][-self.length :]

    def filled(self, like: Tensor) -> list[Tensor]:
        """Exactly ``length`` tensors; zeros stand for outputs before the first (vid2vid)."""
        return [torch.zeros_like(like)] * (self.length - len(self.kept)) + self.kept

    def repeated(self) -> Tensor:
        """``length`` tensors as channels of one; the oldest stands for inputs before the first."""
        return torch.cat([self.kept[0]] * (self.length - len(self.kept)) + self.kept, 1)

    @property
    def last(self) -> Tensor | None:
        """The newest, or None at the beginning."""
        return self.kept[-1] if self.kept else None


@dataclass(frozen=True)
class Source:
    """What the networks know of the photo, in their frame.

    Attributes:
        layout: (B, 6, H, W) of zeros and ones.
        regions: (5B, 3, H, W) of the photo in [-1, 1], -1 outside each mask.
        foreground: (B, 3, H, W), -1 outside the person.
        person: (B, 1, H, W) mask.
    """

    layout: Tensor
    regions: Tensor
    foreground: Tensor
    person: Tensor

    @staticmethod
    def of(image: Tensor, layout: Tensor) -> Source:
        """From a photo (B, 3, H, W) in [-1, 1] and its layout."""
        person = 1 - layout[:, :1]
        return Source(layout, cut_regions(image, layout), cut(image, person), person)


class LayoutRollout:
    """Layouts of the source person, one driving frame after another."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._poses, self._made = Memory(POSES), Memory(PREVIOUS)

    def step(self, pose: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Next frame -> raw and final layout (probabilities), flow, gate.

        Args:
            pose: map (B, 3, H, W). features: of the source layout (:meth:`LayoutNetwork.encode`).
        """
        self._poses.push(pose)
        like = pose.new_zeros(1).expand(len(pose), CLASSES, *pose.shape[-2:])
        made: dict[str, Tensor] = self._network(features, self._poses.repeated(), self._made.filled(like))
        final = refine(made, self._made.last)
        self._made.push(final)
        return {**made, "final": final}


class RegionRollout:
    """Regions of the source person under given layouts."""

    def __init__(self, network: Any, source: Source, config: RegionConfig) -> None:
        self._network, self._source, self._config = network, source, config
        self._made = Memory(PREVIOUS)

    def step(self, layout: Tensor) -> Tensor:
        """(B, 6, H, W) of zeros and ones -> regions (5B, 3, H, W)."""
        source = self.aligned(self._source.regions, layout, REGIONS)
        made: Tensor = self._network(fold(layout), source, self._made.filled(source))
        self._made.push(made)
        return made

    def aligned(self, image: Tensor, layout: Tensor, fold_by: int = 1) -> Tensor:
        """``image`` of the photo as GAM places it for a driving layout; as it is where GAM is switched off.

        Args:
            fold_by: how often each sample stands in ``image`` (5 for regions).
        """
        if not self._config.gam:
            return image
        masks = (self._source.person, 1 - layout[:, :1])
        here, there = (m.repeat_interleave(fold_by, 0) for m in masks)
        return align(image, here, there, self._config.gam_limits, self._config.gam_pixels)


class WholeRollout:
    """The whole person, from regions and layouts."""

    def __init__(self, network: Any, regions: RegionRollout, source: Source) -> None:
        self._network, self._regions, self._source = network, regions, source
        self._structure, self._made = Memory(POSES), Memory(PREVIOUS)

    def step(self, pose: Tensor, layout: Tensor, regions: Tensor) -> dict[str, Tensor]:
        """Next frame -> raw and final foreground, mask, flow, gate."""
        self._structure.push(torch.cat([layout, pose], 1))
        coarse = sum_regions(regions)
        source = self._regions.aligned(self._source.foreground, layout)
        seen = torch.cat([*self._made.filled(coarse), coarse], 1)
        made: dict[str, Tensor] = self._network(source, seen, self._structure.repeated())
        final = refine(made, self._made.last)
        self._made.push(final)
        return {**made, "final": final}


class PersonRollout:
    """All networks in a row, as at inference: pose maps in, foregrounds out.

    Args:
        nets: ``layout``, ``region`` and, where it takes part, ``whole``.
        features: of the source layout (:meth:`LayoutNetwork.encode`).
    """

    def __init__(self, nets: Mapping[str, Any], source: Source, features: Tensor, config: RegionConfig) -> None:
        self._features = features
        self._layouts = LayoutRollout(nets["layout"])
        self._regions = RegionRollout(nets["region"], source, config)
        self._whole = WholeRollout(nets["whole"], self._regions, source) if "whole" in nets else None

    def step(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Pose map (B, 3, H, W) -> foreground (B, 3, H, W) and mask m (B, 1, H, W); without WCN the mask is 0."""
        layout = harden(self._layouts.step(pose, self._features)["final"])
        regions = self._regions.step(layout)
        if self._whole is None:
            return sum_regions(regions), torch.zeros_like(layout[:, :1])
        made = self._whole.step(pose, layout, regions)
        return made["final"], made["mask"]
