"""The method under test, the data it is tried on, and the ways to drive it that the checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench import registry
from bench.check.base import CheckFailed
from bench.config import build_config
from bench.driving import ClipDriving, batch_of, rgb_tensor
from bench.spec import open_dataset, resolve_device
from bench.testing.world import ToyWorld
from datasets.base import Array, Clip, Dataset, FrameStack, Trial
from datasets.clips import SubClip, check_indices
from datasets.errors import MissingInputError
from methods.base import AnimateOptions, Method, MethodSpec

if TYPE_CHECKING:
    from torch import Tensor

#: Frames of the short animations that are compared.
FRAMES = 10
#: Numbers below this are rounding of float32 networks, not a difference.
ROUNDING = 1e-3
PRESET = "tiny"

Change = Callable[[dict[str, "Tensor"]], dict[str, "Tensor"]]


def open_data(name: str) -> Dataset:
    """The data set to try on: a registered one under the preset ``tiny``, or the toy world."""
    return open_dataset(name, PRESET) if name else ToyWorld(size=64, frames=12, train=3, val=1, test=2)


@dataclass(frozen=True)
class Case:
    """A photo and a driving video as the method sees them."""

    source: Mapping[str, Tensor]
    clip: Clip
    oracle: Clip | None
    needs: frozenset[str]
    device: torch.device

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the photo, which the generated frames must have."""
        return int(self.source["rgb"].shape[-2]), int(self.source["rgb"].shape[-1])

    def driven_by(self, other: Case) -> Case:
        """This photo with the driving video of another case."""
        return replace(self, clip=other.clip, oracle=other.oracle)

    def looped(self, frames: int) -> Case:
        """The driving video forth from its beginning again and again, ``frames`` in all."""
        oracle = LoopedClip(self.oracle, frames) if self.oracle is not None else None
        return replace(self, clip=LoopedClip(self.clip, frames), oracle=oracle)

    def first(self, frames: int) -> Case:
        """The first frames of the driving video."""
        oracle = SubClip(self.oracle, 0, frames) if self.oracle is not None else None
        return replace(self, clip=SubClip(self.clip, 0, frames), oracle=oracle)


class Probe:
    """A driving video (:class:`methods.base.Driving`) that limits its chunks, or changes what they carry."""

    def __init__(self, case: Case, largest: int | None = None, change: Change | None = None) -> None:
        self._inner = ClipDriving(case.clip, case.needs, case.device, case.oracle)
        self.fps = self._inner.fps
        self._largest, self._change = largest, change

    def __len__(self) -> int:
        return len(self._inner)

    def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Tensor]]:
        """As the inner one, in chunks of at most ``largest``."""
        for chunk in self._inner.chunks(min(size, self._largest or size), start, stop):
            yield self._change(chunk) if self._change is not None else chunk


class LoopedClip(Clip):
    """A clip repeated to any length; nothing is held."""

    def __init__(self, clip: Clip, frames: int) -> None:
        self.id, self.identity, self.fps, self.size = clip.id, clip.identity, clip.fps, clip.size
        self.kinds, self.factors = clip.kinds, clip.factors
        self._clip, self._frames = clip, frames

    def __len__(self) -> int:
        return self._frames

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices`` modulo the clip's length."""
        return self._clip.read([i % len(self._clip) for i in check_indices(self, indices)], kinds)


