"""The laws of the conversion tables: nothing invented, mirroring twice is nothing, names and numbers agree."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.conversions import (
    BODY25,
    COCO18_IN_BODY25,
    LABELS,
    MHP_TO_CIHP,
    MIRRORED_FACE68,
    MIRRORED_KEYPOINTS,
    MIRRORED_LABELS,
    MIRRORED_PARTS,
    SIX,
    TO_SIX,
    encode_iuv,
    iuv_order,
    looks_lossy,
    mirror_iuv,
    mirror_keypoints,
    mirror_labels,
    openpose_to_ours,
    relabel,
    reorder_iuv,
    to_body25,
    to_six,
    wholebody_to_ours,
)
from datasets.errors import SuiteError
from datasets.synthetic.labels import CIHP_LABELS, CIHP_TO_SIX

COCO = (
    "nose", "left-eye", "right-eye", "left-ear", "right-ear", "left-shoulder", "right-shoulder", "left-elbow",
    "right-elbow", "left-wrist", "right-wrist", "left-hip", "right-hip", "left-knee", "right-knee", "left-ankle",
    "right-ankle",
)  # fmt: skip
FEET = ("left-big-toe", "left-small-toe", "left-heel", "right-big-toe", "right-small-toe", "right-heel")
HALPE_REST = (
    "head", "neck", "mid-hip", "left-big-toe", "right-big-toe", "left-small-toe", "right-small-toe", "left-heel",
    "right-heel",
)  # fmt: skip


def tagged(count: int, seed: int = 0) -> np.ndarray:
    """Points whose x is their number, all seen."""
    points = np.random.default_rng(seed).uniform(0.2, 1, (count, 3)).astype(np.float32)
    points[:, 0] = np.arange(count)
    return points


# -- key points --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "names"),
    [("coco17", COCO), ("wholebody133", COCO + FEET), ("halpe26", COCO + HALPE_REST)],
)
def test_a_joint_keeps_its_name(source: str, names: tuple[str, ...]) -> None:
    count = {"coco17": 17, "wholebody133": 133, "halpe26": 26}[source]
    points = tagged(count)
    body = to_body25(points, source)
    for i, name in enumerate(BODY25):
        if name in names:
            np.testing.assert_array_equal(body[i], points[names.index(name)], err_msg=name)


def test_a_midpoint_needs_both_and_has_the_smaller_confidence() -> None:
    points = tagged(17)
    points[5], points[6] = (10, 20, 0.9), (30, 10, 0.4)
    np.testing.assert_allclose(to_body25(points, "coco17")[1], (20, 15, 0.4), rtol=1e-6)
    points[6, 2] = 0
    assert not to_body25(points, "coco17")[1].any()


def test_feet_that_the_source_has_not_stay_missing() -> None:
    body = to_body25(np.ones((4, 17, 3), np.float32), "coco17")
    assert body.shape == (4, 25, 3) and not body[:, 19:].any() and body[:, :19].all()
    with pytest.raises(SuiteError, match="coco17"):
        to_body25(np.ones((16, 3)), "coco17")


def test_hands_and_face_of_wholebody_land_in_their_groups() -> None:
    ours = wholebody_to_ours(tagged(133))
    assert ours.shape == (135, 3) and ours.dtype == np.float32
    assert ours[25:46, 0].tolist() == list(range(91, 112))
    assert ours[46:67, 0].tolist() == list(range(112, 133))
    assert ours[67:, 0].tolist() == list(range(23, 91))
    pupils = openpose_to_ours(tagged(25), tagged(21), tagged(21), tagged(70))
    assert pupils.shape == (135, 3) and pupils[-1, 0] == 67


def test_coco18_is_body25_without_hip_centre_and_feet() -> None:
    assert [BODY25[i] for i in COCO18_IN_BODY25][:3] == ["nose", "neck", "right-shoulder"]
    assert "mid-hip" not in {BODY25[i] for i in COCO18_IN_BODY25} and len(set(COCO18_IN_BODY25)) == 18


@pytest.mark.parametrize("table", [MIRRORED_KEYPOINTS, MIRRORED_FACE68, MIRRORED_PARTS, *MIRRORED_LABELS.values()])
def test_mirroring_twice_is_nothing(table: tuple[int, ...]) -> None:
    assert sorted(table) == list(range(len(table)))
    assert [table[table[i]] for i in range(len(table))] == list(range(len(table)))


def test_mirrored_key_points_change_sides_and_missing_ones_stay() -> None:
    points = np.zeros((135, 3), np.float32)
    points[BODY25.index("left-wrist")] = (3, 7, 1)
    points[25] = (4, 8, 0.5)  # root of the left hand
    mirrored = mirror_keypoints(points, width=64)
    np.testing.assert_array_equal(mirrored[BODY25.index("right-wrist")], (60, 7, 1))
    np.testing.assert_array_equal(mirrored[46], (59, 8, 0.5))
    assert np.count_nonzero(mirrored[:, 2]) == 2 and not mirrored[BODY25.index("left-wrist")].any()
    np.testing.assert_array_equal(mirror_keypoints(mirrored, 64), points)


# -- parsing -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("label_set", sorted(TO_SIX))
def test_every_label_has_one_of_the_six_classes(label_set: str) -> None:
    table = TO_SIX[label_set]
    assert len(table) == len(LABELS[label_set]) and table[0] == 0 and set(table) == set(range(len(SIX)))
    by_name = dict(zip(LABELS[label_set], (SIX[c] for c in table), strict=True))
    for name, six in by_name.items():
        if name.endswith("shoe"):
            assert six == "shoes"
        if name in ("hair", "face", "hat"):
            assert six == "head"
        if name.endswith(("-arm", "-leg", "-hand")):
            assert six == "limbs"
    mirrored = MIRRORED_LABELS[label_set]
    assert [table[i] for i in mirrored] == list(table)  # a class has no side


def test_lip_and_cihp_differ_in_label_ten_alone() -> None:
    differ = [i for i, (a, b) in enumerate(zip(LABELS["lip"], LABELS["cihp"], strict=True)) if a != b]
    assert differ == [10] and (LABELS["lip"][10], LABELS["cihp"][10]) == ("jumpsuits", "torso-skin")
    assert (SIX[TO_SIX["lip"][10]], SIX[TO_SIX["cihp"][10]]) == ("top", "limbs")


def test_the_tables_agree_with_the_synthetic_world() -> None:
    assert tuple(CIHP_LABELS) == LABELS["cihp"] and tuple(CIHP_TO_SIX) == TO_SIX["cihp"]


def test_the_tables_agree_with_those_of_the_method_that_merges_labels() -> None:
    config = pytest.importorskip("methods.region_to_whole.config", reason="that method is not here")
    labels = config.LabelsConfig()
    assert {name: getattr(labels, name) for name in ("cihp", "lip", "atr", "sapiens")} == {
        name: TO_SIX[name] for name in ("cihp", "lip", "atr", "sapiens")
    }


def test_mhp_by_way_of_cihp_gives_the_same_six_classes() -> None:
    assert tuple(TO_SIX["cihp"][label] for label in MHP_TO_CIHP) == TO_SIX["mhp"]


def test_an_unknown_label_is_an_error() -> None:
    with pytest.raises(SuiteError, match="label 20"):
        to_six(np.array([[20]]), "cihp")
    with pytest.raises(SuiteError, match="chip"):
        to_six(np.array([[0]]), "chip")


def test_mirrored_labels_move_and_change_sides() -> None:
    labels = np.array([[14, 0, 19]], np.uint8)
    np.testing.assert_array_equal(mirror_labels(labels, "cihp"), [[18, 0, 15]])
    np.testing.assert_array_equal(mirror_labels(np.array([[9, 12, 14]]), "atr"), [[15, 13, 10]])


# -- IUV ---------------------------------------------------------------------------------------------------------
def body() -> np.ndarray:
    """An IUV image of 24 parts whose U and V are beyond 24."""
    part = np.zeros((32, 32), int)
    part[4:28, 4:28] = np.arange(1, 25)[:, None]
    return encode_iuv(part, np.full((32, 32), 0.5), np.linspace(0.2, 1, 32)[None] * np.ones((32, 1)))


def test_u_and_v_are_clamped_before_they_are_bytes() -> None:
    coded = encode_iuv(np.array([[1, 2, 0]]), np.array([[-1.24, 0.5, 0.5]]), np.array([[1.7, 0.0, 0.9]]))
    np.testing.assert_array_equal(coded, [[[1, 0, 255], [2, 128, 0], [0, 0, 0]]])


@pytest.mark.parametrize("order", ["IUV", "VUI"])
def test_the_channel_order_is_told_by_the_values(order: str) -> None:
    image = body()
    stored = image if order == "IUV" else image[..., ::-1]
    assert iuv_order(stored) == order
    np.testing.assert_array_equal(reorder_iuv(stored, order), image)


def test_no_order_is_told_where_there_is_none() -> None:
    assert iuv_order(np.zeros((4, 4, 3), np.uint8)) is None
    assert iuv_order(np.full((4, 4, 3), 200, np.uint8)) is None
    np.testing.assert_array_equal(reorder_iuv(body()[..., [1, 2, 0]], "UVI"), body())
    with pytest.raises(SuiteError, match="UIV"):
        reorder_iuv(body(), "UIV")


def test_a_lossy_codec_is_noticed() -> None:
    import cv2

    image = body()
    assert not looks_lossy(image)
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert looks_lossy(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def test_a_mirrored_body_needs_the_tables_of_its_charts() -> None:
    image = body()
    with pytest.raises(SuiteError, match="symmetry tables"):
        mirror_iuv(image)
    u, v = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    tables = {part: ((255 - u).astype(np.uint8), v.astype(np.uint8)) for part in range(1, 25)}
    twice = mirror_iuv(mirror_iuv(image, tables), tables)
    np.testing.assert_array_equal(twice, image)
    once = mirror_iuv(image, tables)
    assert relabel(image[..., 0][:, ::-1], MIRRORED_PARTS).tolist() == once[..., 0].tolist()
