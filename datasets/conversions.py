"""Between the conventions of other tools and ours, as tables: key point orders, label sets, IUV encodings, mirroring.

Key points are (..., K, 3): x, y, confidence, where confidence 0 means missing. Label maps are uint8. IUV images are
(..., H, W, 3) uint8 with the DensePose part (0..24) first, then U and V as 255 times their value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from datasets.base import Array
from datasets.errors import SuiteError

# -- key points --------------------------------------------------------------------------------------------------
BODY25 = (
    "nose", "neck", "right-shoulder", "right-elbow", "right-wrist", "left-shoulder", "left-elbow", "left-wrist",
    "mid-hip", "right-hip", "right-knee", "right-ankle", "left-hip", "left-knee", "left-ankle", "right-eye",
    "left-eye", "right-ear", "left-ear", "left-big-toe", "left-small-toe", "left-heel", "right-big-toe",
    "right-small-toe", "right-heel",
)  # fmt: skip
#: BODY_25 -> COCO-17; a pair is the middle of two points, None has no counterpart.
_COCO_BODY: tuple[int | tuple[int, int] | None, ...] = (
    0, (5, 6), 6, 8, 10, 5, 7, 9, (11, 12), 12, 14, 16, 11, 13, 15, 2, 1, 4, 3,
)  # fmt: skip
FROM_COCO17 = (*_COCO_BODY, None, None, None, None, None, None)
FROM_WHOLEBODY133 = (*_COCO_BODY, 17, 18, 19, 20, 21, 22)
#: Halpe-26 has its own neck and hip centre, and its feet alternate left and right.
FROM_HALPE26 = (*({1: 18, 8: 19}.get(i, source) for i, source in enumerate(_COCO_BODY)), 20, 22, 24, 21, 23, 25)
#: COCO-18 of the first OpenPose (and of the AKD detector of FOMM and MRAA) inside BODY_25.
COCO18_IN_BODY25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
#: Where the other groups lie in COCO-WholeBody-133, in our order of groups (body25 | lhand | rhand | face68).
WHOLEBODY_HANDS_AND_FACE = (*range(91, 112), *range(112, 133), *range(23, 91))


def to_body25(points: Array, source: str) -> Array:
    """BODY_25 of key points in another order.

    Args:
        points: (..., K, 3) x, y, confidence.
        source: ``coco17``, ``wholebody133`` or ``halpe26``.

    Returns:
        (..., 25, 3). A midpoint has the smaller confidence of its two points, and is missing where either is; points
        that the source does not have are (0, 0, 0).

    Raises:
        SuiteError: an unknown order, or another number of points than it has.
    """
    orders = {"coco17": (17, FROM_COCO17), "wholebody133": (133, FROM_WHOLEBODY133), "halpe26": (26, FROM_HALPE26)}
    if source not in orders or points.shape[-2:] != (orders[source][0], 3):
        known = ", ".join(f"{name} ({count}, 3)" for name, (count, _) in orders.items())
        raise SuiteError(f"key points of shape {points.shape} are no {source!r}", f"known: {known}")
    out = np.zeros((*points.shape[:-2], 25, 3), points.dtype)
    for target, origin in enumerate(orders[source][1]):
        if isinstance(origin, tuple):
            out[..., target, :] = _middle(points[..., origin[0], :], points[..., origin[1], :])
        elif origin is not None:
            out[..., target, :] = points[..., origin, :]
    return out


def _middle(a: Array, b: Array) -> Array:
    confidence = np.minimum(a[..., 2:], b[..., 2:])
    middle = np.concatenate([(a[..., :2] + b[..., :2]) / 2, confidence], axis=-1)
    return np.where(confidence > 0, middle, 0)


def wholebody_to_ours(points: Array) -> Array:
    """(..., 135, 3) of annotation kind ``keypoints`` from (..., 133, 3) COCO-WholeBody. Raises SuiteError."""
    return np.concatenate(
        [to_body25(points, "wholebody133"), points[..., list(WHOLEBODY_HANDS_AND_FACE), :]], axis=-2
    ).astype(np.float32)


def openpose_to_ours(body: Array, left_hand: Array, right_hand: Array, face: Array) -> Array:
    """(135, 3) of annotation kind ``keypoints`` from the arrays of an OpenPose 1.x JSON.

    Args:
        body: (25, 3). left_hand, right_hand: (21, 3). face: (70, 3), of which the last two (pupils) are left out, or
            (68, 3).
    """
    return np.concatenate([body, left_hand, right_hand, face[:68]]).astype(np.float32)


# -- parsing -----------------------------------------------------------------------------------------------------
#: Labels of each set, by their number.
LABELS: Mapping[str, tuple[str, ...]] = {
    "lip": (
        "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat", "socks", "pants",
        "jumpsuits", "scarf", "skirt", "face", "left-arm", "right-arm", "left-leg", "right-leg", "left-shoe",
        "right-shoe",
    ),
    "cihp": (
        "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat", "socks", "pants",
        "torso-skin", "scarf", "skirt", "face", "left-arm", "right-arm", "left-leg", "right-leg", "left-shoe",
        "right-shoe",
    ),
    "atr": (
        "background", "hat", "hair", "sunglasses", "upper-clothes", "skirt", "pants", "dress", "belt", "left-shoe",
        "right-shoe", "face", "left-leg", "right-leg", "left-arm", "right-arm", "bag", "scarf",
    ),
    "sapiens": (
        "background", "apparel", "face-neck", "hair", "left-foot", "left-hand", "left-lower-arm", "left-lower-leg",
        "left-shoe", "left-sock", "left-upper-arm", "left-upper-leg", "lower-clothing", "right-foot", "right-hand",
        "right-lower-arm", "right-lower-leg", "right-shoe", "right-sock", "right-upper-arm", "right-upper-leg",
        "torso", "upper-clothing", "lower-lip", "upper-lip", "lower-teeth", "upper-teeth", "tongue",
    ),
    "mhp": (
        "background", "cap", "helmet", "face", "hair", "left-arm", "right-arm", "left-hand", "right-hand",
        "protector", "bikini", "jacket", "t-shirt", "polo", "sweater", "singlet", "torso-skin", "pants", "shorts",
        "skirt", "stockings", "socks", "left-boot", "right-boot", "left-shoe", "right-shoe", "left-high-heel",
        "right-high-heel", "left-sandal", "right-sandal", "left-leg", "right-leg", "left-foot", "right-foot", "coat",
        "dress", "robe", "jumpsuit", "other-full-body", "headwear", "backpack", "ball", "bats", "belt", "bottle",
        "carrybag", "cases", "sunglasses", "eyewear", "glove", "scarf", "umbrella", "wallet", "watch", "wristband",
        "tie", "other-accessory", "other-upper", "other-lower",
    ),
}  # fmt: skip
SIX = ("background", "head", "top", "bottom", "shoes", "limbs")
#: Label set -> six classes of Region-to-Whole. The paper names only the six; its "18 channels" are ATR. Ours, after
#: C2F-FWN where that has a choice: belt to bottom, bag to background, glove and bare torso to limbs, socks to bottom,
#: apparel to top.
TO_SIX: Mapping[str, tuple[int, ...]] = {
    "lip": (0, 1, 1, 5, 1, 2, 2, 2, 3, 3, 2, 2, 3, 1, 5, 5, 5, 5, 4, 4),
    "cihp": (0, 1, 1, 5, 1, 2, 2, 2, 3, 3, 5, 2, 3, 1, 5, 5, 5, 5, 4, 4),
    "atr": (0, 1, 1, 1, 2, 3, 3, 2, 3, 4, 4, 1, 5, 5, 5, 5, 0, 2),
    "sapiens": (0, 2, 1, 1, 5, 5, 5, 5, 4, 3, 5, 5, 3, 5, 5, 5, 5, 4, 3, 5, 5, 5, 2, 1, 1, 1, 1, 1),
    "mhp": (
        0, 1, 1, 1, 1, 5, 5, 5, 5, 2, 2, 2, 2, 2, 2, 2, 5, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 2, 2, 2,
        2, 2, 1, 0, 0, 0, 3, 0, 0, 0, 1, 1, 5, 2, 0, 0, 5, 5, 2, 0, 2, 3,
    ),
}  # fmt: skip
#: MHP -> CIHP (ours; it agrees with the six classes of both): whole-body clothes to dress, what is worn on the hand
#: to glove, belt to pants, tie to upper clothes, things carried to background.
MHP_TO_CIHP = (
    0, 1, 1, 13, 2, 14, 15, 14, 15, 5, 5, 7, 5, 5, 5, 5, 10, 9, 9, 12, 8, 8, 18, 19, 18, 19, 18, 19, 18, 19, 16, 17,
    16, 17, 7, 6, 6, 6, 6, 1, 0, 0, 0, 9, 0, 0, 0, 4, 4, 3, 11, 0, 0, 3, 3, 5, 0, 5, 9,
)  # fmt: skip

#: Label set -> CIHP's labels, which are those of annotation kind ``parsing20``. Ours where sets differ, agreeing with
#: the six classes: LIP's jumpsuits to dress, ATR's belt to pants and bag to background.
TO_CIHP: Mapping[str, tuple[int, ...]] = {
    "lip": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 11, 12, 13, 14, 15, 16, 17, 18, 19),
    "atr": (0, 1, 2, 4, 5, 12, 9, 6, 9, 18, 19, 13, 16, 17, 14, 15, 0, 11),
    "mhp": MHP_TO_CIHP,
    "cihp": tuple(range(20)),
}


def relabel(labels: Array, table: tuple[int, ...]) -> Array:
    """Look every label of an (..., H, W) integer map up in a table. Raises SuiteError for a label beyond its end."""
    if labels.size and int(labels.max()) >= len(table):
        raise SuiteError(f"a label map holds the label {int(labels.max())}, the largest known is {len(table) - 1}")
    return np.asarray(table, np.uint8)[labels]


def to_six(labels: Array, label_set: str) -> Array:
    """The six-class parsing of a map of ``lip``, ``cihp``, ``atr``, ``sapiens`` or ``mhp``. Raises SuiteError."""
    if label_set not in TO_SIX:
        raise SuiteError(f"there is no label set {label_set!r}", f"known: {', '.join(TO_SIX)}")
    return relabel(labels, TO_SIX[label_set])


def _swap_sides(names: tuple[str, ...]) -> tuple[int, ...]:
    """The table that exchanges every ``left-`` name with its ``right-`` one."""
    other = {"left": "right", "right": "left"}
    place = {name: i for i, name in enumerate(names)}
    out = []
    for name in names:
        side, _, rest = name.partition("-")
        out.append(place[f"{other[side]}-{rest}"] if side in other else place[name])
    return tuple(out)


#: Label set -> its labels with left and right exchanged, for mirrored images.
MIRRORED_LABELS: Mapping[str, tuple[int, ...]] = {name: _swap_sides(labels) for name, labels in LABELS.items()}
MIRRORED_BODY25 = _swap_sides(BODY25)
#: The 68 face points of iBUG mirrored: jaw, brows, nose, eyes, lips.
MIRRORED_FACE68 = (
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30,
    35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,
    64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip
#: All 135 points of annotation kind ``keypoints`` (body25 | left hand | right hand | face68).
MIRRORED_KEYPOINTS = (
    *MIRRORED_BODY25,
    *range(46, 67),
    *range(25, 46),
    *(67 + i for i in MIRRORED_FACE68),
)
#: DensePose parts: hands are (right, left), feet (left, right), legs (right, left), arms (left, right), head (R, L).
MIRRORED_PARTS = (0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23)


def mirror_keypoints(points: Array, width: int) -> Array:
    """(..., 135, 3) key points of the horizontally mirrored picture of ``width`` pixels: x' = W - 1 - x."""
    out = points[..., list(MIRRORED_KEYPOINTS), :].copy()
    out[..., 0] = np.where(out[..., 2] > 0, width - 1 - out[..., 0], out[..., 0])
    return out


