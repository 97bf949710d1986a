"""Region-to-Whole behind the method interface: networks, stages, animation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from datasets.errors import UsageError
from methods.base import AnimateOptions, Driving, Method, Player, SequenceItem, Stage, StepInfo, Update
from methods.layers.background import background_of
from methods.layers.discriminators import MultiScaleDiscriminator
from methods.layers.inference import InferenceCopies
from methods.layers.perceptual import training_files
from methods.region_to_whole import spec
from methods.region_to_whole.config import LayoutConfig, RegionConfig, RegionToWholeConfig, WholeConfig
from methods.region_to_whole.inputs import (
    CLASSES,
    View,
    compose,
    draw_pose,
    layout_of,
    parsing_kind,
    read_layout,
)
from methods.region_to_whole.losses import FeatureLoss
from methods.region_to_whole.networks import LayoutNetwork, RegionNetwork, WholeNetwork, initialise, initialise_plain
from methods.region_to_whole.rollout import PersonRollout, Source
from methods.region_to_whole.training import Stages, read_sequence, view_of

if TYPE_CHECKING:
    from methods.base import Batch

CHECKPOINTS = Path(__file__).parent / "checkpoints"
#: How often, and to which share, the rates fall after ``train.decay_from``.
FALLS, FALL = 5, 0.5


@dataclass(frozen=True)
class SourceState:
    """What animation needs of the photo.

    Attributes:
        view: the networks' frame in the whole one.
        source: the photo in the networks' frame.
        features: of its layout, from the layout network.
        background: (1, 3, height, width) the scene without the person, in [0, 1].
    """

    view: View
    source: Source
    features: Tensor
    background: Tensor


class RegionToWhole(Method):
    """REMOT (Yang et al., ACM MM 2022): layout GAN, region GAN with GAM, whole composition network with TAM."""

    spec = spec.SPEC
    config: RegionToWholeConfig

    def __init__(self, config: RegionToWholeConfig) -> None:
        super().__init__(config)
        c = config
        self.nets["layout"] = LayoutNetwork(c.layout)
        self.nets["region"] = RegionNetwork(c.region)
        if c.layout.adversarial or c.layout.matching:
            self.nets["layout_judge"] = self._judge(CLASSES + 3)
        if c.region.adversarial or c.region.matching:
            self.nets["region_judge"] = self._judge(1 + 3)
        if c.whole.enabled:
            self.nets["whole"] = WholeNetwork(c.whole)
            if c.whole.adversarial or c.whole.matching:
                self.nets["whole_judge"] = self._judge(CLASSES + 3)
            if c.whole.face:
                self.nets["face_judge"] = self._judge(CLASSES + 3, scales=1)
            for i in range(c.judge.temporal_scales if c.whole.temporal else 0):
                self.nets[f"temporal_judge_{i}"] = self._judge(9)
        for net in self.nets.values():
            net.apply(initialise)
        for name, part in (("layout", c.layout), ("region", c.region), ("whole", c.whole)):
            if name in self.nets and part.network.norm == "none":
                initialise_plain(self.nets[name])
        self._copies = InferenceCopies()
        self._features: FeatureLoss | None = None

    def _judge(self, channels: int, scales: int = 0) -> MultiScaleDiscriminator:
        j = self.config.judge
        return MultiScaleDiscriminator(channels, scales or j.scales, width=j.width, layers=j.layers, norm=j.norm)

    # -- training ------------------------------------------------------------------------------------------------
    def stages(self) -> Sequence[Stage]:
        """Layout GAN, Region GAN, then the Whole Composition Network on their frozen output (paper 3.3)."""
        c = self.config
        judges = tuple(n for n in self.nets if n.startswith(("whole_judge", "face_judge", "temporal_judge")))
        made = [
            self._stage("layout", c.layout, ("layout_judge",), validate=False),
            self._stage("region", c.region, ("region_judge",), validate=not c.whole.enabled),
        ]
        if c.whole.enabled:
            made.append(self._stage("whole", c.whole, judges, validate=True))
        return tuple(made)

    def _stage(
        self, name: str, config: LayoutConfig | RegionConfig | WholeConfig, judges: tuple[str, ...], validate: bool
    ) -> Stage:
        t, steps = self.config.train, config.steps
        falls = tuple(round(steps * (t.decay_from + (1 - t.decay_from) * i / FALLS)) for i in range(FALLS))
        owners = {"generator": ((name,), t.lr), "judge": (tuple(j for j in judges if j in self.nets), t.judge_lr)}
        players = {
            player: Player(nets, lr, betas=(0.5, 0.999), milestones=falls, gamma=FALL)
            for player, (nets, lr) in owners.items()
            if nets
        }
        needs = {"keypoints", parsing_kind(self.config.labels)}
        if t.flow == "annotation":
            needs |= {"flow", "occlusion"}
        item = SequenceItem(t.frames, t.stride, source="random")
        return Stage(name, item, config.batch or t.batch, steps, players, frozenset(needs), validate=validate)

    def initial_checkpoint(self) -> Path | None:
        """The shipped checkpoint that the ``init`` field names.

        Raises:
            UsageError: there is no checkpoint of that name.
        """
        if not self.config.init:
            return None
        path = CHECKPOINTS / f"{self.config.init}.safetensors"
        if not path.is_file():
            shipped = ", ".join(sorted(p.stem for p in CHECKPOINTS.glob("*.safetensors"))) or "none"
            raise UsageError(
                f"init: no shipped checkpoint '{self.config.init}' (shipped: {shipped}).",
                "set init to '' to train from scratch",
            )
        return path

    def training_inputs(self) -> Mapping[str, Path]:
        """Files that training reads beside its data: the perceptual network's weights and the initial checkpoint."""
        files = dict(training_files(self.config.train.network))
        start = self.initial_checkpoint()
        return files | ({"init": start} if start else {})

    def features(self) -> FeatureLoss:
        """The perceptual loss, made at the first training step on the networks' device."""
        if self._features is None:
            with torch.random.fork_rng(devices=[]):  # making layers draws numbers, which would shift a resumed run's
                self._features = FeatureLoss(self.config.train.network)
        return self._features.to(self.device)

    def use_features(self, loss: FeatureLoss) -> None:
        """Give the perceptual loss instead of having it made (one without its weights, for timing)."""
        self._features = loss

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One sequence a sample: an update of generator and discriminators for every ``train.backprop`` frames."""
        features = None if stage.name == "layout" else self.features()
        return Stages(self.nets, self.config, features).step(stage.name, read_sequence(batch, self.config), update)

    # -- animation -----------------------------------------------------------------------------------------------
    def encode(self, source: Batch) -> SourceState:
        """Photo, layout and background: ``{"rgb": (1, 3, H, W), "<parsing>": (1, H, W)[, "background"]}`` -> state.

        The background is the annotation of that kind, else the temporal median of the unmasked ``rgb``, else (where no
        frame shows the scene) inpainted. More frames of the photo's video may be given behind the photo for that.

        Raises:
            MissingInputError: there is no parsing.
        """
        frames, labels = source["rgb"].float(), read_layout(source, self.config.labels)
        view = view_of(self.config, frames.shape[2], frames.shape[3])
        layout = layout_of(view.enter_labels(labels[:1]))
        if "background" in source:
            background = source["background"][:1].movedim(-1, 1).float() / 255
        else:
            background = background_of(frames, (labels > 0)[:, None].float())
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            known = Source.of(view.enter(frames[:1]) * 2 - 1, layout)
            network: Any = self._copies.get(self.nets["layout"])
            return SourceState(view, known, network.encode(layout), background)

    def animate(self, state: SourceState, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Stream generated frames (n, 3, H, W), each made from the two before it.

        Without the whole network they are a foreground on black, as in the paper's ablation.

        Raises:
            UsageError: unknown mode, or driving frames of another size.
        """
        if options.mode not in self.spec.modes:
            raise UsageError(f"region-to-whole has no mode '{options.mode}'.", f"one of {', '.join(self.spec.modes)}")
        dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
        names = [name for name in ("layout", "region", "whole") if name in self.nets]
        nets: dict[str, Any] = {name: self._copies.get(self.nets[name], dtype) for name in names}
        rollout = PersonRollout(nets, state.source, state.features, self.config.region)
        for part in driving.chunks():
            with torch.no_grad(), torch.autocast(state.background.device.type, enabled=False):
                yield self._frames(state, rollout, part)

    def _frames(self, state: SourceState, rollout: PersonRollout, part: Mapping[str, Tensor]) -> Tensor:
        """The next chunk of frames."""
        view = state.view
        if tuple(part["rgb"].shape[2:]) != (view.height, view.width):
            size = f"{part['rgb'].shape[3]} x {part['rgb'].shape[2]}"
            raise UsageError(
                f"Driving frames are {size} pixels, but the source is {view.width} x {view.height}.",
                "resize both to one size",
            )
        inside = state.source.layout.shape[-2:]
        poses = draw_pose(view.enter_points(part["keypoints"]), (inside[0], inside[1]), self.config.pose)
        around = state.background if "whole" in self.nets else torch.zeros_like(state.background)
        scene = view.enter(around) * 2 - 1
        made = []
        for pose in poses.split(1):
            foreground, mask = rollout.step(pose)
            image = (compose(foreground, mask, scene) + 1) / 2
            made.append(view.leave(image.clamp(0, 1), around))
        return torch.cat(made)
