"""The training steps of the three networks, each on its own (sections 3.1 to 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.base import Update
from methods.dance.augment import Draw, augment_pair
from methods.dance.body2frame import base_image, compose
from methods.dance.config import DanceConfig
from methods.dance.crops import segment_crops
from methods.dance.encoders import Encoders, fit_crop
from methods.dance.faces import Faces, Finder, faces_by, faces_of
from methods.dance.inputs import Annotated, View, pose_input, read_annotated, seen_iuv
from methods.dance.labels import face_labels, map_of
from methods.dance.surface import suggested
from methods.layers.adversarial import discriminator_loss, feature_matching, generator_loss
from methods.layers.perceptual import PerceptualLoss

Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Fixed:
    """Networks that are never trained: encoders of appearance, the perceptual loss, and a finder of faces or None."""

    encoders: Encoders
    perceptual: PerceptualLoss
    finder: Finder | None


def find_faces(config: DanceConfig, frames: Tensor, labels: Tensor, points: Tensor, finder: Finder | None) -> Faces:
    """Faces in frames of the networks' size, by the map and the points or by the detector."""
    if finder is not None:
        return faces_by(finder, frames, config.refinement)
    return faces_of(labels, points, config.refinement, config.pose.face_threshold)


def appearance(config: DanceConfig, encoders: Encoders, photo: Annotated) -> Tensor:
    """e_z of a photo (eq. 4, 5): (B, width)."""
    found: Tensor = encoders(segment_crops(photo.rgb, photo.labels, config.encoders.size))
    return found


def target_face(config: DanceConfig, fixed: Fixed, photo: Annotated) -> tuple[Tensor, Tensor]:
    """c_I: the photo's aligned face (B, 3, S, S), and whether there is one; else its face and hair."""
    faces = find_faces(config, photo.rgb, photo.labels, photo.keypoints, fixed.finder)
    size = config.encoders.size
    crops = faces.crop(photo.rgb, size)
    if not bool(faces.found.all()):
        instead = segment_crops(photo.rgb, photo.labels, size)[:, 0]
        crops = torch.where(faces.found[:, None, None, None], crops, instead)
    return crops, faces.found


