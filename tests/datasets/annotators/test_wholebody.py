"""133 points of COCO-WholeBody in the canonical encoding; checkpoints of mmpose are read without running anything."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.annotators.packages import package
from datasets.annotators.rtmpose import dwpose
from datasets.annotators.wholebody import canonical, nobody, whole_frame
from datasets.base import KEYPOINT_GROUPS
from datasets.errors import MissingInputError

SIZE = (200, 150)
NAMES = [
    "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_sho", "r_sho", "l_elb", "r_elb", "l_wri", "r_wri", "l_hip", "r_hip",
    "l_kne", "r_kne", "l_ank", "r_ank", "l_big", "l_small", "l_heel", "r_big", "r_small", "r_heel",
]  # fmt: skip
BODY25 = [
    "nose", "neck", "r_sho", "r_elb", "r_wri", "l_sho", "l_elb", "l_wri", "midhip", "r_hip", "r_kne", "r_ank", "l_hip",
    "l_kne", "l_ank", "r_eye", "l_eye", "r_ear", "l_ear", "l_big", "l_small", "l_heel", "r_big", "r_small", "r_heel",
]  # fmt: skip


def points(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(5, 140, (133, 2)), rng.uniform(0.4, 0.9, 133)


def test_every_point_lands_where_its_name_says() -> None:
    xy, score = points()
    found = canonical(xy, score, SIZE)
    assert found.shape == (135, 3) and found.dtype == np.float32
    both = np.column_stack([xy, score])
    for joint, name in enumerate(BODY25):
        if name in NAMES:
            np.testing.assert_allclose(found[joint], both[NAMES.index(name)], rtol=1e-6)
    for group, start in (("face68", 23), ("lhand", 91), ("rhand", 112)):
        part = KEYPOINT_GROUPS[group]
        np.testing.assert_allclose(found[part], both[start : start + part.stop - part.start], rtol=1e-6)


def test_neck_and_mid_hip_are_midpoints_with_the_lower_confidence() -> None:
    xy, score = points()
    found = canonical(xy, score, SIZE)
    for joint, (one, other) in ((1, (5, 6)), (8, (11, 12))):
        np.testing.assert_allclose(found[joint, :2], (xy[one] + xy[other]) / 2, rtol=1e-6)
        np.testing.assert_allclose(found[joint, 2], min(score[one], score[other]), rtol=1e-6)


def test_a_midpoint_without_one_end_is_missing() -> None:
    xy, score = points()
    score[6] = 0.1
    found = canonical(xy, score, SIZE)
    assert not found[[1, 2]].any()
    assert found[[5, 8], 2].all()


def test_missing_points_are_zero_and_confidence_is_at_most_1() -> None:
    xy, score = points()
    score[0], score[1], score[2], score[3] = 0.29, 7.0, np.nan, np.inf
    xy[4] = np.nan
    xy[7], xy[8], xy[9] = (-1, 50), (50, 200), (149.4, 199.4)
    found = canonical(xy, score, SIZE)
    absent = [BODY25.index(name) for name in ("nose", "r_eye", "l_ear", "r_ear", "l_elb", "r_elb")]
    assert not found[absent].any()
    assert found[BODY25.index("l_eye"), 2] == 1 and found[BODY25.index("l_wri"), 2] > 0
    assert np.isfinite(found).all()
    assert not canonical(xy, np.full(133, -1.0), SIZE, threshold=-5).any()


def test_the_threshold_is_a_setting() -> None:
    xy, _ = points()
    assert not canonical(xy, np.full(133, 0.5), SIZE, threshold=0.6).any()
    assert (canonical(xy, np.full(133, 0.5), SIZE, threshold=0.5)[:, 2] == 0.5).all()


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="133"):
        canonical(np.zeros((17, 2)), np.zeros(17), SIZE)


def test_box_and_nobody() -> None:
    assert whole_frame(np.zeros((7, 9, 3), np.uint8)).tolist() == [0, 0, 9, 7]
    assert nobody().shape == (135, 3) and not nobody().any()


def test_absent_packages_and_weights_are_status_3_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingInputError, match="no_such_package") as caught:
        package("no_such_package", "pose")
    assert "uv sync --extra pose" in caught.value.hint and caught.value.status == 3
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingInputError, match=r"dw-ll_ucoco_384\.onnx\) are not here") as caught:
        dwpose()
    assert "bench weights fetch dwpose" in caught.value.hint and caught.value.status == 3
    (tmp_path / "dw-ll_ucoco_384.onnx").write_bytes(b"another file")
    with pytest.raises(MissingInputError, match="724f4ff2"):
        dwpose()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="mmpose can be installed on Python 3.11")
def test_mmpose_says_which_python_it_needs() -> None:
    from datasets.annotators.mmpose_model import config_path

    with pytest.raises(MissingInputError, match=r"Python 3\.11"):
        config_path("any.py")


class Trap:
    """Would make a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return open, (str(self.path), "w")


def test_checkpoints_are_read_without_running_anything(tmp_path: Path) -> None:
    from datasets.annotators.mmpose_model import read_checkpoint

    meta = {"sigmas": np.ones(3), "epoch": np.int64(3), "names": {0: "nose"}}
    torch.save({"state_dict": {"w": torch.ones(2)}, "meta": meta}, tmp_path / "good.pth")
    assert torch.equal(read_checkpoint(tmp_path / "good.pth")["w"], torch.ones(2))
    torch.save({"state_dict": {"w": torch.ones(2)}, "hub": Trap(tmp_path / "made")}, tmp_path / "bad.pth")
    with pytest.raises(MissingInputError, match="no checkpoint of weights alone"):
        read_checkpoint(tmp_path / "bad.pth")
    assert not (tmp_path / "made").exists()
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(MissingInputError, match="no state dict"):
        read_checkpoint(tmp_path / "list.pth")
    (tmp_path / "half.pth").write_bytes((tmp_path / "good.pth").read_bytes()[:200])
    with pytest.raises(MissingInputError, match="no checkpoint"):
        read_checkpoint(tmp_path / "half.pth")
    with pytest.raises(MissingInputError, match="does not exist"):
        read_checkpoint(tmp_path / "none.pth")
