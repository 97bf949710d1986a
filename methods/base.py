"""The method interface: one class a method, one data-only spec, streamed animation.

Conventions: RGB float32 in [0, 1], (B, 3, H, W) at every interface; [-1, 1] only inside a network. Network
coordinates are 2x/(W-1) - 1 in (x, y) order with end points included, ``align_corners=True`` said explicitly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from pydantic import BaseModel
    from torch import Tensor, nn

    from datasets.base import Clip

    Batch = Mapping[str, Tensor]

PRESETS = ("tiny", "quick", "standard", "paper")


@dataclass(frozen=True)
class Variant:
    """One ablation: config overrides (dotted paths, as in ``--set``) under the paper's label."""

    label: str
    overrides: Mapping[str, Any]
    compare_to: str = "full"


@dataclass(frozen=True)
class MethodSpec:
    """Data-only card of a method; importing it must not import torch.

    Attributes:
        name: registered name (lower case, hyphens).
        implementation, config: ``module:Class`` of the Method and of its pydantic config.
        modes: mode -> target that its output aims at (``abs/drv``, ``rel/src``, ...); the first is the default.
        needs: annotation kinds it reads at test time (empty: image only). Training needs are in its stages.
        uses: further kinds of the photo alone, given where the data have them; never of the driving video.
        presets: preset -> config overrides (dotted paths).
        variants: slug -> Variant. The full method has no slug.
        scratch: config overrides by which training starts from nothing where a preset starts from a shipped checkpoint;
            every variant, and the full method in an ablation, takes them, so that all arms start alike.
        sanity: a row that is no method but a bar to read the others by; needs no training.
        oracle: the rendering of the trial that a sanity row may see (``target``, ``rel``, ``leak``, ``background``).
    """

    name: str
    title: str
    implementation: str
    config: str
    paper: str = ""
    venue: str = ""
    year: int = 0
    licence: str = ""
    fidelity: str = ""
    modes: Mapping[str, str] = field(default_factory=lambda: {"standard": "abs/drv"})
    needs: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variants: Mapping[str, Variant] = field(default_factory=dict)
    scratch: Mapping[str, Any] = field(default_factory=dict)
    official_checkpoints: bool = False
    sanity: bool = False
    oracle: str = ""


# -- training ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class PairItem:
    """Two frames of one clip: ``source``, ``driving`` (B, 3, H, W), and ``source/<kind>``, ``driving/<kind>``.

    Attributes:
        max_gap: largest distance in frames (None: anywhere in the clip).
        ordered: the source is never later than the driving frame.
    """

    max_gap: int | None = None
    ordered: bool = True


@dataclass(frozen=True)
class SequenceItem:
    """A photo and consecutive frames: ``source`` (B, 3, H, W), ``frames`` (B, T, 3, H, W), ``<either>/<kind>``.

    Attributes:
        length, stride: of the frames.
        source: which frame is the photo: ``first``, ``random`` or ``previous`` (the one before the sequence).
    """

    length: int = 4
    stride: int = 1
    source: str = "random"


@dataclass(frozen=True)
class CropItem:
    """One element of arrays made by :meth:`Method.derive`: the names in ``arrays``, each (B, ...) as stored."""

    arrays: tuple[str, ...]


@dataclass(frozen=True)
class Augment:
    """Image augmentation of an item, the same draw for all its frames; only for stages that need no annotation.

    Attributes:
        hflip, time_flip: probabilities.
        brightness, contrast, saturation, hue: jitter ranges as in torchvision's ColorJitter.
    """

    hflip: float = 0.0
    time_flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0


