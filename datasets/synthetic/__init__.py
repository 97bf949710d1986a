"""The synthetic world: procedural people with exact truth for everything, rendered on demand. No file to download."""

from __future__ import annotations

from datasets.base import KINDS, DatasetSpec

SPEC = DatasetSpec(
    name="synthetic",
    title="Synthetic people: procedural, with exact truth for cross-animation",
    factory="datasets.synthetic.dataset:open_synthetic",
    licence="MIT (made by this package)",
    kinds=frozenset(KINDS),
    protocols=(
        "self-reconstruction@1",
        "cross-animation@1",
        "cross-animation-relative@1",
        "cross-place@1",
        "cross-shape@1",
        "synthetic-lite@1",
    ),
    optional=("cross-animation-relative@1", "cross-place@1", "cross-shape@1", "synthetic-lite@1"),
    synthetic=True,
    publishable=True,
    where="rendered on demand; synthetic:draw=N is a fresh test set of the same law",
)
