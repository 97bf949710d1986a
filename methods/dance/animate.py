"""From a photo and driving annotations to frames: the chain of equations 1 to 8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from datasets.errors import UsageError
from methods.base import Driving
from methods.dance.body2frame import base_image, compose
from methods.dance.config import DanceConfig
from methods.dance.inputs import Annotated, View, pose_input, read_annotated, seen_iuv
from methods.dance.labels import face_labels, map_of
from methods.dance.pose2body import finished
from methods.dance.surface import suggested
from methods.dance.training import Fixed, appearance, find_faces, target_face
from methods.layers.background import background_of


@dataclass(frozen=True)
class SourceState:
    """What animation needs of the photo.

    Attributes:
        view: the networks' frame in the whole one.
        photo: in the networks' frame. body: (1, C, H, W) its map.
        start: (1, width, 4, 4), made once for a person (section 3.2).
        embedding: (1, width) of the face. background: (1, 3, height, width) the photo's scene in [0, 1].
    """

    view: View
    photo: Annotated
    body: Tensor
    start: Tensor
    embedding: Tensor
    background: Tensor


def encode_source(
    config: DanceConfig, nets: Mapping[str, Any], fixed: Fixed, source: Mapping[str, Tensor]
) -> SourceState:
    """Everything of the photo; see :meth:`methods.dance.method.Dance.encode`."""
    rgb = source["rgb"][:1].float()
    view = View.of(rgb, config)
    photo = read_annotated(source, view, config, "rgb", "")
    if "background" in source:
        background = source["background"][:1].movedim(-1, 1).float() / 255
    else:
        background = background_of(rgb, (source["parsing20"][:1] > 0)[:, None].float())
    embedding = fixed.encoders.embed_face(target_face(config, fixed, photo)[0])
    start = nets["body2frame"].start(appearance(config, fixed.encoders, photo))
    body = map_of(photo.labels, config.classes)
    return SourceState(view, photo, body, start, embedding, background)


class Chain:
    """The three networks one after another; each result can be looked at.

    Args:
        nets: ``pose2body``, ``body2frame`` and (where there is one) ``refinement``.
    """

    def __init__(self, config: DanceConfig, nets: Mapping[str, Any], fixed: Fixed, state: SourceState) -> None:
        self.config, self.nets, self.fixed, self.state = config, nets, fixed, state

    def body(self, points: Tensor, iuv: Tensor) -> Tensor:
        """Eq. 3: the target's map P^M under driving annotations in the networks' frame, (n, C, H, W)."""
        c, state = self.config, self.state
        pose = pose_input(points, iuv, state.view.size, c.pose)
        photo = state.photo.expanded(len(iuv))
        prior = suggested(photo.labels, photo.iuv, iuv, c.classes) if c.pose2body.residual else None
        logits = self.nets["pose2body"](state.body.expand(len(pose), -1, -1, -1), pose, prior)
        return finished(logits, c.pose2body.output)

    def frame(self, body: Tensor, points: Tensor, iuv: Tensor) -> tuple[Tensor, Tensor]:
        """Eq. 6: image z (n, 3, H, W) and blending mask m (n, 1, H, W) of a map.

        Key points tell where the face's labels are; the IUV map is read where the image has a base on the surface.
        """
        state, n = self.state, len(body)
        face = face_labels(points, state.view.size, self.config.pose.face_threshold)
        start = state.start.to(next(self.nets["body2frame"].parameters()).dtype).expand(n, -1, -1, -1)
        base = base_image(self.config.body2frame, state.photo.expanded(n), body, iuv)
        image, mask = self.nets["body2frame"](start, body, face, base)
        return image, mask * state.view.window(mask)

    def refine(self, frames: Tensor, body: Tensor, points: Tensor) -> Tensor:
        """Eq. 8, 19: frames f^0 with their faces refined."""
        if "refinement" not in self.nets:
            return frames
        faces = find_faces(self.config, frames, body.argmax(1), points, self.fixed.finder)
        if not bool(faces.found.any()):
            return frames
        embedding = self.state.embedding.expand(len(frames), -1)
        crop, share = self.nets["refinement"](faces.crop(frames, self.config.refinement.size), embedding)
        return faces.paste(frames, crop, share)

    def __call__(self, part: Mapping[str, Tensor]) -> Tensor:
        """Whole frames of a chunk, (n, 3, height, width) in [0, 1], over its ``scene`` or the photo's background."""
        view = self.state.view
        points = view.enter_points(part["keypoints"])
        iuv = seen_iuv(view.enter_labels(part["iuv"]), self.config.pose)
        body = self.body(points, iuv)
        image, mask = self.frame(body, points, iuv)
        scene = part.get("scene", self.state.background)
        behind = view.enter(scene.float())
        made = self.refine(compose(image, mask, behind), body, points)
        if view.inner == (view.height, view.width):
            return view.leave(made).clamp(0, 1)
        # The person alone is resized, so that the scene stays as it is given.
        person = view.leave(made - behind * (1 - mask))
        return (person + scene * (1 - view.leave(mask))).clamp(0, 1)


def stream(chain: Chain, driving: Driving) -> Iterator[Tensor]:
    """Frames chunk by chunk; nothing is kept between them.

    Raises:
        UsageError: driving frames of another size than the photo.
    """
    view = chain.state.view
    for part in driving.chunks():
        if tuple(part["rgb"].shape[2:]) != (view.height, view.width):
            size = f"{part['rgb'].shape[3]} x {part['rgb'].shape[2]}"
            raise UsageError(
                f"Driving frames are {size} pixels, but the source is {view.width} x {view.height}.",
                "resize both to one size",
            )
        with torch.no_grad(), torch.autocast(part["rgb"].device.type, enabled=False):
            yield chain(part)
