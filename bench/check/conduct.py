"""Checks of how a method works: streaming, memory, what it reads, what it leaves behind."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from bench.check.base import Group, NotApplicable, require
from bench.check.subject import ROUNDING, Case, Probe, Subject, difference
from datasets.base import KINDS

if TYPE_CHECKING:
    from torch import Tensor

GROUP = Group("conduct")
#: The long driving video, and between which of its frames memory is compared.
LONG, FROM = 80, 16


@GROUP.check("frames do not depend on how the driving video is cut into chunks")
def chunks(subject: Subject) -> str:
    """Chunks of at most 1, 3 and 8 frames."""
    worst = max(difference(subject.frames, subject.render(subject.cases[0], largest=n)) for n in (1, 3))
    require(worst <= ROUNDING, f"frames differ by {worst:.3g}")
    return f"at most {worst:.2g}"


@GROUP.check("memory does not grow with the driving video")
def memory(subject: Subject) -> str:
    """Bytes of live tensors and arrays after 16 and after 80 frames: less than a quarter frame more for each frame."""
    case = subject.cases[0].looped(LONG)
    allowed = (LONG - FROM) * 3 * case.size[0] * case.size[1] // 4
    state = subject.encode(case)
    used: list[int] = []
    done = 0
    tracemalloc.start(1)
    try:
        for chunk in subject.stream(state, Probe(case)):
            done += len(chunk)
            del chunk
            if done >= LONG or (not used and done >= FROM):
                used.append(_live_bytes())
    finally:
        tracemalloc.stop()
    grown = used[-1] - used[0]
    where = "is something kept for every frame?" if len(used) > 1 else "are all frames made before the first is given?"
    require(len(used) > 1 and grown < allowed, f"{grown:,} bytes more after {LONG} frames than after {FROM}; {where}")
    return f"{max(grown, 0) / 1024:.0f} KiB more after {LONG} frames than after {FROM}"


def _live_bytes() -> int:
    """Bytes of all tensors that are alive, each storage once, and of what Python and numpy hold."""
    gc.collect()
    storages: dict[int, int] = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), torch.Tensor) and thing.layout == torch.strided and thing.device.type != "meta":
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values()) + tracemalloc.get_traced_memory()[0]


@GROUP.check("a photo is encoded once and serves many driving videos")
def reuse(subject: Subject) -> str:
    """The state is as good after an animation as before it."""
    one, two = subject.cases
    crossed = one.driven_by(two)
    fresh = subject.render(crossed)
    state = subject.encode(one)
    subject.render(one, state)
    changed = difference(fresh, subject.render(crossed, state))
    require(changed <= ROUNDING, f"the second animation differs by {changed:.3g} from a fresh one")
    return ""


@GROUP.check("the same animation twice gives the same frames")
def repeatable(subject: Subject) -> str:
    """Under the same random state."""
    changed = difference(subject.frames, subject.render(subject.cases[0]))
    require(changed <= (0 if subject.device.type == "cpu" else ROUNDING), f"frames differ by {changed:.3g}")
    return ""


@GROUP.check("only the declared inputs of the driving video matter")
def declared(subject: Subject) -> str:
    """Pixels replaced by noise where the method is annotation-driven; annotations that it did not ask for given."""
    case = subject.cases[0]
    undeclared = sorted(KINDS.keys() - subject.spec.needs)

    def spoil(chunk: dict[str, Tensor]) -> dict[str, Tensor]:
        changed = dict(chunk)
        if subject.spec.needs:
            changed["rgb"] = torch.rand_like(chunk["rgb"])
        return changed | {kind: torch.rand(len(chunk["rgb"]), 1) for kind in undeclared}

    changed = difference(subject.frames, subject.render(case, change=spoil))
    what = "driving pixels or undeclared annotations" if subject.spec.needs else "annotations that it does not declare"
    require(changed <= ROUNDING, f"frames change by {changed:.3g} with {what}; declare them in the card's needs")
    return f"reads {', '.join(sorted(subject.spec.needs))}" if subject.spec.needs else "reads pixels"


@GROUP.check("its inputs are left as they were")
def inputs_unchanged(subject: Subject) -> str:
    """Photo and driving tensors, compared after the animation."""
    case = subject.cases[0]
    given: list[tuple[str, Tensor, Tensor]] = [(k, v, v.clone()) for k, v in case.source.items()]

    def remember(chunk: dict[str, Tensor]) -> dict[str, Tensor]:
        given.extend((k, v, v.clone()) for k, v in chunk.items())
        return chunk

    subject.render(case, change=remember)
    changed = sorted({name for name, now, before in given if not _same(now, before)})
    require(not changed, f"{', '.join(changed)} was changed in place")
    return ""


def _same(a: Tensor, b: Tensor) -> bool:
    return bool(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)))


@GROUP.check("animating leaves networks and their modes alone")
def networks_unchanged(subject: Subject) -> str:
    """Weights, buffers, and eval mode."""
    nets = subject.method.nets
    if not len(nets):
        raise NotApplicable("it has no networks")
    before = {name: value.clone() for name, value in nets.state_dict().items()}
    subject.render(subject.cases[0])
    changed = [name for name, value in nets.state_dict().items() if not _same(value, before[name])]
    require(not changed, f"{changed[0] if changed else ''} changed")
    training = sorted(name for name, net in nets.items() if net.training)
    require(not training, f"{', '.join(training)} is in train mode")
    return ""


@GROUP.check("two animations at once do not disturb each other")
def interleaved(subject: Subject) -> str:
    """Memory of earlier frames lives in the iterator, not in the method."""
    one, two = subject.cases
    expected = subject.frames, subject.render(two)
    states = subject.encode(one), subject.encode(two)
    streams = [_collected(subject, state, case) for state, case in zip(states, (one, two), strict=True)]
    running = list(streams)
    while running:
        running = [stream for stream in running if stream.advance()]
    worst = max(difference(e, s.frames()) for e, s in zip(expected, streams, strict=True))
    require(worst <= ROUNDING, f"frames differ by {worst:.3g}")
    return ""


class _Stream:
    """An animation that is advanced a chunk at a time."""

    def __init__(self, advance: Callable[[], Any]) -> None:
        self._next, self._chunks = advance, list[Any]()

    def advance(self) -> bool:
        """Take the next chunk; False at the end."""
        chunk = self._next()
        if chunk is None:
            return False
        self._chunks.append(chunk.float().cpu())
        return True

    def frames(self) -> Tensor:
        """All frames so far, (N, 3, H, W) on the CPU."""
        return torch.cat(self._chunks)


def _collected(subject: Subject, state: Any, case: Case) -> _Stream:
    stream = subject.stream(state, Probe(case, largest=3))
    return _Stream(lambda: next(stream, None))


@GROUP.check("frames are made on the networks' device")
def device(subject: Subject) -> str:
    """On CUDA where this machine has it; else on the CPU."""
    name = "cuda" if torch.cuda.is_available() else "cpu"
    case = subject.cases[0]
    if name == subject.device.type:
        chunk = next(iter(subject.stream(subject.encode(case), Probe(case))))
        require(chunk.device.type == name, f"networks are on {name}, frames on {chunk.device.type}")
        return f"{name}; no other device here" if name == "cpu" else name
    moved = Subject(subject.entry, subject.dataset, subject.folder, name)
    moved.method.nets.load_state_dict(subject.method.nets.state_dict())
    chunk = next(iter(moved.stream(moved.encode(moved.cases[0]), Probe(moved.cases[0]))))
    require(chunk.device.type == name, f"networks are on {name}, frames on {chunk.device.type}")
    return name