def mirror_labels(labels: Array, label_set: str) -> Array:
    """An (..., H, W) label map of the mirrored picture, left and right exchanged."""
    return relabel(labels[..., ::-1], MIRRORED_LABELS[label_set])


def mirror_iuv(iuv: Array, uv_tables: Mapping[int, tuple[Array, Array]] | None = None) -> Array:
    """(..., H, W, 3) IUV of the mirrored picture.

    Args:
        uv_tables: part (of the given map) -> (U', V'), two (256, 256) uint8 tables looked up at [U, V]. The official
            ones are the charts of ``UV_symmetry_transforms.mat``; they are no 1 - U.

    Raises:
        SuiteError: there are body pixels and no tables: mirrored parts with U and V as they were would be wrong.
    """
    flipped = iuv[..., ::-1, :]
    if uv_tables is None:
        if flipped[..., 0].any():
            raise SuiteError(
                "U and V of a mirrored body need the symmetry tables of DensePose, which are not shipped",
                "read UV_symmetry_transforms.mat and give its tables, or do not mirror IUV",
            )
        return flipped.copy()
    out = flipped.copy()
    out[..., 0] = relabel(flipped[..., 0], MIRRORED_PARTS)
    for part, (u_table, v_table) in uv_tables.items():
        where = flipped[..., 0] == part
        u, v = flipped[..., 1][where], flipped[..., 2][where]
        out[..., 1][where], out[..., 2][where] = u_table[u, v], v_table[u, v]
    return out