class Steps:
    """One step of each stage on one method's networks.

    Args:
        nets: networks and discriminators by name.
        fixed: not needed by ``pose2body``.
    """

    def __init__(self, nets: Any, config: DanceConfig, fixed: Fixed | None) -> None:
        self.nets, self.config = nets, config
        self._fixed = fixed

    @property
    def fixed(self) -> Fixed:
        """The networks that are never trained."""
        assert self._fixed is not None
        return self._fixed

    def step(self, stage: str, batch: Mapping[str, Tensor], update: Update) -> dict[str, float]:
        """One update of the stage's network and of its discriminator; the weighted terms."""
        run = {"pose2body": self.pose2body, "body2frame": self.body2frame, "refinement": self.refinement}[stage]
        terms = run(batch, update)
        values = torch.stack([term.detach().float() for term in terms.values()]).tolist()
        return dict(zip(terms, values, strict=True))

    def _play(self, stage: str, terms: Terms, condition: Tensor, made: Tensor, real: Tensor, update: Update) -> Terms:
        """Add the terms against the stage's discriminator; update the network, then the discriminator."""
        settings = getattr(self.config, stage)
        kind: Any = "hinge" if stage == "body2frame" else "lsgan"
        judge: Any = dict(self.nets.items()).get(f"{stage}_judge")
        if judge is not None:
            scales = len(judge.scales)  # the paper sums over its discriminators
            answers = judge(torch.cat([condition, made], 1))
            terms["adversarial"] = settings.adversarial * scales * generator_loss(answers, kind)
            if getattr(settings, "matching", 0):
                with torch.no_grad():
                    wanted = judge(torch.cat([condition, real], 1))
                terms["matching"] = settings.matching * scales * feature_matching(wanted, answers)
        update("generator", torch.stack(list(terms.values())).sum())
        if judge is not None:
            condition = condition.detach()
            against = judge(torch.cat([condition, real], 1)), judge(torch.cat([condition, made.detach()], 1))
            terms["judge"] = discriminator_loss(*against, kind)
            update("judge", terms["judge"])
        return terms

    # -- Pose2Body -----------------------------------------------------------------------------------------------
    def pose2body(self, batch: Mapping[str, Tensor], update: Update) -> Terms:
        """Eq. 9: the photo's map and the driving frame's pose against the driving frame's map, stretched alike."""
        c, net = self.config, self.nets["pose2body"]
        view = View.of(batch["source"], c)
        photo = read_annotated(batch, view, c, "source", "source/")
        driving = read_annotated(batch, view, c, "driving", "driving/")
        draw = Draw.random(len(photo.labels), c.augment, photo.rgb)
        source, target = augment_pair(photo, driving, draw)
        iuv = seen_iuv(target.iuv, c.pose)
        pose = pose_input(target.keypoints, iuv, view.size, c.pose)
        prior = suggested(photo.labels, photo.iuv, iuv, c.classes) if c.pose2body.residual else None
        body = map_of(source.labels, c.classes)
        logits = net(body, pose, prior)
        terms = {"entropy": c.pose2body.entropy * F.cross_entropy(logits, target.labels.long())}
        condition, real = torch.cat([body, pose], 1), map_of(target.labels, c.classes)
        return self._play("pose2body", terms, condition, logits.sigmoid(), real, update)

    # -- Body2Frame ----------------------------------------------------------------------------------------------
    def _sequence(self, batch: Mapping[str, Tensor]) -> tuple[Annotated, Annotated, int]:
        """The photos, their frames in one row, and how many frames a photo has."""
        view = View.of(batch["source"], self.config)
        photo = read_annotated(batch, view, self.config, "source", "source/")
        count = batch["frames"].shape[1]
        flat = {k: v.flatten(0, 1) for k, v in batch.items() if k == "frames" or k.startswith("frames/")}
        return photo, read_annotated(flat, view, self.config, "frames", "frames/"), count

    def _render(self, photo: Annotated, frames: Annotated, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Image and mask of eq. 6 under the true maps; the map with the face's labels; the true person."""
        c, net = self.config, self.nets["body2frame"]
        start = net.start(appearance(c, self.fixed.encoders, photo)).repeat_interleave(count, 0)
        body = map_of(frames.labels, c.classes)
        size = (int(body.shape[-2]), int(body.shape[-1]))
        face = face_labels(frames.keypoints, size, c.pose.face_threshold)
        base = base_image(c.body2frame, photo.repeated(count), body, seen_iuv(frames.iuv, c.pose))
        image, mask = net(start, body, face, base)
        return image, mask, torch.cat([body, face], 1), 1 - body[:, :1]

    def body2frame(self, batch: Mapping[str, Tensor], update: Update) -> Terms:
        """Eq. 13 to 17 on the person alone, and the face loss."""
        s = self.config.body2frame
        photo, frames, count = self._sequence(batch)
        image, mask, condition, person = self._render(photo, frames, count)
        made, real = image * person, frames.rgb * person
        terms: Terms = {}
        if s.mask:
            terms["blend"] = s.blend * F.l1_loss(mask, person)
        if s.perceptual:
            terms["perceptual"] = s.perceptual * self.fixed.perceptual(made, real)
        if s.reconstruction:
            terms["reconstruction"] = s.reconstruction * (made - real).abs().sum() / (3 * person.sum()).clamp(min=1)
        if s.face:
            terms["face"] = s.face * self._face_loss(made, real, frames)
        return self._play("body2frame", terms, condition, made * 2 - 1, real * 2 - 1, update)

    def _face_loss(self, made: Tensor, real: Tensor, frames: Annotated) -> Tensor:
        """Mean distance of the true and the made face where the data say that there is one."""
        c = self.config
        faces = faces_of(frames.labels, frames.keypoints, c.refinement, c.pose.face_threshold)
        size = c.encoders.size
        distance = self.fixed.encoders.face_distance(faces.crop(made, size), faces.crop(real, size))
        return (distance * faces.found).sum() / faces.found.sum().clamp(min=1)

    # -- Face Refinement -----------------------------------------------------------------------------------------
    def refinement(self, batch: Mapping[str, Tensor], update: Update) -> Terms:
        """Eq. 18, 19 on faces that the frozen Body2Frame makes under the true maps; frames without one do not count."""
        c, r, net = self.config, self.config.refinement, self.nets["refinement"]
        photo, frames, count = self._sequence(batch)
        with torch.no_grad():
            image, mask, _, _ = self._render(photo, frames, count)
            coarse = compose(image, mask, frames.rgb)
            target, known = target_face(c, self.fixed, photo)
            target, known = target.repeat_interleave(count, 0), known.repeat_interleave(count, 0)
            embedding = self.fixed.encoders.embed_face(target)
            faces = find_faces(c, coarse, frames.labels, frames.keypoints, self.fixed.finder)
            given, real = faces.crop(coarse, r.size), faces.crop(frames.rgb, r.size)
        crop, share = net(given, embedding)
        blended = compose(crop, share, given)
        use = faces.found.float()

        def mean(values: Tensor, weight: Tensor = use) -> Tensor:
            return (values.flatten(1).mean(1) * weight).sum() / weight.sum().clamp(min=1)

        terms = {"reconstruction": r.reconstruction * mean((blended - real).abs())}
        if r.perceptual:
            size = c.encoders.size
            distance = self.fixed.encoders.face_distance(fit_crop(blended, size), fit_crop(target, size))
            terms["perceptual"] = r.perceptual * mean(distance[:, None], use * known)
        terms["mask"] = r.mask * mean(share)
        change = (share.diff(dim=2).abs().flatten(1).mean(1) + share.diff(dim=3).abs().flatten(1).mean(1))[:, None]
        terms["variation"] = r.variation * mean(change)
        empty, seen = given[:, :0], use[:, None, None, None]
        return self._play("refinement", terms, empty, (blended * 2 - 1) * seen, (real * 2 - 1) * seen, update)
