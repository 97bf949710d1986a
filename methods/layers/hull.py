"""Area of a point set's convex hull, by which relative motion is scaled."""

from __future__ import annotations

from torch import Tensor


def hull_area(points: Tensor) -> float:
    """Area of the convex hull of (N, 2) points; 0 where they lie on a line or are too few."""
    from scipy.spatial import ConvexHull, QhullError

    if len(points) < 3:
        return 0.0
    try:
        return float(ConvexHull(points.detach().cpu().double().numpy()).volume)
    except QhullError:
        return 0.0


def hull_scale(source: Tensor, initial: Tensor) -> float:
    """sqrt(hull area of (N, 2) ``source`` / of ``initial``); 1 where one of them is degenerate."""
    a, b = hull_area(source), hull_area(initial)
    return (a / b) ** 0.5 if a > 0 and b > 0 else 1.0
