"""A data set in one module: squares that move over a grey ground; a clip's truth is the clip itself."""

from __future__ import annotations

from bench import ArrayClip, Dataset, DatasetSpec, MissingInputError, Pair, PairList, SubClip, Trial, UsageError

SPEC = DatasetSpec(
    name="plugin-dataset",
    title="Moving squares",
    factory="plugin_example.dataset:Squares",
    licence="MIT",
    kinds=frozenset({"mask"}),
    protocols=("self-reconstruction@1",),
    synthetic=True,
    publishable=True,
)
FRAMES, SIZE = 12, 32


def make_clip(number):
    """One square of its own colour on its own way."""
    import numpy as np

    rgb = np.full((FRAMES, SIZE, SIZE, 3), 120, np.uint8)
    mask = np.zeros((FRAMES, SIZE, SIZE), np.uint8)
    for t in range(FRAMES):
        x, y = 2 + t + number % 5, 4 + (number * 3 + t // 2) % 16
        rgb[t, y : y + 8, x : x + 8] = (40 * number % 256, 90, 200)
        mask[t, y : y + 8, x : x + 8] = 1
    return ArrayClip(f"square-{number}", rgb, annotations={"mask": mask})


class Squares(Dataset):
    """Four clips to train on, one to validate with, two to test."""

    def __init__(self, argument="", preset="tiny", annotation_class="exact"):
        self.spec, self.slug, self.size, self.annotation_class = SPEC, "plugin-dataset", SIZE, annotation_class
        self._splits = {"train": range(4), "val": range(4, 5), "test": range(5, 7), "judge": range(7, 8)}

    def clips(self, split):
        return [make_clip(number) for number in self._splits[split]]

    def clip(self, clip_id):
        for numbers in self._splits.values():
            for number in numbers:
                if clip_id == f"square-{number}":
                    return make_clip(number)
        raise MissingInputError(f"there is no clip {clip_id!r}", "square-0 to square-7")

    def pairs(self, protocol):
        if protocol not in SPEC.protocols:
            raise UsageError(f"the squares have no protocol {protocol!r}")
        pairs = [Pair(c.id, c.id, 0, c.id, 0, FRAMES, 1, c.id, c.id) for c in self.clips("test")]
        return PairList(protocol, tuple(pairs), "self")

    def open(self, protocol, pair):
        clip = self.clip(pair.source)
        part = SubClip(clip, pair.start, pair.stop)
        return Trial(pair, clip.read([pair.source_frame], clip.kinds), driving=part, reference=part)

    def fingerprint(self, split):
        return f"squares-1-{split}"
