"""The label sets of the annotations: DensePose parts and charts, CIHP parsing, the six-class parsing, BODY_25."""

from __future__ import annotations

import numpy as np

from .procedural import F32, Array

#: DensePose part index -> name (Guler et al., DensePose, CVPR 2018; 24 parts).
DENSEPOSE_PARTS = (
    "background", "torso-back", "torso-front", "right-hand", "left-hand", "left-foot", "right-foot",
    "right-upper-leg-back", "left-upper-leg-back", "right-upper-leg-front", "left-upper-leg-front",
    "right-lower-leg-back", "left-lower-leg-back", "right-lower-leg-front", "left-lower-leg-front",
    "left-upper-arm-inside", "right-upper-arm-inside", "left-upper-arm-outside", "right-upper-arm-outside",
    "left-lower-arm-inside", "right-lower-arm-inside", "left-lower-arm-outside", "right-lower-arm-outside",
    "head-right", "head-left",
)  # fmt: skip
#: CIHP label -> name (Gong et al., Instance-level Human Parsing, ECCV 2018).
CIHP_LABELS = (
    "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat", "socks", "pants",
    "torso-skin", "scarf", "skirt", "face", "left-arm", "right-arm", "left-leg", "right-leg", "left-shoe",
    "right-shoe",
)  # fmt: skip
CIHP = {name: i for i, name in enumerate(CIHP_LABELS)}
#: The six classes of Region-to-Whole (background, head, top, bottom, shoes, limbs) for each CIHP label.
#: Torso skin counts as limb because it has skin texture; the paper names only the classes, the table is ours.
CIHP_TO_SIX = np.array([0, 1, 1, 5, 1, 2, 2, 2, 3, 3, 5, 2, 3, 1, 5, 5, 5, 5, 4, 4], np.uint8)
#: OpenPose BODY_25 order.
BODY25 = (
    "nose", "neck", "r_sho", "r_elb", "r_wri", "l_sho", "l_elb", "l_wri", "mid_hip", "r_hip", "r_kne", "r_ank",
    "l_hip", "l_kne", "l_ank", "r_eye", "l_eye", "r_ear", "l_ear", "l_big_toe", "l_small_toe", "l_heel",
    "r_big_toe", "r_small_toe", "r_heel",
)  # fmt: skip

# Materials of a face of the mesh: which function colours it.
SKIN, TOP, BOTTOM, SHOE, FACE, HAIR, INNER, SOCK, HAT = range(9)

_HANDS_FEET = (3, 4, 5, 6)
_U_DOWN_LEGS = (9, 10, 11, 12, 19, 20)
_V_FLIPPED = (1, 7, 9, 11, 14, 15, 16, 21, 22)


def chart(part: Array, corners: Array) -> Array:
    """DensePose (U, V) at the corners of faces.

    The directions follow real DensePose output (measured on 202 frames): torso U down, V from the person's left to
    right; upper leg front U up and V inwards, back U down and V outwards; lower leg front U down, back U up, V
    outwards; upper arm U down; lower arm inside U up, outside U down; head V up, U 1 -> 0 on the right half and
    0 -> 1 on the left half from the face's mid line to the back.

    Args:
        part: (F,) part per face.
        corners: (F, 3, 2) angle in half turns from the back seam plus 0.5, and axial position 0..1.

    Returns:
        (F, 3, 2) float32 in [0, 1].
    """
    p = part[:, None]
    a, axial = corners[..., 0], corners[..., 1]
    head = p >= 23
    hands_feet = np.isin(p, _HANDS_FEET)
    # Corners of one face must lie on one branch of the angle, also at the seam.
    a = np.where(~head & ~hands_feet, a - np.floor(a.mean(1, keepdims=True)), a)
    angle, axial01 = np.clip(a, 0, 1), np.clip(axial, 0, 1)
    u = np.select(
        [p <= 2, np.isin(p, _U_DOWN_LEGS), p == 23, p == 24], [1 - axial01, 1 - axial, 1 - angle, angle], axial
    )
    v = np.select([head, np.isin(p, _V_FLIPPED)], [axial, 1 - angle], angle)
    plain = np.stack([angle, axial01], -1)
    return np.where(hands_feet[..., None], plain, np.stack([u, v], -1)).astype(F32)
