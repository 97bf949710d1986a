"""Neural texture behind the method interface: stages, training steps, animation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from datasets.errors import UsageError
from methods.base import AnimateOptions, Driving, Method, PairItem, Player, Stage, StepInfo, Update
from methods.layers.adversarial import discriminator_loss, generator_loss
from methods.layers.discriminators import ResDiscriminator
from methods.layers.inference import InferenceCopies
from methods.layers.perceptual import PerceptualLoss, training_files
from methods.layers.shipped import shipped_checkpoint
from methods.neural_texture import spec
from methods.neural_texture.animate import SourceState, encode_source, stream
from methods.neural_texture.config import NeuralTextureConfig
from methods.neural_texture.frames import Preparation
from methods.neural_texture.losses import Terms, flow_terms, image_terms, mask_loss, texture_terms
from methods.neural_texture.pipeline import Generated, Pipeline, build_networks

if TYPE_CHECKING:
    from methods.base import Batch

CHECKPOINTS = Path(__file__).parent / "checkpoints"
#: What a training pair carries.
TRAINING_KINDS = frozenset({"iuv", "mask"})


@dataclass(frozen=True)
class _Pair:
    """A prepared batch: photo and IUV maps as the networks see them, targets at their size or at the frames'."""

    photo: Tensor
    photo_iuv: Tensor
    iuv: Tensor
    driving: Tensor
    mask: Tensor


