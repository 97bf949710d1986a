"""The networks of the synthetic world as judges, in two seeds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

import torch
from torch import Tensor, nn

from bench.evaluation.base import InvalidInputError
from bench.evaluation.judges.base import Array, FrameJudge, Judge, PairJudge
from bench.evaluation.judges.cards import card
from datasets.annotators.world.identity import IdentityReader
from datasets.annotators.world.reader import WorldReader
from datasets.errors import UsageError
from datasets.files import digest, sha256_of, source_digest

#: Role -> what the reader is asked for.
KINDS = {"keypoints": "keypoints", "parts": "iuv", "parsing": "parsing20", "features": "features"}
_KEPT = 64
_MAPS_KEPT = 4
_EPS = 1e-10


@contextmanager
def _as_invalid() -> Iterator[None]:
    """A frame that a network cannot read (too small) is the clip's fault, not the metric's."""
    try:
        yield
    except UsageError as error:
        raise InvalidInputError(error.message) from None


class SharedReader:
    """One network behind several judges: a frame goes through it once for all that was asked for so far.

    Safe to use from several threads; what is kept are the answers for the last frames, and for each thread the encoder
    maps of its last ones.
    """

    def __init__(self, reader: WorldReader) -> None:
        self.reader = reader
        self._asked: frozenset[str] = frozenset()
        self._answers: OrderedDict[str, dict[str, Array]] = OrderedDict()
        self._lock = threading.Lock()
        self._local = threading.local()
        for stage in reader.network.stages:
            stage.register_forward_hook(self._take)

    def _take(self, stage: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Remember the output of an encoder stage, whoever asked the network."""
        self._local.passing = [*getattr(self._local, "passing", []), output]

    def read(self, frame: Array, kind: str) -> Array:
        """What the reader says of an (H, W, 3) uint8 frame. Raises InvalidInputError where it cannot read it."""
        key = sha256_of(str(frame.shape), frame.tobytes())
        with self._lock:
            self._asked |= {kind}
            found, asked = self._answers.get(key, {}), self._asked
        if kind not in found:
            self._local.passing = []
            with _as_invalid():
                found = {k: array[0] for k, array in self.reader.read(frame[None], asked).items()}
            self._keep_maps(key, self._local.passing)
            with self._lock:
                self._answers[key] = found
                while len(self._answers) > _KEPT:
                    self._answers.popitem(last=False)
        return found[kind]

    def maps(self, frame: Array) -> list[Tensor]:
        """Unit-length encoder maps of a frame, which reading it has made already; regions share the real one, and a
        still video has one frame only. Raises InvalidInputError where the network cannot read it."""
        key = sha256_of(str(frame.shape), frame.tobytes())
        known: OrderedDict[str, list[Tensor]] = self._known()
        if key not in known:
            with _as_invalid():
                self._keep_maps(key, self.reader.maps(frame[None]))
        known.move_to_end(key)
        return [_unit(level) for level in known[key]]

    def _known(self) -> OrderedDict[str, list[Tensor]]:
        if not hasattr(self._local, "maps"):
            self._local.maps = OrderedDict()
        known: OrderedDict[str, list[Tensor]] = self._local.maps
        return known

    def _keep_maps(self, key: str, maps: list[Tensor]) -> None:
        known = self._known()
        known[key] = maps
        while len(known) > _MAPS_KEPT:
            known.popitem(last=False)


class WorldJudge(FrameJudge):
    """Key points, parts, parsing or features."""

    def __init__(self, role: str, seed: str, shared: SharedReader) -> None:
        self.card = card(f"synth-{role}-{seed}")
        self.fingerprint = _fingerprint(role, shared.reader.fingerprint)
        self._shared = shared

    def read(self, frames: Array) -> Array:
        """The answer of its role for an (H, W, 3) uint8 frame; points of confidence 0 have position 0."""
        answer = self._shared.read(frames, KINDS[self.card.role])
        if self.card.role == "parts":
            return answer[..., 0]
        if self.card.role == "keypoints":
            return answer * (answer[:, 2:] > 0)
        return answer


class IdentityJudge(FrameJudge):
    """Who is shown."""

    def __init__(self, seed: str, reader: IdentityReader) -> None:
        self.card = card(f"synth-identity-{seed}")
        self.fingerprint = _fingerprint("identity", reader.fingerprint)
        self._reader = reader

    def read(self, frames: Array) -> Array:
        """(128,) float32 of unit length for an (H, W, 3) uint8 frame."""
        with _as_invalid():
            return self._reader.read(frames[None])[0]


class PerceptualJudge(PairJudge):
    """Distance of feature maps, as LPIPS without learned weights (Zhang et al., CVPR 2018, equation 1)."""

    def __init__(self, seed: str, shared: SharedReader) -> None:
        self.card = card(f"synth-perceptual-{seed}")
        self.fingerprint = _fingerprint("perceptual", shared.reader.fingerprint)
        self._shared = shared

    def compare(self, generated: Array, reference: Array) -> float:
        """Mean over levels of the mean over places of the squared distance of unit-length channel vectors; 0..4."""
        with torch.inference_mode():
            levels = zip(self._shared.maps(generated), self._shared.maps(reference), strict=True)
            distances = [(a - b).square().sum(1).mean() for a, b in levels]
        return float(torch.stack(distances).double().mean())


def _unit(maps: Tensor) -> Tensor:
    return maps / (maps.square().sum(1, keepdim=True).sqrt() + _EPS)


def _fingerprint(role: str, reader: str) -> str:
    return digest([role, reader, source_digest([__file__])])


@cache
def _shared(seed: str) -> SharedReader:
    return SharedReader(WorldReader.load(f"judge-{seed}"))


def load(role: str, seed: str) -> Judge:
    """The judge of a role in a seed (``a``, ``b``).

    Raises:
        MissingInputError: its shipped weights are missing or damaged.
    """
    if role == "identity":
        return IdentityJudge(seed, IdentityReader.load(f"identity-judge-{seed}"))
    if role == "perceptual":
        return PerceptualJudge(seed, _shared(seed))
    return WorldJudge(role, seed, _shared(seed))


keypoints_a, keypoints_b = partial(load, "keypoints", "a"), partial(load, "keypoints", "b")
parts_a, parts_b = partial(load, "parts", "a"), partial(load, "parts", "b")
parsing_a, parsing_b = partial(load, "parsing", "a"), partial(load, "parsing", "b")
features_a, features_b = partial(load, "features", "a"), partial(load, "features", "b")
perceptual_a, perceptual_b = partial(load, "perceptual", "a"), partial(load, "perceptual", "b")
identity_a, identity_b = partial(load, "identity", "a"), partial(load, "identity", "b")
