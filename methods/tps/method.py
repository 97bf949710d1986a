"""TPS behind the method interface: stages, training steps, animation, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from datasets.errors import UsageError
from methods.base import AnimateOptions, Augment, Driving, Method, PairItem, Player, Stage, StepInfo, Update
from methods.layers.inference import InferenceCopies
from methods.layers.letterbox import Letterbox
from methods.layers.official import load_network
from methods.layers.perceptual import PerceptualLoss, training_files
from methods.layers.shipped import shipped_checkpoint
from methods.tps import spec
from methods.tps.animate import Animator, Networks, SourceState, encode_source
from methods.tps.avd import AVDNetwork
from methods.tps.background import BackgroundPredictor, SmallBackgroundPredictor
from methods.tps.config import TPSConfig
from methods.tps.dense_motion import DenseMotionNetwork
from methods.tps.inpainting import InpaintingNetwork
from methods.tps.keypoints import POINTS_PER_TPS, HeatmapDetector, KeypointDetector
from methods.tps.losses import avd_loss, dropout_probability, reconstruction_losses

if TYPE_CHECKING:
    from methods.base import Batch

CHECKPOINTS = Path(__file__).parent / "checkpoints"
#: Driving frames in one forward pass hold about this many pixels.
CHUNK_PIXELS = 8 * 64 * 64


class TPS(Method):
    """Thin-Plate Spline Motion Model. ``nets`` has the official names, so state-dict keys equal the official ones."""

    spec = spec.SPEC
    config: TPSConfig

    def __init__(self, config: TPSConfig) -> None:
        super().__init__(config)
        c = config
        small = c.keypoints.encoder == "heatmap"
        self.nets["kp_detector"] = (
            HeatmapDetector(c.num_tps, c.keypoints.width, c.keypoints.temperature)
            if small
            else KeypointDetector(c.num_tps)
        )
        if c.background.encoder == "resnet18":
            self.nets["bg_predictor"] = BackgroundPredictor()
        elif c.background.encoder == "small":
            self.nets["bg_predictor"] = SmallBackgroundPredictor(c.background.width)
        self.nets["dense_motion_network"] = DenseMotionNetwork(c.motion, c.num_tps, c.inpainting.num_down_blocks + 1)
        self.nets["inpainting_network"] = InpaintingNetwork(c.inpainting)
        points = c.num_tps * POINTS_PER_TPS
        self.nets["avd_network"] = AVDNetwork(points, c.avd.width, c.avd.bottleneck, c.avd.residual)
        self._copies = InferenceCopies()
        self._perceptual: PerceptualLoss | None = None
        self._without: set[str] = set()  # optional networks that an official checkpoint did not have

    # -- training ------------------------------------------------------------------------------------------------
    def stages(self) -> Sequence[Stage]:
        """Stage 1 trains all networks but AVD, stage 2 the AVD network on frozen key points.

        The official code steps two optimisers of equal settings (background predictor apart); Adam works entry by
        entry, so that one player is the same update.
        """
        t, a = self.config.train, self.config.avd
        clipped = tuple(n for n in ("kp_detector", "dense_motion_network", "bg_predictor") if n in self.nets)
        generator = Player(
            nets=("inpainting_network", *clipped),
            lr=t.lr,
            betas=(0.5, 0.999),
            weight_decay=t.weight_decay,
            milestones=tuple(t.steps * m // t.epochs for m in t.milestones),
            clip_norm=t.clip,
            clip_nets=clipped,
        )
        avd = Player(
            ("avd_network",), lr=a.lr, betas=(0.5, 0.999), milestones=tuple(a.steps * m // 100 for m in a.milestones)
        )
        augment = Augment(t.hflip, t.time_flip, t.jitter, t.jitter, t.jitter, t.jitter)
        drifting = ("kp_detector",) if a.detector_train_mode else ()
        return (
            Stage("reconstruction", PairItem(), t.batch, t.steps, {"generator": generator}, augment=augment),
            Stage(
                "avd", PairItem(), a.batch, a.steps, {"avd": avd}, augment=augment, keep_train=drifting, validate=False
            ),
        )

    def initial_checkpoint(self) -> Path | None:
        """The shipped checkpoint that the ``init`` field names.

        Raises:
            UsageError: there is no checkpoint of that name.
        """
        return shipped_checkpoint(CHECKPOINTS, self.config.init)

    def training_inputs(self) -> Mapping[str, Path]:
        """Files that training reads beside its data: the perceptual network's weights and the initial checkpoint."""
        files = dict(training_files(self.config.loss.network))
        start = self.initial_checkpoint()
        return files | ({"init": start} if start else {})

    def perceptual(self) -> PerceptualLoss:
        """The loss network, made at the first training step on the networks' device."""
        if self._perceptual is None:
            with torch.random.fork_rng(devices=[]):  # making layers draws numbers, which would shift a resumed run's
                self._perceptual = PerceptualLoss(self.config.loss.network, self.config.loss.scales)
        return self._perceptual.to(self.device)

    def use_perceptual(self, loss: PerceptualLoss) -> None:
        """Give the loss network instead of having it made (one for several methods, or one without its weights)."""
        self._perceptual = loss

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One update of the stage's player; returns the weighted loss terms."""
        height, width = batch["source"].shape[2:]
        box = Letterbox(height, width, self.config.multiple)
        source, driving = box.pad(batch["source"]), box.pad(batch["driving"])
        twin = box.pad(batch["twin"]) if "twin" in batch else None
        if stage.name == "avd":
            loss = avd_loss(self.nets, source, driving, self.config.avd.random_scale, self.config.avd.jitter, twin)
            update("avd", loss)
            return {"avd": loss.item()}
        epoch = info.step * self.config.train.epochs // max(info.total, 1)
        drop = 0.0 if self.config.init else dropout_probability(self.config.train, epoch)
        background = epoch >= self.config.background.start_epoch
        terms = reconstruction_losses(
            self.nets, self.config.loss, self.perceptual(), source, driving, drop, background, twin
        )
        update("generator", torch.stack(list(terms.values())).sum())
        values = torch.stack([t.detach() for t in terms.values()]).tolist()
        return dict(zip(terms, values, strict=True))

    # -- animation -----------------------------------------------------------------------------------------------
    def _networks(self, dtype: torch.dtype) -> Networks:
        """Inference copies: the two large networks in ``dtype``, key points always in float32."""

        def copy(name: str, dtype: torch.dtype = torch.float32) -> Any:
            return self._copies.get(self.nets[name], dtype) if name in self.nets and name not in self._without else None

        large = copy("dense_motion_network", dtype), copy("inpainting_network", dtype)
        return Networks(copy("kp_detector"), *large, copy("bg_predictor"), copy("avd_network"))

    def encode(self, source: Batch) -> SourceState:
        """Padded photo, its key points and encoder features: ``{"rgb": (1, 3, H, W)}`` -> state."""
        return encode_source(source["rgb"], self.config.multiple, self._networks(torch.float32))

    def animate(self, state: SourceState, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Stream generated frames (n, 3, H, W).

        ``options.self_driven`` is the official ``reconstruction`` mode: key points as detected, whatever the mode, and
        the background predictor in slot 0. Otherwise slot 0 is the identity, as in the official animation.

        Raises:
            UsageError: unknown mode, ``avd`` without a trained AVD network, or driving frames of another size.
        """
        if options.mode not in self.spec.modes:
            raise UsageError(f"tps has no mode '{options.mode}'.", f"one of {', '.join(self.spec.modes)}")
        if options.mode == "avd" and not options.self_driven and "avd_network" in self._without:
            raise UsageError(
                "Mode avd needs an AVD network, which this checkpoint does not have.", "use --mode standard or relative"
            )
        nets = self._networks(torch.bfloat16 if options.precision == "bf16" else torch.float32)
        chunk = max(1, CHUNK_PIXELS // (state.box.height * state.box.width))
        return Animator(state, nets, options).stream(driving, chunk)

    # -- checkpoints ---------------------------------------------------------------------------------------------
    def load_official(self, checkpoint: Mapping[str, Any]) -> None:
        """Load a checkpoint of the official code (networks by name; optimisers and epoch are ignored).

        ``bg_predictor`` (absent for MGif) and ``avd_network`` (absent after stage 1) may be missing: then the
        background stands still, and mode ``avd`` is refused.

        Raises:
            UsageError: another network or any key is missing or misshapen; the message names it.
        """
        optional = {"bg_predictor", "avd_network"}
        self._without = {name for name in optional if name not in checkpoint}
        for name, net in self.nets.items():
            if name not in self._without:
                load_network(net, checkpoint, name)