class NeuralTexture(Method):
    """One-shot human motion transfer via occlusion-robust flow prediction and neural texturing."""

    spec = spec.SPEC
    config: NeuralTextureConfig

    def __init__(self, config: NeuralTextureConfig) -> None:
        super().__init__(config)
        self.nets.update(build_networks(config))
        self._generator = tuple(self.nets.keys())
        if config.loss.adversarial:
            self.nets["discriminator"] = ResDiscriminator()
        self._copies = InferenceCopies()
        self._perceptual: PerceptualLoss | None = None

    # -- schedule ------------------------------------------------------------------------------------------------
    def _networks(self, stage: str) -> tuple[str, ...]:
        """Names of the generator's networks that a stage trains (section IV); empty where a variant lacks them."""
        wanted: Mapping[str, tuple[str, ...]] = {
            "texture": ("motion_encoder", "texture") if self.config.branches.texture else (),
            "warping": ("motion_encoder", "motion_decoder", "appearance") if "appearance" in self.nets else (),
            "full": self._generator,
            "blender": ("blender",) if "blender" in self.nets and self.config.reduction == 2 else (),
        }
        names = tuple(n for n in wanted[stage] if n in self.nets)
        if stage == "warping" and self.config.branches.appearance == "plain":
            names = ("appearance",)
        return names

    def stages(self) -> Sequence[Stage]:
        """The paper's schedule: 2.5D branch, 2D branch, end to end, blender with its super-resolution block.

        Steps of a stage that the variant lacks go to the end-to-end stage, so that all arms train equally long. From a
        shipped checkpoint, training is end to end at once.
        """
        t = self.config.train
        steps = {"texture": t.texture_steps, "warping": t.warping_steps, "full": 0, "blender": t.blender_steps}
        left = {s: n for s, n in steps.items() if t.staged and self._networks(s)}
        left["full"] = t.full_steps if self.config.init else t.full_steps + sum(steps.values()) - sum(left.values())
        if self.config.init:
            left = {"full": left["full"]}
        order = [name for name in steps if left.get(name)]
        return tuple(self._stage(name, left[name], name == order[-1]) for name in order)

    def _stage(self, name: str, steps: int, last: bool) -> Stage:
        t = self.config.train
        milestones = tuple(round(steps * share) for share in t.decay)
        rate = t.finetune_lr if self.config.init else t.lr
        generator = Player(self._networks(name), rate, (t.beta1, 0.999), milestones=milestones, gamma=0.3)
        players = {"generator": replace(generator, clip_norm=t.clip or None, clip_type=2.0)}
        if "discriminator" in self.nets and name != "texture":
            players["discriminator"] = replace(generator, nets=("discriminator",))
        item = PairItem(ordered=False)
        return Stage(name, item, t.batch, steps, players, needs=TRAINING_KINDS, validate=last)

    def initial_checkpoint(self) -> Path | None:
        """The shipped checkpoint that the ``init`` field names.

        Raises:
            UsageError: there is no checkpoint of that name.
        """
        return shipped_checkpoint(CHECKPOINTS, self.config.init)

    def training_inputs(self) -> Mapping[str, Path]:
        """The perceptual network's weights, and the initial checkpoint where there is one."""
        path = self.initial_checkpoint()
        return training_files(self.config.loss.network) | ({"init": path} if path else {})

    # -- training ------------------------------------------------------------------------------------------------
    def perceptual(self) -> PerceptualLoss:
        """The loss network on the method's device, made on first use without touching random state."""
        if self._perceptual is None:
            with torch.random.fork_rng():
                self._perceptual = PerceptualLoss(self.config.loss.network, self.config.loss.scales)
        return self._perceptual.to(self.device)

    def set_perceptual(self, loss: PerceptualLoss) -> None:
        """Give the loss network instead of having it made."""
        self._perceptual = loss

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One update of the generator, and of the discriminator where the stage has one; the weighted terms."""
        enlarge = stage.name == "blender" or self.config.reduction == 1
        pair = self._prepare(batch, enlarge)
        pipeline = Pipeline(self.config, self.nets)
        source = pipeline.encode(pair.photo, pair.photo_iuv)
        if stage.name == "texture":
            small = pair if enlarge else self._prepare(batch, False)
            made = pipeline.texture(source, pair.iuv)
            terms = texture_terms(made, self.config.loss, small.driving, pair.iuv, small.mask)
            images: list[Tensor] = []
        else:
            generated = pipeline(source, pair.iuv, texture=stage.name != "warping", enlarge=enlarge)
            terms, images = self._terms(stage.name, generated, pair)
        if "discriminator" in stage.players:
            fake = self.nets["discriminator"](torch.cat(images))
            terms["adversarial"] = self.config.loss.adversarial * generator_loss(fake)
        update("generator", torch.stack(list(terms.values())).sum())
        if "discriminator" in stage.players:
            terms["discriminator"] = self._update_discriminator(images, pair.driving, update)
        values = torch.stack([t.detach() for t in terms.values()]).tolist()
        return dict(zip(terms, values, strict=True))

    def _prepare(self, batch: Batch, enlarge: bool) -> _Pair:
        """Photo and IUV maps at the networks' size; targets at the frames' size with ``enlarge``."""
        prepare = Preparation.of(batch["source"], self.config.multiple, self.config.reduction)
        driving, mask = prepare.box.pad(batch["driving"]), prepare.mask(batch["driving/mask"])
        if not enlarge:
            driving, mask = prepare.reduce(driving), (prepare.reduce(mask) >= 0.5).float()
        photo = prepare.image(batch["source"])
        return _Pair(photo, prepare.iuv(batch["source/iuv"]), prepare.iuv(batch["driving/iuv"]), driving, mask)

    def _terms(self, stage: str, made: Generated, pair: _Pair) -> tuple[Terms, list[Tensor]]:
        """Weighted losses of a generated batch in a stage, and the images that they look at."""
        loss, terms, images = self.config.loss, Terms(), [made.image]
        if stage != "blender":
            if made.motion is not None:
                terms |= flow_terms(made.motion, loss, self.perceptual(), pair.photo, pair.driving)
            if made.texture is not None:
                terms |= texture_terms(made.texture, loss, pair.driving, pair.iuv, pair.mask)
            if made.appearance is not None:
                terms["mask_2d"] = loss.mask * mask_loss(made.appearance.mask, pair.mask)
                images = [made.appearance.image] + ([made.image] if made.mask is not None else [])
        if made.mask is not None:
            terms["mask"] = loss.mask * mask_loss(made.mask, pair.mask)
        return terms | image_terms(images, pair.driving, loss, self.perceptual()), images

    def _update_discriminator(self, images: list[Tensor], real: Tensor, update: Update) -> Tensor:
        judge = self.nets["discriminator"]
        loss = discriminator_loss(judge(real), judge(torch.cat(images).detach()))
        update("discriminator", loss)
        return loss

    # -- animation -----------------------------------------------------------------------------------------------
    def _pipeline(self) -> Pipeline:
        """The generator on inference copies, so that animation leaves the networks alone."""
        return Pipeline(self.config, {name: self._copies.get(self.nets[name]) for name in self._generator})

    def encode(self, source: Batch) -> SourceState:
        """Everything of the photo: ``{"rgb": (1, 3, H, W), "iuv": (1, H, W, 3)}`` -> state."""
        return encode_source(self._pipeline(), source["rgb"], source["iuv"])

    def animate(self, state: SourceState, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Stream generated frames (n, 3, H, W).

        Raises:
            UsageError: unknown mode, or driving frames of another size.
        """
        if options.mode not in self.spec.modes:
            raise UsageError(f"neural-texture has no mode '{options.mode}'.", f"one of {', '.join(self.spec.modes)}")
        return stream(self._pipeline(), state, driving, options.precision == "bf16")
