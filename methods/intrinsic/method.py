"""INTERnet behind the method interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.base import CropItem, Player, Stage, StepInfo, Update
from methods.intrinsic import spec
from methods.intrinsic.config import IntrinsicConfig
from methods.intrinsic.elements import ARRAYS, elements
from methods.intrinsic.generator import SAMPLING, FusionGenerator
from methods.intrinsic.losses import confidence_guard, feature_losses, temporal_loss
from methods.layers.adversarial import discriminator_loss, generator_loss
from methods.layers.discriminators import MultiScaleDiscriminator
from methods.layers.first_order.flow import FlowNetwork
from methods.layers.first_order.keypoints import KeypointDetector
from methods.layers.first_order.losses import Reconstruction, equivariance_terms, reconstruct, twin_terms
from methods.layers.first_order.method import FirstOrderMethod

if TYPE_CHECKING:
    from datasets.base import Array, Clip
    from methods.base import Batch


class Intrinsic(FirstOrderMethod):
    """INTERnet: FOMM's motion estimator with a confidence head, a multi-scale generator, and a discriminator."""

    spec = spec.SPEC
    detector_name = "kp_detector"
    checkpoints = Path(__file__).parent / "checkpoints"
    config: IntrinsicConfig

    def __init__(self, config: IntrinsicConfig) -> None:
        super().__init__(config)
        c, d = config, config.discriminator
        self.nets["kp_detector"] = KeypointDetector(c.keypoints, c.num_anchors)
        self.nets["generator"] = FusionGenerator(c.generator, FlowNetwork(c.motion, c.num_anchors, SAMPLING))
        if c.loss.adversarial:
            self.nets["discriminator"] = MultiScaleDiscriminator(3, d.scales, width=d.block_expansion, layers=d.layers)

    # -- training ------------------------------------------------------------------------------------------------
    def stages(self) -> Sequence[Stage]:
        """One stage: motion estimator and generator against the discriminator, on elements of :meth:`derive`."""
        t = self.config.train
        milestones = tuple(t.steps * m // t.epochs for m in t.milestones)

        def player(nets: tuple[str, ...], lr: float) -> Player:
            betas = (t.beta1, t.beta2)
            return Player(nets, lr, betas, optimizer="radam", milestones=milestones, clip_norm=t.clip or None)

        players = {"generator": player(("generator", "kp_detector"), t.lr)}
        if "discriminator" in self.nets:
            players["discriminator"] = player(("discriminator",), t.discriminator_lr)
        return (Stage("frames", CropItem(ARRAYS), t.batch, t.steps, players),)

    def derive(self, clip: Clip) -> dict[str, Array]:
        """Elements of the paper's sampling rule: see :func:`methods.intrinsic.elements.elements`."""
        return elements(clip, self.config.sampling, self.config.temporal.flow == "dataset")

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One update of the generator's networks, then of the discriminator's.

        Returns:
            The weighted loss terms, and ``confidence``, the mean of M over the batch.
        """
        source, driving = self._image(batch["source"]), self._image(batch["driving"])
        nets: Any = self.nets
        twin = self._image(batch["twin"]) if "twin" in batch else None  # see scripts/pretrain_twins.py
        made = reconstruct(nets["kp_detector"], nets["generator"], None, source, driving, twin)
        terms = self._frame_terms(made, driving) | self._temporal_terms(made, batch)
        update("generator", torch.stack(list(terms.values())).sum())
        if "discriminator" in nets:
            judge, kind = nets["discriminator"], self.config.loss.adversarial_kind
            terms["discriminator"] = discriminator_loss(judge(driving), judge(made.prediction.detach()), kind)
            update("discriminator", terms["discriminator"])
        terms["confidence"] = made.flow.occlusion.mean()
        return dict(zip(terms, torch.stack([t.detach() for t in terms.values()]).tolist(), strict=True))

    def _image(self, stored: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 -> (B, 3, H', W') in [0, 1], padded to sides the networks take."""
        return self._padded(stored.movedim(-1, 1).float().div(255))

    def _frame_terms(self, made: Reconstruction, driving: Tensor) -> dict[str, Tensor]:
        """L_frame (eq. 7) and equivariance."""
        weights, nets = self.config.loss, self.nets
        generator: Any = nets["generator"]
        content, style = feature_losses(self.perceptual(), made.prediction, driving)
        weighted = {"perceptual": weights.perceptual * content, "style": weights.style * style}
        terms = {name: term for name, term in weighted.items() if getattr(weights, name)}
        if weights.l1:
            terms["l1"] = weights.l1 * F.l1_loss(made.prediction, driving)
        if "discriminator" in nets:
            logits = nets["discriminator"](made.prediction)
            terms["adversarial"] = weights.adversarial * generator_loss(logits, weights.adversarial_kind)
        terms |= twin_terms(weights, made)
        return terms | equivariance_terms(weights, nets["kp_detector"], generator, driving, made.points)

    def _temporal_terms(self, made: Reconstruction, batch: Batch) -> dict[str, Tensor]:
        """lambda_reg L_reg (eq. 1) under the scheme, and the guard of the confidence."""
        t = self.config.temporal
        terms = {}
        if t.scheme != "none" and t.weight:
            flow = self._padded(batch["flow"].movedim(-1, 1).float()).movedim(1, -1)
            mask = self._padded(batch["reliable"][:, None].float())
            generated = made.prediction.detach() if t.detach_frame else made.prediction
            loss = temporal_loss(t.scheme, generated, self._image(batch["previous"]), flow, mask, made.flow.occlusion)
            terms["temporal"] = t.weight * loss
        if t.confidence:
            terms["guard"] = t.confidence * confidence_guard(made.flow.occlusion, t.confidence_floor)
        return terms
