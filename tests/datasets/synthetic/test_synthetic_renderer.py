"""Exactness of one renderer's annotations, seen through its public outputs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from datasets.synthetic.labels import BODY25, CIHP, CIHP_TO_SIX
from datasets.synthetic.renderer import Renderer
from datasets.synthetic.skeleton import FEET

from .conftest import Make


def _pixel(name: str, r: Renderer, k: int) -> np.ndarray:
    return r.keypoints(k)[BODY25.index(name)]


def test_label_maps_agree(make: Make) -> None:
    labels = make(4, "taichi").labels(7)
    person = labels["mask"] > 0
    assert 0.08 < person.mean() < 0.6
    assert np.array_equal(labels["iuv"][..., 0] > 0, person)
    assert np.array_equal(labels["parsing20"] > 0, person)
    assert np.array_equal(labels["parsing6"], CIHP_TO_SIX[labels["parsing20"]])


def test_left_is_the_persons_left(make: Make) -> None:
    """Somebody who faces the camera has the left hand on the right of the image, in every annotation."""
    r = make(6, "gesture", "full", size=96)
    labels = r.labels(0)
    columns = np.arange(96)

    def middle(mask: np.ndarray) -> float:
        return float((mask.sum(0) * columns).sum() / mask.sum())

    parsing, part = labels["parsing20"], labels["iuv"][..., 0]
    assert middle(parsing == CIHP["left-shoe"]) > middle(parsing == CIHP["right-shoe"])
    assert middle(np.isin(part, (4, 15, 17, 19, 21))) > middle(np.isin(part, (3, 16, 18, 20, 22)))
    assert middle(part == 24) > middle(part == 23)
    for name in ("sho", "wri", "ank", "eye", "ear"):
        assert _pixel(f"l_{name}", r, 0)[0] > _pixel(f"r_{name}", r, 0)[0]
    # The key points lie on the surface of the same side.
    for side, label in (("l", "left-shoe"), ("r", "right-shoe")):
        x, y, _ = np.round(_pixel(f"{side}_big_toe", r, 0)).astype(int)
        assert (parsing[y - 3 : y + 4, x - 3 : x + 4] == CIHP[label]).any()


def test_people_fill_the_frame(make: Make) -> None:
    """The crop of a whole body is tight over the clip, and nobody's body leaves it."""
    r = make(9, "aerobics")
    points = np.concatenate([r.keypoints(k)[:25, :2] for k in range(0, 64, 4)])
    extent = np.ptp(points, axis=0).max() / 63
    assert 0.75 < extent <= 1.0
    assert points.min() > -1 and points.max() < 64


def test_flow_between_any_two_frames_follows_the_surface(make: Make) -> None:
    r = make(5, "dance", size=128)
    flow, visible = r.flow(10, 16)
    a, b = r.labels(10), r.labels(16)
    y, x = np.mgrid[:128, :128]
    tx, ty = np.round(x + flow[..., 0]).astype(int), np.round(y + flow[..., 1]).astype(int)
    on = visible & (a["mask"] > 0)
    same = b["iuv"][ty[on], tx[on], 0] == a["iuv"][..., 0][on]
    still = b["iuv"][y[on], x[on], 0] == a["iuv"][..., 0][on]
    assert same.mean() > 0.93 > still.mean()
    # Warping frame 16 back to frame 10 explains most of the difference.
    warped = cv2.remap(r.rgb(16), (x + flow[..., 0]).astype(np.float32), (y + flow[..., 1]).astype(np.float32), 1)
    error = np.abs(warped.astype(float) - r.rgb(10)).mean(-1)[on].mean()
    assert error < 0.5 * np.abs(r.rgb(16).astype(float) - r.rgb(10)).mean(-1)[on].mean()


def test_flow_to_itself_is_nothing_and_all_visible(make: Make) -> None:
    flow, visible = make(5, "dance", moving=True).flow(3, 3)
    assert np.abs(flow).max() < 0.05 and visible.mean() > 0.99


def test_flow_ends_where_key_points_are(make: Make) -> None:
    """Flow and key points share one coordinate convention: at a visible nose, flow is the nose's own displacement."""
    r = make(11, "gesture", "head", size=128)
    a, b = _pixel("nose", r, 0), _pixel("nose", r, 10)
    x, y = np.round(a[:2]).astype(int)
    flow, _ = r.flow(0, 10)
    assert np.abs(flow[y, x] - (b[:2] - a[:2])).max() < 1.5


def test_pixel_centres_are_integers(make: Make) -> None:
    """A camera on the axis of a symmetric scene sees its target at (N - 1) / 2, at every size."""
    for size in (64, 65):
        r = make(3, "walk", size=size)
        spot = np.array([[*r.camera.look, 0.0]])
        x, _, _ = r.view(0).project(spot, size, size)
        assert abs(float(x[0]) - (size - 1) / 2) < 1e-3


def test_background_is_the_frame_without_the_person(make: Make) -> None:
    r = make(8, "walk", "upper")
    rgb, background, mask = r.rgb(5).astype(int), r.background(5), r.mask(5)
    away = cv2.dilate(mask, np.ones((5, 5), np.uint8)) == 0
    assert away.any() and np.abs(rgb - background)[away].max() == 0
    assert np.abs(rgb - background)[mask > 0].mean() > 10


def test_key_point_confidence(make: Make) -> None:
    """1 in sight, 0.5 hidden by the body, 0 outside the image."""
    turn = make(2, "turn", "full", size=96)
    confidence = np.stack([turn.keypoints(k) for k in range(0, 64, 8)])[..., 2]
    assert set(np.unique(confidence)) <= {0.0, 0.5, 1.0}
    face = confidence[:, 67:]
    assert face.max() == 1.0 and (face <= 0.5).all(1).any()  # seen, and turned away in some frame
    head = make(2, "gesture", "head").keypoints(0)
    assert (head[[BODY25.index("l_ank"), BODY25.index("r_ank")], 2] == 0).all()


def test_face_box(make: Make) -> None:
    r = make(2, "turn", "head")
    boxes = np.stack([r.labels(k)["face"] for k in range(0, 64, 8)])
    seen = ~np.isnan(boxes[:, 0])
    assert seen.any() and not seen.all()
    x0, y0, x1, y1 = boxes[seen][0]
    assert x1 - x0 > 15 and y1 - y0 > 15


@pytest.mark.parametrize("kind", ["taichi", "walk", "dance"])
def test_feet_are_on_the_floor(make: Make, kind: str) -> None:
    r = make(12, kind)
    above = r.joints[:, list(FEET), 1] - r.body.skeleton.rest[list(FEET), 1]
    assert np.abs(above.min(1)).max() < 1e-3
