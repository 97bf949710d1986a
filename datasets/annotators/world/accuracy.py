"""How wrong a reader is: its annotations against the exact truth of the same frames. Without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
#: Groups of key points that are reported apart.
GROUPS: Mapping[str, tuple[int, ...]] = {
    "body": tuple(range(25)),
    "wrists": (4, 7),
    "ankles": (11, 14),
    "hands": tuple(range(25, 67)),
    "face": tuple(range(67, 135)),
}
#: (right, left) BODY_25 joints.
SIDES = ((2, 5), (3, 6), (4, 7), (9, 12), (10, 13), (11, 14), (15, 16), (17, 18), (22, 19), (23, 20), (24, 21))
#: A key point farther off than this share of the person's height is a failure.
FAILURE = 0.1


def box_heights(iuv: Array) -> Array:
    """(T,) height of the box around the person in pixels, NaN where there is nobody; from (T, H, W, 3) iuv."""
    rows: Array = np.any(iuv[..., 0] > 0, axis=2)
    first, last = rows.argmax(1), rows.shape[1] - rows[:, ::-1].argmax(1)
    return np.where(rows.any(axis=1), last - first, np.nan).astype(float)


def point_errors(found: Array, truth: Array, heights: Array) -> dict[str, dict[str, float]]:
    """Errors of the points that are visible in truth, per group, as shares of the person's height.

    Args:
        found, truth: (T, 135, 3). heights: (T,) pixels.

    Returns:
        group -> ``median``, ``mean``, ``p90``, ``failures`` (share over ``FAILURE``, wherever the reader says it is),
        ``missed`` (share that the reader calls missing), ``count``.
    """
    error = np.linalg.norm(found[..., :2] - truth[..., :2], axis=2) / heights[:, None]
    out = {}
    for group, members in GROUPS.items():
        at = np.zeros(truth.shape[1], bool)
        at[list(members)] = True
        use = (truth[..., 2] == 1) & at & np.isfinite(heights)[:, None]
        values, missed = error[use], found[..., 2][use] == 0
        if not values.size:
            continue
        out[group] = {
            "median": float(np.median(values)),
            "mean": float(values.mean()),
            "p90": float(np.quantile(values, 0.9)),
            "failures": float((values > FAILURE).mean()),
            "missed": float(missed.mean()),
            "count": float(values.size),
        }
    return out


def swap_rate(found: Array, truth: Array) -> float:
    """Share of left-right pairs of joints, both visible in truth, of which each was found nearer to the other."""
    swapped, pairs = 0, 0
    for right, left in SIDES:
        use = (truth[:, right, 2] == 1) & (truth[:, left, 2] == 1)
        a, b, ta, tb = (p[use][:, k, :2] for p, k in ((found, right), (found, left), (truth, right), (truth, left)))
        crossed = (_distance(a, tb) < _distance(a, ta)) & (_distance(b, ta) < _distance(b, tb))
        swapped, pairs = swapped + int(crossed.sum()), pairs + int(use.sum())
    return swapped / max(pairs, 1)


def absence_recall(found: Array, truth: Array) -> float:
    """Share of the body's absent joints (outside, or erased) that the reader calls missing; NaN if none is absent."""
    absent = truth[:, :25, 2] == 0
    return float((found[:, :25, 2] == 0)[absent].mean()) if absent.any() else float("nan")


def intersection_over_union(found: Array, truth: Array, classes: int) -> float:
    """Mean over the classes that truth has (background too) of intersection over union, over all frames at once."""
    table = np.bincount(truth.ravel().astype(int) * classes + found.ravel(), minlength=classes**2)
    table = table.reshape(classes, classes).astype(float)
    hit, union = np.diag(table), table.sum(0) + table.sum(1) - np.diag(table)
    return float((hit / np.maximum(union, 1))[table.sum(1) > 0].mean())


def uv_error(found: Array, truth: Array) -> float:
    """Mean absolute error of u and v (range 0..1) where the part is right."""
    right = (found[..., 0] == truth[..., 0]) & (truth[..., 0] > 0)
    return float(np.abs(found[right][:, 1:].astype(float) - truth[right][:, 1:]).mean() / 255)


def mean_distance(found: Array, truth: Array) -> float:
    """AKD over BODY_25: mean distance in pixels of the joints that are present in both."""
    both = (found[:, :25, 2] > 0) & (truth[:, :25, 2] > 0)
    return float(np.linalg.norm(found[:, :25, :2] - truth[:, :25, :2], axis=2)[both].mean())


def report(found: Mapping[str, Array], truth: Mapping[str, Array]) -> dict[str, Any]:
    """All of the above of one set of frames; both map ``keypoints``, ``iuv``, ``parsing20`` to stacks."""
    heights = box_heights(truth["iuv"])
    return {
        "frames": len(heights),
        "points": point_errors(found["keypoints"], truth["keypoints"], heights),
        "swaps": swap_rate(found["keypoints"], truth["keypoints"]),
        "absence_recall": absence_recall(found["keypoints"], truth["keypoints"]),
        "parts_iou": intersection_over_union(found["iuv"][..., 0], truth["iuv"][..., 0], 25),
        "uv_error": uv_error(found["iuv"], truth["iuv"]),
        "parsing_iou": intersection_over_union(found["parsing20"], truth["parsing20"], 20),
        "mask_iou": intersection_over_union(found["parsing20"] > 0, truth["parsing20"] > 0, 2),
    }


def _distance(a: Array, b: Array) -> Array:
    return np.linalg.norm(a - b, axis=1)
