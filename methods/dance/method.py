"""Dance reenactment behind the method interface: networks, stages, animation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from datasets.annotators.training import FacePoints
from datasets.errors import UsageError
from methods.base import AnimateOptions, Driving, Method, PairItem, Player, SequenceItem, Stage, StepInfo, Update
from methods.dance import spec
from methods.dance.animate import Chain, SourceState, encode_source, stream
from methods.dance.body2frame import Body2Frame
from methods.dance.config import ENCODER_WIDTHS, POSE_CHANNELS, BodyConfig, DanceConfig, RefinementConfig, SpadeConfig
from methods.dance.encoders import Encoders, encoder_files
from methods.dance.labels import rendering_classes
from methods.dance.pose2body import Pose2Body
from methods.dance.refinement import FaceRefinement
from methods.dance.training import Fixed, Steps
from methods.layers.discriminators import MultiScaleDiscriminator
from methods.layers.inference import InferenceCopies
from methods.layers.perceptual import PerceptualLoss, training_files
from methods.layers.shipped import shipped_checkpoint

if TYPE_CHECKING:
    from methods.base import Batch

CHECKPOINTS = Path(__file__).parent / "checkpoints"
#: What a training item carries.
TRAINING_KINDS = frozenset({"parsing20", "keypoints", "iuv"})


class Dance(Method):
    """Single-Shot Freestyle Dance Reenactment (Gafni et al., CVPR 2021): Pose2Body, Body2Frame, Face Refinement."""

    spec = spec.SPEC
    config: DanceConfig
    #: Driving chunks may carry ``scene`` (n, 3, H, W) in [0, 1], the background to put the person on.
    takes_scene: ClassVar[bool] = True

    def __init__(self, config: DanceConfig) -> None:
        super().__init__(config)
        c = config
        self.nets["pose2body"] = Pose2Body(c.classes, c.pose2body)
        self.nets["body2frame"] = Body2Frame(c)
        if c.pose2body.adversarial or c.pose2body.matching:
            self.nets["pose2body_judge"] = self._judge(2 * c.classes + POSE_CHANNELS)
        if c.body2frame.adversarial or c.body2frame.matching:
            self.nets["body2frame_judge"] = self._judge(rendering_classes(c.classes, True) + 3)
        if c.refinement.enabled:
            self.nets["refinement"] = FaceRefinement(ENCODER_WIDTHS[c.encoders.face], c.refinement)
            if c.refinement.adversarial:
                self.nets["refinement_judge"] = self._judge(3, scales=1)
        self._copies = InferenceCopies()
        self._fixed: Fixed | None = None

    def _judge(self, channels: int, scales: int = 0) -> MultiScaleDiscriminator:
        j = self.config.judge
        return MultiScaleDiscriminator(channels, scales or j.scales, width=j.width, layers=j.layers, norm=j.norm)

    # -- training ------------------------------------------------------------------------------------------------
    def stages(self) -> Sequence[Stage]:
        """The three networks, each by itself (section 3); Face Refinement sees what the frozen Body2Frame makes.

        Whole animations are validated in the last stage alone: before it, an untrained network is among the three.
        """
        c = self.config
        s = c.body2frame
        made = [
            self._stage("pose2body", c.pose2body, PairItem(max_gap=c.pose2body.max_gap, ordered=False)),
            self._stage("body2frame", s, SequenceItem(s.frames, s.stride, source="random")),
        ]
        if c.refinement.enabled:
            made.append(
                self._stage("refinement", c.refinement, SequenceItem(c.refinement.frames, s.stride, source="random"))
            )
        made = [stage for stage in made if stage.steps]
        return (*made[:-1], *(replace(stage, validate=True) for stage in made[-1:]))

    def _stage(
        self, name: str, config: BodyConfig | SpadeConfig | RefinementConfig, item: PairItem | SequenceItem
    ) -> Stage:
        t = self.config.train
        falls = tuple(round(config.steps * share) for share in t.decay)
        share = t.finetune if self.config.init else 1.0
        owners = {"generator": (name, share * config.lr), "judge": (f"{name}_judge", share * self.config.judge.lr)}
        players = {
            player: Player(
                (net,), rate, (t.beta1, 0.999), milestones=falls, gamma=0.3, clip_norm=t.clip or None, clip_type=2.0
            )
            for player, (net, rate) in owners.items()
            if net in self.nets
        }
        return Stage(name, item, config.batch, config.steps, players, TRAINING_KINDS, validate=False)

    def initial_checkpoint(self) -> Path | None:
        """The shipped checkpoint that the ``init`` field names.

        Raises:
            UsageError: there is no checkpoint of that name.
        """
        return shipped_checkpoint(CHECKPOINTS, self.config.init)

    def training_inputs(self) -> Mapping[str, Path]:
        """Weights of the encoders and of the perceptual network, and the initial checkpoint where there is one."""
        c = self.config
        files = dict(encoder_files({c.encoders.face, c.encoders.parts})) | training_files(c.body2frame.network)
        start = self.initial_checkpoint()
        return files | ({"init": start} if start else {})

    def fixed(self) -> Fixed:
        """Encoders, perceptual loss and finder on the networks' device, made on first use; random state stays."""
        if self._fixed is None:
            with torch.random.fork_rng(devices=[]):
                finder = FacePoints() if self.config.refinement.align == "mtcnn" else None
                self._fixed = Fixed(
                    Encoders(self.config), PerceptualLoss(self.config.body2frame.network, (1.0,)), finder
                )
        self._fixed.encoders.to(self.device)
        self._fixed.perceptual.to(self.device)
        return self._fixed

    def use_fixed(self, fixed: Fixed) -> None:
        """Give the fixed networks instead of having them made (some without their weights, for timing)."""
        self._fixed = fixed

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One update of the stage's network, and of its discriminator where it has one."""
        fixed = None if stage.name == "pose2body" else self.fixed()
        return Steps(self.nets, self.config, fixed).step(stage.name, batch, update)

    # -- animation -----------------------------------------------------------------------------------------------
    def encode(self, source: Batch) -> SourceState:
        """Everything of the photo: ``{"rgb": (1, 3, H, W), "parsing20", "keypoints", "iuv"[, "background"]}`` -> state.

        The background is the annotation of that kind, else the photo with the person painted out.

        Raises:
            MissingInputError: there is no parsing.
        """
        with torch.no_grad(), torch.autocast(source["rgb"].device.type, enabled=False):
            return encode_source(self.config, self.generators(torch.float32), self.fixed(), source)

    def generators(self, dtype: torch.dtype) -> dict[str, Any]:
        """The three networks as inference copies, so that animation leaves those in training alone."""
        names = [name for name in ("pose2body", "body2frame", "refinement") if name in self.nets]
        return {name: self._copies.get(self.nets[name], dtype) for name in names}

    def animate(self, state: SourceState, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Stream generated frames (n, 3, H, W), each by itself; over ``scene`` where the driving chunks carry it.

        Raises:
            UsageError: unknown mode, or driving frames of another size.
        """
        if options.mode not in self.spec.modes:
            raise UsageError(f"dance has no mode '{options.mode}'.", f"one of {', '.join(self.spec.modes)}")
        dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
        return stream(Chain(self.config, self.generators(dtype), self.fixed(), state), driving)
