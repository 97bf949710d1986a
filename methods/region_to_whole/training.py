"""One training step of each stage (paper 3.3): a sequence in updates of a few frames, fed with its own outputs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.base import Update
from methods.layers.background import without_person
from methods.region_to_whole.config import RegionToWholeConfig
from methods.region_to_whole.flow import backward_flow, confidence
from methods.region_to_whole.inputs import (
    View,
    compose,
    cut,
    cut_regions,
    draw_pose,
    harden,
    layout_of,
    read_layout,
)
from methods.region_to_whole.losses import (
    Adversary,
    FeatureLoss,
    flow_terms,
    head_crops,
    likelihood,
    triples,
)
from methods.region_to_whole.networks import fold
from methods.region_to_whole.rollout import LayoutRollout, RegionRollout, Source, WholeRollout

Terms = dict[str, Tensor]
#: Condition, made and real images of one discriminator.
Given = tuple[Tensor, Tensor, Tensor]
#: Of one update: the generator's terms, and the discriminators' loss, to be computed after the generator's step.
Round = tuple[Terms, Callable[[], Tensor] | None]


@dataclass(frozen=True)
class Sequence:
    """A training batch in the networks' frame: B sequences of T frames.

    Attributes:
        source: the photo.
        frames: (B, T, 3, H, W) in [-1, 1].
        labels: (B, T, H, W) six classes.
        layouts: (B, T, 6, H, W) of zeros and ones.
        poses: (B, T, 3, H, W) pose maps.
        teacher: of frames 1.., flow to the frame before in pixels (B, 2, H, W) and where it is sure; None without one.
    """

    source: Source
    frames: Tensor
    labels: Tensor
    layouts: Tensor
    poses: Tensor
    teacher: list[tuple[Tensor, Tensor]] | None

    def __len__(self) -> int:
        return self.frames.shape[1]

    def teacher_at(self, t: int) -> tuple[Tensor, Tensor] | None:
        """The teacher's flow at frame t."""
        return self.teacher[t - 1] if self.teacher is not None and t else None

    def foreground(self, t: int) -> Tensor:
        """The true foreground at frame t, (B, 3, H, W), -1 outside the person."""
        return cut(self.frames[:, t], 1 - self.layouts[:, t, :1])


def view_of(config: RegionToWholeConfig, height: int, width: int) -> View:
    """The networks' frame within frames of that size."""
    return View(height, width, config.frame == "portrait", config.multiple)


def read_sequence(batch: Mapping[str, Tensor], config: RegionToWholeConfig) -> Sequence:
    """A batch of the engine -> tensors in the networks' frame."""
    height, width = batch["source"].shape[-2:]
    view = view_of(config, height, width)
    b, t = batch["frames"].shape[:2]

    def by_frame(flat: Tensor) -> Tensor:
        return flat.unflatten(0, (b, t))

    frames = view.enter(batch["frames"].flatten(0, 1)) * 2 - 1
    labels = view.enter_labels(read_layout(batch, config.labels, "frames/").flatten(0, 1))
    points = view.enter_points(batch["frames/keypoints"].flatten(0, 1))
    poses = draw_pose(points, (frames.shape[-2], frames.shape[-1]), config.pose)
    photo = view.enter(batch["source"]) * 2 - 1
    layout = layout_of(view.enter_labels(read_layout(batch, config.labels, "source/")))
    teacher = _teacher(batch, view, by_frame(frames)) if config.train.flow == "annotation" else None
    return Sequence(
        Source.of(photo, layout),
        by_frame(frames),
        by_frame(labels),
        by_frame(layout_of(labels)),
        by_frame(poses),
        teacher,
    )


def _teacher(batch: Mapping[str, Tensor], view: View, frames: Tensor) -> list[tuple[Tensor, Tensor]]:
    found = []
    for t in range(1, frames.shape[1]):
        forward = view.enter(batch["frames/flow"][:, t - 1].float().movedim(-1, 1)).movedim(1, -1)
        occluded = view.enter_labels(batch["frames/occlusion"][:, t - 1])
        flow, known = backward_flow(forward, occluded)
        found.append((flow, confidence(frames[:, t], frames[:, t - 1], flow, known)))
    return found


