"""The part of the method interface that FOMM and MRAA have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from datasets.errors import UsageError
from methods.base import AnimateOptions, Augment, Driving, Method, PairItem, Player, Stage
from methods.layers.first_order.animate import Animator, Networks, SourceState, encode_source
from methods.layers.first_order.config import LossConfig, TrainConfig
from methods.layers.first_order.losses import (
    Reconstruction,
    equivariance_terms,
    image_terms,
    reconstruct,
    twin_terms,
)
from methods.layers.inference import InferenceCopies
from methods.layers.letterbox import Letterbox
from methods.layers.perceptual import PerceptualLoss, training_files
from methods.layers.shipped import shipped_checkpoint

if TYPE_CHECKING:
    from methods.base import Batch

#: Driving frames in one forward pass hold about this many pixels.
CHUNK_PIXELS = 8 * 64 * 64


class FirstOrderMethod(Method):
    """Reconstruction stage and streamed animation. ``nets`` has the official names of the networks.

    A subclass fills ``nets`` with :attr:`detector_name`, ``generator`` and perhaps ``bg_predictor`` and
    ``avd_network``; its config has ``loss``, ``train``, ``init``, ``adapt_scale`` and ``multiple``.

    Attributes:
        detector_name: of the network that finds points.
        checkpoints: folder of the checkpoints that the method ships.
    """

    detector_name: ClassVar[str]
    checkpoints: ClassVar[Path]
    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._copies = InferenceCopies()
        self._perceptual: PerceptualLoss | None = None
        self._without: set[str] = set()  # optional networks that an official checkpoint did not have

    # -- training ------------------------------------------------------------------------------------------------
    def _augment(self) -> Augment:
        t: TrainConfig = self.config.train
        return Augment(t.hflip, t.time_flip, t.jitter, t.jitter, t.jitter, t.jitter)

    def reconstruction_stage(self) -> Stage:
        """All networks but AVD, together.

        The official code steps optimisers of equal settings; Adam works entry by entry, so one player is the same.
        """
        t: TrainConfig = self.config.train
        names = tuple(name for name in ("generator", self.detector_name, "bg_predictor") if name in self.nets)
        player = Player(
            nets=names,
            lr=t.lr,
            betas=(0.5, 0.999),
            milestones=tuple(t.steps * m // t.epochs for m in t.milestones),
            clip_norm=t.clip or None,
        )
        return Stage("reconstruction", PairItem(), t.batch, t.steps, {"generator": player}, augment=self._augment())

    def initial_checkpoint(self) -> Path | None:
        """The shipped checkpoint that the ``init`` field names.

        Raises:
            UsageError: there is no checkpoint of that name.
        """
        return shipped_checkpoint(self.checkpoints, self.config.init)

    def training_inputs(self) -> Mapping[str, Path]:
        """Files that training reads beside its data: the perceptual network's weights and the initial checkpoint."""
        start = self.initial_checkpoint()
        return dict(training_files(self.config.loss.network)) | ({"init": start} if start else {})

    def perceptual(self) -> PerceptualLoss:
        """The loss network, made at the first training step on the networks' device."""
        if self._perceptual is None:
            loss: LossConfig = self.config.loss
            with torch.random.fork_rng(devices=[]):  # making layers draws numbers, which would shift a resumed run's
                self._perceptual = PerceptualLoss(loss.network, loss.scales)
        return self._perceptual.to(self.device)

    def use_perceptual(self, loss: PerceptualLoss) -> None:
        """Give the loss network instead of having it made (one for several methods, or one without its weights)."""
        self._perceptual = loss

    def padded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Source and driving frames of a batch, padded to sides the networks take."""
        return self._padded(batch["source"]), self._padded(batch["driving"])

    def twin(self, batch: Batch) -> Tensor | None:
        """Other people in the poses of the driving frames, padded, where a batch has them (``twin``; see
        scripts/pretrain_twins.py); no dataset gives them to :mod:`bench.train`."""
        return self._padded(batch["twin"]) if "twin" in batch else None

    def _padded(self, frames: Tensor) -> Tensor:
        return Letterbox(frames.shape[2], frames.shape[3], self.config.multiple).pad(frames)

    def reconstruction_terms(self, batch: Batch) -> tuple[dict[str, Tensor], Reconstruction]:
        """Weighted loss terms of one step of :meth:`reconstruction_stage`, and what was made."""
        source, driving = self.padded(batch)
        nets: Any = self.nets
        detector, generator = nets[self.detector_name], nets["generator"]
        background = dict(nets.items()).get("bg_predictor")
        made = reconstruct(detector, generator, background, source, driving, self.twin(batch))
        loss: LossConfig = self.config.loss
        terms = image_terms(loss, self.perceptual(), made.prediction, driving) | twin_terms(loss, made)
        return terms | equivariance_terms(loss, detector, generator, driving, made.points), made

    # -- animation -----------------------------------------------------------------------------------------------
    def _networks(self, dtype: torch.dtype) -> Networks:
        """Inference copies: the generator in ``dtype``, everything that gives coordinates in float32."""

        def copy(name: str, dtype: torch.dtype = torch.float32) -> Any:
            return self._copies.get(self.nets[name], dtype) if name in self.nets and name not in self._without else None

        return Networks(copy(self.detector_name), copy("generator", dtype), copy("bg_predictor"), copy("avd_network"))

    def encode(self, source: Batch) -> SourceState:
        """Padded photo, its points and encoder features: ``{"rgb": (1, 3, H, W)}`` -> state."""
        return encode_source(source["rgb"], self.config.multiple, self._networks(torch.float32))

    def animate(self, state: SourceState, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Stream generated frames (n, 3, H, W).

        ``options.self_driven`` is the official ``reconstruction`` mode: points as detected, whatever the mode, and the
        background predictor (if any) in slot 0. Otherwise slot 0 is the identity, as in the official animation.

        Raises:
            UsageError: unknown mode, ``avd`` without a trained AVD network, or driving frames of another size.
        """
        if options.mode not in self.spec.modes:
            raise UsageError(f"{self.spec.name} has no mode '{options.mode}'.", f"one of {', '.join(self.spec.modes)}")
        if options.mode == "avd" and not options.self_driven and "avd_network" in self._without:
            raise UsageError(
                "Mode avd needs an AVD network, which this checkpoint does not have.", "use --mode standard or relative"
            )
        nets = self._networks(torch.bfloat16 if options.precision == "bf16" else torch.float32)
        chunk = max(1, CHUNK_PIXELS // (state.box.height * state.box.width))
        return Animator(state, nets, options, self.config.adapt_scale).stream(driving, chunk)
