"""FOMM behind the method interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from methods.base import Player, Stage, StepInfo, Update
from methods.fomm import spec
from methods.fomm.config import FOMMConfig
from methods.fomm.discriminator import Discriminator
from methods.layers.adversarial import discriminator_loss, feature_matching, generator_loss
from methods.layers.first_order.flow import FlowNetwork
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.first_order.keypoints import KeypointDetector
from methods.layers.first_order.losses import Reconstruction
from methods.layers.first_order.method import FirstOrderMethod
from methods.layers.first_order.sampling import Sampling
from methods.layers.official import load_network

if TYPE_CHECKING:
    from methods.base import Batch


class FOMM(FirstOrderMethod):
    """First Order Motion Model. ``nets`` has the official names, so state-dict keys equal the official ones."""

    spec = spec.SPEC
    detector_name = "kp_detector"
    checkpoints = Path(__file__).parent / "checkpoints"
    config: FOMMConfig

    def __init__(self, config: FOMMConfig) -> None:
        super().__init__(config)
        c = config
        sampling = Sampling(c.sample_align_corners, c.resize_align_corners)
        flow = FlowNetwork(c.motion, c.num_keypoints, sampling)
        self.nets["kp_detector"] = KeypointDetector(c.keypoints, c.num_keypoints, c.single_jacobian)
        self.nets["generator"] = WarpGenerator(c.generator, flow, "dense_motion_network", sampling, skips=False)
        if c.loss.adversarial:
            self.nets["discriminator"] = Discriminator(c.discriminator, c.num_keypoints, c.motion.heatmap_variance)

    def stages(self) -> Sequence[Stage]:
        """One stage: everything together, with a second player where there is a discriminator."""
        stage = self.reconstruction_stage()
        if "discriminator" not in self.nets:
            return (stage,)
        rival = replace(stage.players["generator"], nets=("discriminator",))
        players: dict[str, Player] = {**stage.players, "discriminator": rival}
        return (replace(stage, players=players),)

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One update of all networks, the discriminator last; returns the weighted loss terms."""
        terms, made = self.reconstruction_terms(batch)
        real = self.padded(batch)[1]
        if "discriminator" in self.nets:
            terms |= self._adversarial_terms(made, real)
        update("generator", torch.stack(list(terms.values())).sum())
        if "discriminator" in self.nets:
            judge = self.nets["discriminator"]
            loss = discriminator_loss(judge(real, made.points), judge(made.prediction.detach(), made.points), "lsgan")
            update("discriminator", loss)
            terms["discriminator"] = loss
        return dict(zip(terms, torch.stack([t.detach() for t in terms.values()]).tolist(), strict=True))

    def _adversarial_terms(self, made: Reconstruction, real: Tensor) -> dict[str, Tensor]:
        """Least squares on the logits, and the mean distance of every feature map [official code]."""
        weights, judge = self.config.loss, self.nets["discriminator"]
        fake = judge(made.prediction, made.points)
        terms = {"adversarial": weights.adversarial * generator_loss(fake, "lsgan")}
        if weights.feature_matching:
            with torch.no_grad():
                wanted = judge(real, made.points)
            terms["feature_matching"] = weights.feature_matching * feature_matching(wanted, fake)
        return terms

    def load_official(self, checkpoint: Mapping[str, Any]) -> None:
        """Load a checkpoint of the official code; optimisers and epoch are ignored, and its discriminator is unless
        this method has one.

        Raises:
            UsageError: a network or a key is missing or misshapen; the message names it.
        """
        for name, net in self.nets.items():
            load_network(net, checkpoint, name)
