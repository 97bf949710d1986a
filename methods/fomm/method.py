"""FOMM behind the method interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from methods.base import Stage, StepInfo, Update
from methods.fomm import spec
from methods.fomm.config import FOMMConfig
from methods.fomm.keypoints import KeypointDetector
from methods.layers.first_order.flow import FlowNetwork
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.first_order.method import FirstOrderMethod
from methods.layers.first_order.sampling import Sampling
from methods.layers.official import load_network

if TYPE_CHECKING:
    from methods.base import Batch


class FOMM(FirstOrderMethod):
    """First Order Motion Model. ``nets`` has the official names, so state-dict keys equal the official ones."""

    spec = spec.SPEC
    detector_name = "kp_detector"
    config: FOMMConfig

    def __init__(self, config: FOMMConfig) -> None:
        super().__init__(config)
        c = config
        sampling = Sampling(c.sample_align_corners, c.resize_align_corners)
        flow = FlowNetwork(c.motion, c.num_keypoints, sampling)
        self.nets["kp_detector"] = KeypointDetector(c.keypoints, c.num_keypoints, c.single_jacobian)
        self.nets["generator"] = WarpGenerator(c.generator, flow, "dense_motion_network", sampling, skips=False)

    def stages(self) -> Sequence[Stage]:
        """One stage: everything together."""
        return (self.reconstruction_stage(),)

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One update of all networks; returns the weighted loss terms."""
        terms = self.reconstruction_terms(batch)
        update("generator", torch.stack(list(terms.values())).sum())
        return dict(zip(terms, torch.stack([t.detach() for t in terms.values()]).tolist(), strict=True))

    def load_official(self, checkpoint: Mapping[str, Any]) -> None:
        """Load a checkpoint of the official code; its discriminator, optimisers and epoch are ignored.

        Raises:
            UsageError: a network or a key is missing or misshapen; the message names it.
        """
        for name, net in self.nets.items():
            load_network(net, checkpoint, name)
