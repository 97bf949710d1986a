"""The pose networks run on real frames with random weights, and agree; needs the extra ``pose``: pytest -m pose.

An RTMPose for 133 points is built by mmpose, exported to ONNX and run through both libraries.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from datasets.errors import MissingInputError, UsageError
from datasets.video import open_video

if TYPE_CHECKING:
    from datasets.annotators.mmpose_model import MMPose
    from datasets.annotators.rtmpose import RTMPose

CLIPS = Path(__file__).resolve().parents[3] / ".." / "shared" / "clips"
CONFIG = "wholebody_2d_keypoint/rtmpose/coco-wholebody/rtmpose-m_8xb64-270e_coco-wholebody-256x192.py"


def _absent() -> str:
    """Why the tests cannot run here; empty where they can."""
    if sys.version_info >= (3, 12):
        return "mmpose needs Python 3.11"
    packages = ("mmpose", "mmdet", "mmcv", "rtmlib", "onnxruntime", "onnx")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(missing)} (uv sync --extra pose)" if missing else ""


pytestmark = [pytest.mark.pose, pytest.mark.skipif(bool(_absent()), reason=_absent() or "all there")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds one network with random weights twice: ``net.pth`` for mmpose, ``net.onnx`` for rtmlib."""
    import torch

    from datasets.annotators import mmpose_model

    folder = tmp_path_factory.mktemp("rtmpose")
    torch.manual_seed(0)
    model: Any = mmpose_model.random_model(CONFIG)
    torch.save({"state_dict": model.state_dict(), "meta": {"sigmas": np.ones(3)}}, folder / "net.pth")

    class Exported(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            simcc: tuple[torch.Tensor, torch.Tensor] = self.model.head.forward(self.model.extract_feat(x))
            return simcc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called old
        torch.onnx.export(
            Exported().eval(), (torch.zeros(1, 3, 256, 192),), str(folder / "net.onnx"),
            input_names=["input"], output_names=["simcc_x", "simcc_y"], dynamo=False,
        )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def by_mmpose(folder: Path) -> MMPose:
    from datasets.annotators.mmpose_model import MMPose

    return MMPose(CONFIG, folder / "net.pth", flip_test=False)


@pytest.fixture(scope="module")
def by_rtmlib(folder: Path) -> RTMPose:
    from datasets.annotators.rtmpose import RTMPose

    return RTMPose(folder / "net.onnx")


def real_frames() -> list[np.ndarray]:
    """Two frames of each clip beside the checkout."""
    if not CLIPS.is_dir():
        pytest.skip(f"no folder {CLIPS}")
    return [f for clip in sorted(CLIPS.glob("*.mp4")) for f in itertools.islice(open_video(clip), 0, 11, 10)]


def test_mmpose_and_rtmlib_agree_on_real_frames(by_mmpose: MMPose, by_rtmlib: RTMPose) -> None:
    frames = real_frames()
    assert len(frames) >= 3
    for frame in frames:
        height, width = frame.shape[:2]
        for box in ([0, 0, width, height], [0.2 * width, 0.1 * height, 0.9 * width, 0.7 * height]):
            points, scores = by_mmpose.raw(frame, np.array(box))
            others, their_scores = by_rtmlib.raw(frame, np.array(box))
            assert points.shape == others.shape == (133, 2) and np.isfinite(points).all()
            np.testing.assert_allclose(points, others, atol=1e-3)
            np.testing.assert_allclose(scores, their_scores, rtol=1e-3)
        np.testing.assert_allclose(by_mmpose.read(frame), by_rtmlib.read(frame), atol=1e-3)


def test_the_order_of_channels_matters_to_this_network(by_mmpose: MMPose, by_rtmlib: RTMPose) -> None:
    """Else the agreement would say nothing of it."""
    frame = np.random.default_rng(0).integers(0, 256, (120, 90, 3)).astype(np.uint8)
    box = np.array([0, 0, 90, 120])
    assert np.abs(by_mmpose.raw(frame, box)[0] - by_rtmlib.raw(frame[..., ::-1], box)[0]).max() > 5
    assert by_mmpose.fingerprint != by_rtmlib.fingerprint


def test_judges_answer_in_the_canonical_encoding(by_rtmlib: RTMPose, folder: Path) -> None:
    from bench.evaluation.judges.cards import card
    from bench.evaluation.judges.pose import KeypointJudge, mmpose

    frame = np.random.default_rng(1).integers(0, 256, (77, 61, 3)).astype(np.uint8)
    judges = (KeypointJudge(card("dwpose"), by_rtmlib), mmpose(CONFIG, folder / "net.pth"))
    for judge in judges:
        found = judge.read(frame)
        assert found.shape == (135, 3) and found.dtype == np.float32
        assert (found[..., 2] >= 0).all() and (found[..., 2] <= 1).all() and (found[..., 2] > 0).any()
    assert judges[0].card.name == "dwpose" and judges[1].card.name.startswith("mmpose-rtmpose-m")


def test_checkpoints_that_do_not_fit_are_refused(tmp_path: Path, folder: Path) -> None:
    import torch

    from datasets.annotators.mmpose_model import MMPose

    state = torch.load(folder / "net.pth", weights_only=False)["state_dict"]
    torch.save({"state_dict": dict(list(state.items())[1:])}, tmp_path / "part.pth")
    with pytest.raises(UsageError, match="another network"):
        MMPose(CONFIG, tmp_path / "part.pth")
    with pytest.raises(UsageError, match="17 key points, not the 133"):
        MMPose("body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py", folder / "net.pth")
    with pytest.raises(MissingInputError, match="no mmpose config"):
        MMPose("no/such.py", folder / "net.pth")


def test_compiled_operators_say_that_they_are_missing(by_mmpose: MMPose) -> None:
    import torch
    from mmcv.ops import nms
    from mmengine.utils import dl_utils

    if importlib.util.find_spec("mmcv._ext") is not None:
        pytest.skip("the full mmcv is installed")
    with pytest.raises(NotImplementedError, match="compiled module"):
        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    assert not dl_utils.mmcv_full_available()