class Subject:
    """A registered method on a data set.

    Args:
        folder: a temporary folder for checkpoints.
    """

    def __init__(self, entry: registry.Entry, dataset: Dataset, folder: Path, device: str = "cpu") -> None:
        self.entry, self.dataset, self.folder = entry, dataset, folder
        self.spec: MethodSpec = entry.load()
        self.device = resolve_device(device)

    @cached_property
    def config(self) -> Any:
        """The config of the tiny preset."""
        return build_config(self.spec, PRESET)

    def build(self, config: Any = None, seed: int = 0) -> Method:
        """The method with networks initialised from a seed, as a run builds it."""
        implementation = registry.load_object(self.spec.implementation)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            method: Method = implementation(self.config if config is None else config)
        method.nets.to(self.device)
        return method

    @cached_property
    def method(self) -> Method:
        """What the animation checks try; the training checks put briefly trained networks here."""
        return self.build()

    # -- data ----------------------------------------------------------------------------------------------------
    @cached_property
    def cases(self) -> tuple[Case, Case]:
        """Two pairs of the data set."""
        return self.cases_of(self.dataset)

    def cases_of(self, dataset: Dataset) -> tuple[Case, Case]:
        """The first two pairs of a data set's last required protocol (pairs of two people, where it has such)."""
        protocols = [p for p in dataset.spec.protocols if p not in dataset.spec.optional]
        crossed = [p for p in protocols if p.startswith("cross-animation")]
        protocol = (crossed or protocols)[0]
        pairs = dataset.pairs(protocol).pairs[:2]
        if len(pairs) < 2:
            raise MissingInputError(f"{dataset.spec.name} has fewer than two pairs in {protocol}", "use more videos")
        one, two = (self._case(dataset.open(protocol, pair)) for pair in pairs)
        return one, two

    def _case(self, trial: Trial) -> Case:
        needs = self.spec.needs
        notes = trial.source.annotations
        missing = sorted((needs - set(notes)) | (needs - trial.driving.kinds))
        if missing:
            raise MissingInputError(
                f"the data have no annotation {missing[0]!r}, which {self.spec.name} needs",
                "try it on the default data, or with another --dataset",
            )
        given = needs | (self.spec.uses & set(notes))
        stack = FrameStack(trial.source.rgb[:1], {kind: notes[kind][:1] for kind in sorted(given)})
        source = batch_of(stack, self.device)
        oracle = None
        if self.spec.oracle == "background" and trial.source_background is not None:
            source["background"] = rgb_tensor(trial.source_background()[None], self.device)
        elif self.spec.oracle in trial.oracles:
            oracle = SubClip(trial.oracles[self.spec.oracle](), 0, min(FRAMES, len(trial.driving)))
        clip = SubClip(trial.driving, 0, min(FRAMES, len(trial.driving)))
        return Case(source, clip, oracle, needs, self.device)

    # -- animation -----------------------------------------------------------------------------------------------
    def options(self, mode: str = "", precision: str = "fp32") -> AnimateOptions:
        """Options of an animation; "" is the default mode."""
        return AnimateOptions(mode or next(iter(self.spec.modes)), precision=precision)

    def encode(self, case: Case) -> Any:
        """The state of a photo, in eval mode with a fixed random state."""
        self.method.nets.eval()
        torch.manual_seed(0)
        with torch.inference_mode():
            return self.method.encode(case.source)

    def stream(self, state: Any, driving: Probe, options: AnimateOptions | None = None) -> Iterator[Tensor]:
        """Chunks of generated frames."""
        torch.manual_seed(0)
        chunks = iter(self.method.animate(state, driving, options or self.options()))
        while True:
            with torch.inference_mode():
                chunk = next(chunks, None)
            if chunk is None:
                return
            if not isinstance(chunk, torch.Tensor):
                raise CheckFailed(f"animate yields {type(chunk).__name__}, not tensors")
            yield chunk

    def render(
        self,
        case: Case,
        state: Any = None,
        options: AnimateOptions | None = None,
        largest: int | None = None,
        change: Change | None = None,
    ) -> Tensor:
        """All frames of an animation, (T, 3, H, W) float32 on the CPU; ``state`` is made anew unless given."""
        state = self.encode(case) if state is None else state
        chunks = [chunk.float().cpu() for chunk in self.stream(state, Probe(case, largest, change), options)]
        if not chunks:
            raise CheckFailed("animate yields nothing")
        return torch.cat(chunks)

    @cached_property
    def frames(self) -> Tensor:
        """The first case, animated: what most checks compare with."""
        return self.render(self.cases[0])


def difference(a: Tensor | Array, b: Tensor | Array) -> float:
    """Largest absolute difference of two animations; infinity where their shapes differ or a value is not finite."""
    one, two = torch.as_tensor(a), torch.as_tensor(b)
    if one.shape != two.shape:
        return float("inf")
    largest = float((one - two).abs().max()) if one.numel() else 0.0
    return largest if largest == largest else float("inf")
