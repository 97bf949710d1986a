"""The methods that need annotations run on a folder of videos once it is annotated; before that they say how.

The networks that annotate real video have no weights here, so a stand-in is registered in their place: it says what the
synthetic world knows of the frames that it rendered. Everything else is the suite's own way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datasets.annotators.cards
from bench.cli import main
from bench.store import read_runs
from datasets.annotators.base import Annotator, AnnotatorCard
from datasets.base import Array
from datasets.footage import Measured
from datasets.synthetic.world import build, clip_spec
from datasets.video_write import write_frames

N, SIZE = 12, 64
KINDS = ("keypoints", "iuv", "parsing20", "parsing6", "mask", "flow", "occlusion")


class World(Annotator):
    """Says what the world knows; a clip's name is its number."""

    def __init__(self, card: AnnotatorCard, device: str) -> None:
        self.card = card

    def annotate(self, clip: Measured, facts: MutableMapping[str, Any]) -> Iterator[Mapping[str, Array]]:
        renderer = build(clip_spec("train", int(clip.footage.id), SIZE, N))
        for k in range(N):
            flow, visible = renderer.flow(k, min(k + 1, N - 1))
            known = {**renderer.labels(k), "flow": flow, "occlusion": (~visible).astype(np.uint8)}
            yield {kind: np.asarray(known[kind]) for kind in KINDS}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four rendered clips as frame folders, and the stand-in in the table of annotators."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    card = AnnotatorCard("world", "world", "the world's truth", KINDS, f"{__name__}:World", "MIT")
    monkeypatch.setattr(datasets.annotators.cards, "CARDS", (card, *datasets.annotators.cards.CARDS))
    for i in range(4):
        renderer = build(clip_spec("train", i, SIZE, N))
        write_frames(tmp_path / "videos" / str(i), (renderer.rgb(k) for k in range(N)))
    return tmp_path / "videos"


@pytest.mark.parametrize(
    ("method", "command"), [("neural-texture", "--with iuv"), ("region-to-whole", "--with keypoints")]
)
def test_without_annotations_the_command_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, command: str
) -> None:
    args = ["--dataset", f"folder:{folder}", "--preset", "tiny", "--runs", str(tmp_path / "runs")]
    assert main(["run", "--method", method, *args]) == 3
    said = capsys.readouterr().err
    assert f"{method} needs the annotation" in said and f"bench data annotate folder:{folder} {command}" in said
    (record,) = (tmp_path / "runs").rglob("run.json")
    assert json.loads(record.read_text())["status"] == "missing-input"  # it stands on the board with its reason


@pytest.mark.slow
@pytest.mark.parametrize("method", ["neural-texture", "region-to-whole"])
def test_once_annotated_it_trains_animates_and_is_scored(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    assert main(["data", "annotate", f"folder:{folder}", "--with", "world,background"]) == 0
    assert "median-telea 0: annotated, 12 frames; person: mask" in capsys.readouterr().out
    args = ["--preset", "tiny", "--track", "none", "--device", "cpu", "--runs", str(tmp_path / "runs")]
    assert main(["run", "--method", method, "--dataset", f"folder:{folder}", *args]) == 0
    runs = {run.json["method"]: run.json for run in read_runs(tmp_path / "runs")}
    assert runs[method]["status"] == "complete" and runs[method]["annotation_class"] == "detected"
