"""Motion capture as a motion source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.errors import MissingInputError, SuiteError
from datasets.synthetic.bvh import bvh_motion, read_bvh
from datasets.synthetic.labels import BODY25
from datasets.synthetic.skeleton import FEET
from datasets.synthetic.world import build, bvh_clip_spec


@pytest.fixture(scope="module")
def mocap(shared: Path) -> Path:
    folder = shared / "mocap"
    if not folder.is_dir():
        pytest.skip("no motion capture in 'shared'")
    return folder


def test_jumping_clears_the_floor(mocap: Path) -> None:
    r = build(bvh_clip_spec(mocap / "jumping.bvh", 41, 41, 64, start=0.5))
    lowest = (r.joints[:, list(FEET), 1] - r.body.skeleton.rest[list(FEET), 1]).min(1)
    assert lowest.max() > 0.12  # metres, in the air
    assert np.mean(np.abs(lowest) < 1e-3) > 0.5 and lowest.min() > -1e-3  # else on the ground, never below


def test_standing_motions_stay_on_the_floor(mocap: Path) -> None:
    assert bvh_motion(mocap / "dab.bvh", start=2.0).clearance.max() == 0


def test_the_person_faces_the_camera_with_the_right_hands(mocap: Path) -> None:
    """In ``dab`` one arm is stretched up and out, as in the file."""
    names, positions, _ = read_bvh(mocap / "dab.bvh")
    r = build(bvh_clip_spec(mocap / "dab.bvh", 40, 40, 96, start=2.4))
    points = r.keypoints(0)
    raised = points[BODY25.index("l_wri"), 1] < points[BODY25.index("r_wri"), 1]
    frame = int(2.4 / read_bvh(mocap / "dab.bvh")[2])
    hands = [positions[frame, names.index(n), 1] for n in ("LeftHand", "RightHand")]
    assert raised == (hands[0] > hands[1])
    assert points[BODY25.index("l_sho"), 0] > points[BODY25.index("r_sho"), 0]


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nothing\.bvh"):
        read_bvh(tmp_path / "nothing.bvh")
    with pytest.raises(MissingInputError):
        bvh_clip_spec(tmp_path / "nothing.bvh", 1, 1, 64)
    bad = tmp_path / "bad.bvh"
    bad.write_text("HIERARCHY ROOT Hips { OFFSET 0 0 0 }")
    with pytest.raises(SuiteError, match=r"bad\.bvh"):
        read_bvh(bad)
