"""MRAA behind the method interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from methods.base import PairItem, Player, Stage, StepInfo, Update
from methods.layers.first_order.flow import FlowNetwork
from methods.layers.first_order.generator import WarpGenerator
from methods.layers.first_order.method import FirstOrderMethod
from methods.layers.first_order.sampling import Sampling
from methods.layers.official import load_network
from methods.mraa import spec
from methods.mraa.avd import AVDNetwork, avd_losses
from methods.mraa.background import BackgroundPredictor
from methods.mraa.config import MRAAConfig
from methods.mraa.regions import RegionPredictor

if TYPE_CHECKING:
    from methods.base import Batch


class MRAA(FirstOrderMethod):
    """MRAA. ``nets`` has the official names, so state-dict keys equal the official ones."""

    spec = spec.SPEC
    detector_name = "region_predictor"
    checkpoints = Path(__file__).parent / "checkpoints"
    config: MRAAConfig

    def __init__(self, config: MRAAConfig) -> None:
        super().__init__(config)
        c = config
        sampling = Sampling(c.sample_align_corners, c.resize_align_corners)
        flow = FlowNetwork(c.motion, c.num_regions, sampling, axis_swap=True)
        self.nets["region_predictor"] = RegionPredictor(c.regions, c.num_regions)
        if c.background.kind == "affine":
            self.nets["bg_predictor"] = BackgroundPredictor(c.background)
        self.nets["generator"] = WarpGenerator(c.generator, flow, "pixelwise_flow_predictor", sampling, skips=True)
        self.nets["avd_network"] = AVDNetwork(c.num_regions, c.avd.width, c.avd.bottleneck, c.avd.residual)

    def stages(self) -> Sequence[Stage]:
        """Stage 1 trains all networks but AVD, stage 2 the AVD network on frozen regions."""
        a = self.config.avd
        milestones = tuple(a.steps * m // a.epochs for m in a.milestones)
        avd = Player(("avd_network",), lr=a.lr, betas=(0.5, 0.999), milestones=milestones)
        augment = self._augment()
        return (
            self.reconstruction_stage(),
            Stage("avd", PairItem(), a.batch, a.steps, {"avd": avd}, augment=augment, validate=False),
        )

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One update of the stage's player; returns the weighted loss terms."""
        if stage.name == "avd":
            terms, player = self._avd_terms(batch), "avd"
        else:
            terms, player = self.reconstruction_terms(batch)[0], "generator"
        update(player, torch.stack(list(terms.values())).sum())
        return dict(zip(terms, torch.stack([t.detach() for t in terms.values()]).tolist(), strict=True))

    def _avd_terms(self, batch: Batch) -> dict[str, torch.Tensor]:
        source, driving = self.padded(batch)
        a, detector, twin = self.config.avd, self.nets["region_predictor"], self.twin(batch)
        with torch.no_grad():
            found, moved = detector(source), detector(driving)
            others = None if twin is None else detector(twin)
        shift, affine = avd_losses(self.nets["avd_network"], found, moved, a.random_scale, others)
        return {"avd_shift": a.shift * shift, "avd_affine": a.affine * affine}

    def load_official(self, checkpoint: Mapping[str, Any]) -> None:
        """Load a checkpoint of the official code (networks by name; optimisers and epochs are ignored).

        ``bg_predictor`` (without tensors for MGif) and ``avd_network`` (absent after stage 1) may be missing: then the
        background stands still, and mode ``avd`` is refused.

        Raises:
            UsageError: another network or any key is missing or misshapen; the message names it.
        """
        self._without = {name for name in ("bg_predictor", "avd_network") if not checkpoint.get(name)}
        for name, net in self.nets.items():
            if name not in self._without:
                load_network(net, checkpoint, name)