# -- IUV channels ------------------------------------------------------------------------------------------------
#: Orders in which IUV images are written, as an RGB reader sees them -> indices that bring them to (I, U, V).
IUV_ORDERS: Mapping[str, tuple[int, int, int]] = {"IUV": (0, 1, 2), "VUI": (2, 1, 0), "UVI": (2, 0, 1)}
PARTS = 24


def part_channels(iuv: Array) -> list[int]:
    """Channels of (..., H, W, 3) uint8 that can be the part: no value over 24, and at least one above 0."""
    return [c for c in range(3) if 0 < int(iuv[..., c].max(initial=0)) <= PARTS]


def iuv_order(iuv: Array) -> str | None:
    """The channel order of an IUV image or clip as its values tell: ``IUV``, ``VUI`` (what an OpenCV-written file
    gives an RGB reader); None where they do not (no body, or no single channel whose values are parts).

    ``UVI`` files cannot be told from ``VUI`` ones by values alone: a part in the last channel is read as ``VUI``.
    """
    found = part_channels(iuv)
    if len(found) != 1:
        return None
    return {0: "IUV", 2: "VUI"}.get(found[0])


def reorder_iuv(iuv: Array, order: str) -> Array:
    """(..., H, W, 3) in the order ``IUV`` from one of :data:`IUV_ORDERS`. Raises SuiteError for another order."""
    if order not in IUV_ORDERS:
        raise SuiteError(f"there is no IUV order {order!r}", f"known: {', '.join(IUV_ORDERS)}")
    return np.ascontiguousarray(iuv[..., list(IUV_ORDERS[order])])


def encode_iuv(part: Array, u: Array, v: Array) -> Array:
    """(H, W, 3) uint8 from the part (integers 0..24) and the unbounded regressions U and V of a network.

    U and V are clamped to [0, 1] before they are scaled, since a uint8 would wrap around, and are 0 off the body.
    """
    body = part > 0
    channels = [np.floor(255 * np.clip(c, 0, 1) + 0.5) * body for c in (u, v)]
    return np.stack([part, *channels], axis=-1).astype(np.uint8)


def looks_lossy(iuv: Array) -> bool:
    """Whether an IUV image or clip, in order, went through a lossy codec.

    A lossless one has U = V = 0 wherever the part is 0. A codec smears the body's U and V over its outline: counted
    are background pixels with U or V, against body pixels; a part over 24 says it at once.
    """
    part = iuv[..., 0]
    if part.size and int(part.max()) > PARTS:
        return True
    stray = int(((part == 0) & (iuv[..., 1:].max(axis=-1) > 0)).sum())
    return stray > 0.01 * max(1, int((part > 0).sum()))