@dataclass(frozen=True)
class Player:
    """One optimiser and the networks it owns (attribute names in ``Method.nets``).

    Attributes:
        milestones: steps of the stage at which the learning rate is multiplied by ``gamma``.
        clip_norm, clip_type: gradient clipping by that norm type (``inf`` or 2); ``clip_nets`` limits it to some
            networks (None: all of the player's); each network is clipped by itself.
    """

    nets: tuple[str, ...]
    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    optimizer: str = "adam"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    clip_norm: float | None = None
    clip_type: float = float("inf")
    clip_nets: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Stage:
    """One network, or one step of the paper's schedule.

    Attributes:
        needs: annotation kinds that a training item carries.
        players: player -> networks and optimiser. What no player owns is frozen and in eval mode.
        keep_train: networks that stay in train mode although no player owns them (a published quirk).
        validate: the stage's result can animate, so the engine keeps the best checkpoint on ``val``.
    """

    name: str
    item: PairItem | SequenceItem | CropItem
    batch: int
    steps: int
    players: Mapping[str, Player]
    needs: frozenset[str] = frozenset()
    augment: Augment = Augment()
    keep_train: tuple[str, ...] = ()
    validate: bool = True


class Update(Protocol):
    """``update(player, loss)``: scaling, backward, averaging over ranks, clipping, finite check, optimiser step."""

    def __call__(self, player: str, loss: Tensor) -> None: ...


@dataclass(frozen=True)
class StepInfo:
    """Where training stands: 0-based step of the stage, and the stage's total."""

    step: int
    total: int


# -- animation ---------------------------------------------------------------------------------------------------
class Driving(Protocol):
    """Driving frames; may be opened again and again. Never longer in memory than one chunk."""

    fps: float

    def __len__(self) -> int: ...

    def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Tensor]]:
        """``{"rgb": (n, 3, H, W) in [0, 1], "<kind>": (n, ...)}`` in order, n <= size; on the method's device.

        Sanity rows also get ``"oracle"`` (n, 3, H, W) where their spec names one.
        """
        ...


@dataclass(frozen=True)
class AnimateOptions:
    """Options of one animation: the mode (a key of the spec's ``modes``); is driving the source's own clip?"""

    mode: str
    self_driven: bool = False
    precision: str = "fp32"


class Method(ABC):
    """One registered method. ``nets`` holds its networks by name; the engine moves, trains, saves and loads them."""

    spec: ClassVar[MethodSpec]

    def __init__(self, config: BaseModel) -> None:
        from torch import nn

        self.config = config
        self.nets: nn.ModuleDict = nn.ModuleDict()

    @property
    def device(self) -> torch.device:
        """Where the networks are (CPU for a method without parameters)."""
        import torch

        p = next(self.nets.parameters(), None)
        return torch.device("cpu") if p is None else p.device

    def stages(self) -> Sequence[Stage]:
        """The training schedule; empty for a method that is not trained."""
        return ()

    def derive(self, clip: Clip) -> dict[str, np.ndarray]:
        """Arrays made from a clip before training (crops, embeddings); leading axis = items; cached by content."""
        return {}

    def initial_checkpoint(self) -> Path | None:
        """A checkpoint of this suite that training begins from (shipped with the method), or None."""
        return None

    def training_inputs(self) -> Mapping[str, Path]:
        """Files that training reads beside its data (loss networks, initial checkpoint): name -> path.

        Part of the training identity; asked before anything long begins.

        Raises:
            MissingInputError: one of them is absent; names the command that gets it.
        """
        return {}

    def step(self, stage: Stage, batch: Batch, update: Update, info: StepInfo) -> dict[str, float]:
        """One training step; calls ``update`` as often as it needs and returns scalars to log.

        Random state is set before every step, so that a resumed run repeats it exactly. What is made lazily in the
        first step (a loss network) must leave that state alone: make it under ``torch.random.fork_rng``.
        """
        raise NotImplementedError

    @abstractmethod
    def encode(self, source: Batch) -> Any:
        """What animation needs of the photo, once: ``{"rgb": (1, 3, H, W), "<kind>": (1, ...)}`` -> state."""

    @abstractmethod
    def animate(self, state: Any, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        """Yield generated frames as (n, 3, H, W) in [0, 1], in order, ``len(driving)`` in all."""

    def load_official(self, checkpoint: Mapping[str, Any]) -> None:
        """Load an official checkpoint (``MethodSpec.official_checkpoints``).

        Raises:
            UsageError: a key is missing or misshapen; the message names it.
        """
        raise NotImplementedError