# -- stages ------------------------------------------------------------------------------------------------------
class Stages:
    """The steps of the three stages on one method's networks.

    Args:
        nets: generators and discriminators by name.
        features: the perceptual loss (not needed by the layout stage).
    """

    def __init__(self, nets: Any, config: RegionToWholeConfig, features: FeatureLoss | None) -> None:
        self.nets, self.config, self.features = nets, config, features

    def step(self, name: str, sequence: Sequence, update: Update) -> dict[str, float]:
        """One step of the stage ``name``; returns the mean of each weighted term over the step's updates."""
        run = {"layout": self._layout, "region": self._region, "whole": self._whole}[name]
        totals: dict[str, list[Tensor]] = {}
        for terms, judged in run(sequence):
            update("generator", torch.stack(list(terms.values())).sum())
            losses = dict(terms)
            if judged is not None:
                losses["judge"] = judged()
                update("judge", losses["judge"])
            for key, value in losses.items():
                totals.setdefault(key, []).append(value.detach())
        return {key: float(torch.stack(values).mean()) for key, values in totals.items()}

    def _chunks(self, sequence: Sequence) -> Iterator[range]:
        n, size = len(sequence), self.config.train.backprop
        return (range(first, min(first + size, n)) for first in range(0, n, size))

    def _adversary(self, judge: str, weight: float, matching: float = 0.0) -> Adversary | None:
        return Adversary(self.nets[judge], self.config.judge.kind, weight, matching) if judge in self.nets else None

    # -- layout --------------------------------------------------------------------------------------------------
    def _layout(self, sequence: Sequence) -> Iterator[Round]:
        """Eq. 2: likelihood of raw and final layouts, flow, adversarial under the pose (C2F-FWN's losses)."""
        c, net = self.config.layout, self.nets["layout"]
        adversary = self._adversary("layout_judge", c.adversarial, c.matching)
        rollout = LayoutRollout(net)
        for chunk in self._chunks(sequence):
            features = net.encode(sequence.source.layout)
            made = [rollout.step(sequence.poses[:, t], features) for t in chunk]
            labels = _stack(sequence.labels, chunk)
            final = torch.cat([m["final"] for m in made])
            terms = {"final": c.likelihood * likelihood(final, labels)}
            if any(t > 0 for t in chunk):  # else the final layout is the raw one
                terms["raw"] = c.likelihood * likelihood(torch.cat([m["raw"] for m in made]), labels)
            terms |= self._flow(c, sequence, chunk, made, lambda t: sequence.layouts[:, t])
            given = (_stack(sequence.poses, chunk), final, _stack(sequence.layouts, chunk))
            yield _against(terms, [(adversary, "adversarial", given)] if adversary is not None else [])

    # -- regions -------------------------------------------------------------------------------------------------
    def _region(self, sequence: Sequence) -> Iterator[Round]:
        """Eq. 5-10 under the true layouts. The mean over regions stands for their sum: Adam steps are the same."""
        c, features = self.config.region, self.features
        assert features is not None
        adversary = self._adversary("region_judge", c.adversarial, c.matching)
        rollout = RegionRollout(self.nets["region"], sequence.source, c)
        for chunk in self._chunks(sequence):
            made = torch.cat([rollout.step(sequence.layouts[:, t]) for t in chunk])
            layouts = _stack(sequence.layouts, chunk)
            true = cut_regions(_stack(sequence.frames, chunk), layouts)
            terms = {"reconstruction": c.reconstruction * F.l1_loss(made, true)}
            if c.perceptual:
                terms["perceptual"] = c.perceptual * features(made, true)
            given = (fold(layouts), made, true)
            yield _against(terms, [(adversary, "adversarial", given)] if adversary is not None else [])

    # -- whole ---------------------------------------------------------------------------------------------------
    def _layouts_for_whole(self, sequence: Sequence) -> Tensor:
        """(B, T, 6, H, W): the true layouts, or in a share of the steps the Layout GAN's."""
        share = self.config.whole.predicted_layout
        if not share or random.random() >= share:  # Python's generator: the same on all ranks
            return sequence.layouts
        net, rollout = self.nets["layout"], LayoutRollout(self.nets["layout"])
        with torch.no_grad():
            features = net.encode(sequence.source.layout)
            made = [harden(rollout.step(pose, features)["final"]) for pose in sequence.poses.unbind(1)]
        return torch.stack(made, 1)

    def _whole(self, sequence: Sequence) -> Iterator[Round]:
        """Eq. 11-15 on the frozen Region GAN's output."""
        layouts = self._layouts_for_whole(sequence)
        regions = RegionRollout(self.nets["region"], sequence.source, self.config.region)
        rollout = WholeRollout(self.nets["whole"], regions, sequence.source)
        persons = 1 - sequence.layouts[:, :, :1]
        pairs = zip(sequence.frames, persons, strict=True)
        backgrounds = torch.stack([without_person(frames, person) for frames, person in pairs])
        shown: list[Tensor] = []
        for chunk in self._chunks(sequence):
            made = []
            for t in chunk:
                with torch.no_grad():
                    coarse = regions.step(layouts[:, t])
                made.append(rollout.step(sequence.poses[:, t], layouts[:, t], coarse))
            images = [compose(m["final"], m["mask"], backgrounds[:, t]) for m, t in zip(made, chunk, strict=True)]
            terms = self._whole_terms(sequence, chunk, made, images, backgrounds)
            judges = self._judges(sequence, layouts, chunk, [*shown, *images])
            shown += [image.detach() for image in images]
            yield _against(terms, judges)

    def _whole_terms(
        self, sequence: Sequence, chunk: range, made: list[dict[str, Tensor]], images: list[Tensor], backgrounds: Tensor
    ) -> Terms:
        c, features = self.config.whole, self.features
        assert features is not None
        final, true = torch.cat(images), _stack(sequence.frames, chunk)
        mask = torch.cat([m["mask"] for m in made])
        terms = {"reconstruction": c.reconstruction * F.l1_loss(final, true)}
        raw = torch.cat([m["raw"] for m in made])
        if any(t > 0 for t in chunk):  # else the refined image is the raw one
            composed = compose(raw, mask, _stack(backgrounds, chunk))
            terms["raw"] = c.reconstruction * F.l1_loss(composed, true)
        if c.perceptual:
            terms["perceptual"] = c.perceptual * features(final.clamp(-1, 1), true)
        if c.foreground:
            wanted = torch.cat([sequence.foreground(t) for t in chunk])
            both = torch.cat([torch.cat([m["final"] for m in made]), raw])
            terms["foreground"] = c.foreground * F.l1_loss(both, torch.cat([wanted, wanted]))
        if c.mask:
            terms["mask"] = c.mask * F.l1_loss(mask, _stack(sequence.layouts, chunk)[:, :1])
        return terms | self._flow(c, sequence, chunk, made, sequence.foreground)

    def _judges(
        self, sequence: Sequence, layouts: Tensor, chunk: range, shown: list[Tensor]
    ) -> list[tuple[Adversary, str, Given]]:
        """Each discriminator that takes part in this update, its term's name, and (condition, made, real)."""
        c, size = self.config.whole, self.config.judge.face_size
        made, real = torch.cat([shown[t] for t in chunk]), _stack(sequence.frames, chunk)
        condition = _stack(layouts, chunk)
        found = []
        if (whole := self._adversary("whole_judge", c.adversarial, c.matching)) is not None:
            found.append((whole, "adversarial", (condition, made, real)))
        if (face := self._adversary("face_judge", c.face)) is not None:
            head = _stack(sequence.layouts, chunk)[:, 1:2]
            crops = head_crops(torch.cat([condition, made, real], 1), head, size)
            if len(crops):
                found.append((face, "face", tuple(crops.split([condition.shape[1], 3, 3], 1))))
        for i in range(self.config.judge.temporal_scales):
            temporal = self._adversary(f"temporal_judge_{i}", c.temporal)
            three = [triples(x, 3**i, chunk) for x in (torch.stack(shown, 1), sequence.frames)]
            if temporal is not None and three[0] is not None and three[1] is not None:
                found.append((temporal, f"temporal_{i}", (three[0][:, :0], three[0], three[1])))
        return found

    # -- shared --------------------------------------------------------------------------------------------------
    def _flow(self, weights: Any, sequence: Sequence, chunk: range, made: list[dict[str, Tensor]], truth: Any) -> Terms:
        """Mean of the flow branch's terms over the frames of a chunk that have one before them."""
        summed: dict[str, list[Tensor]] = {}
        for t, one in zip(chunk, made, strict=True):
            if t:
                terms = flow_terms(weights, one, truth(t - 1), truth(t), sequence.teacher_at(t))
                for key, value in terms.items():
                    summed.setdefault(key, []).append(value)
        return {key: torch.stack(values).mean() for key, values in summed.items()}


def _stack(by_frame: Tensor, chunk: range) -> Tensor:
    """(B, T, ...) -> (n B, ...) of the frames in ``chunk``, frame by frame."""
    return by_frame[:, chunk.start : chunk.stop].transpose(0, 1).flatten(0, 1)


def _against(terms: Terms, judges: list[tuple[Adversary, str, Given]]) -> Round:
    """The generator's terms with those against each discriminator, and the sum of the discriminators' losses."""
    for adversary, name, given in judges:
        terms |= adversary.generator(*given, name=name)
    if not judges:
        return terms, None
    return terms, lambda: torch.stack([adversary.discriminator(*given) for adversary, _, given in judges]).sum()
