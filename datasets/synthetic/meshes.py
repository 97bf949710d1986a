"""Surface patches (rows x columns grids with chart coordinates) and their union, the mesh of a body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .labels import chart
from .procedural import F32, Array
from .skeleton import JOINTS, N_JOINTS

_INFLUENCES = 4  # joints that move one vertex, at most


@dataclass(frozen=True)
class Sheet:
    """A grid of vertices without labels.

    Attributes:
        vertices, normals: (R, C, 3) float32 in rest pose.
        weights: (joint name, (R, C) weight) of linear blend skinning.
        uv: (R, C, 2) angle and axial position on the body part under it.
        part: (R-1, C-1) DensePose part of each quad.
    """

    vertices: Array
    normals: Array
    weights: Sequence[tuple[str, Array]]
    uv: Array
    part: Array

    def moved(self, vertices: Array, normals: Array) -> Sheet:
        """The same sheet at other places: clothes lie over a body part and keep its coordinates."""
        return replace(self, vertices=vertices, normals=normals)

    def patch(
        self, label: int | Array, material: int | Array, keep: Array | None = None, two_sided: bool = False
    ) -> Patch:
        """Label the quads (CIHP ``label`` and ``material``, scalars or (R-1, C-1)); ``keep`` cuts quads away."""
        shape = self.part.shape
        kept = np.ones(shape, bool) if keep is None else np.broadcast_to(keep, shape)
        return Patch(self, np.broadcast_to(label, shape), np.broadcast_to(material, shape), kept, two_sided)


@dataclass(frozen=True)
class Patch:
    """A sheet with a CIHP label and a material per quad; only quads in ``keep`` become faces."""

    sheet: Sheet
    label: Array
    material: Array
    keep: Array
    two_sided: bool


@dataclass(frozen=True)
class Mesh:
    """Triangles of a whole body in rest pose.

    Attributes:
        vertices, normals: (V, 3) float32. weights: (V, N_JOINTS) float32, at most four non-zero in a row.
        faces: (3, F) int32 corners, counter-clockwise seen from outside. uv: (F, 3, 2) chart coordinates.
        part, label, material: (F,) uint8. two_sided: (F,) bool.
    """

    vertices: Array
    normals: Array
    weights: Array
    faces: Array
    uv: Array
    part: Array
    label: Array
    material: Array
    two_sided: Array


def grid_normals(v: Array, sign: float = 1.0) -> Array:
    """Unit normals (R, C, 3) of a grid by central differences; closed rings are differentiated around the seam."""
    du, dv = np.gradient(v, axis=1), np.gradient(v, axis=0)
    if np.allclose(v[:, 0], v[:, -1], atol=1e-6):
        du[:, 0] = du[:, -1] = (v[:, 1] - v[:, -2]) / 2
    n = np.cross(du, dv) * sign
    return (n / (np.linalg.norm(n, axis=-1, keepdims=True) + 1e-9)).astype(F32)


def outward(v: Array, direction: Array) -> Array:
    """Normals of a grid, all flipped if on average they look against ``direction`` (R, C, 3)."""
    n = grid_normals(v)
    return -n if np.mean(np.sum(n * direction, -1)) < 0 else n


def normals_like(v: Array, reference: Array) -> Array:
    """Normals of a grid, each flipped to the side of its ``reference`` normal."""
    n = grid_normals(v)
    return np.where(np.sum(n * reference, -1, keepdims=True) < 0, -n, n)


def loft(
    centres: Array, side: Array, front: Array, radii: tuple[Array, Array, Array], columns: int, power: float = 2.0
) -> tuple[Array, Array]:
    """Rings (super-ellipses) around a centre line.

    Args:
        centres: (R, 3). side, front: (3,) unit axes of the rings.
        radii: half sizes (R,) to the sides, to the front and to the back.
        columns: quads around. power: exponent of the super-ellipse, 2 is an ellipse.

    Returns:
        (R, columns + 1, 3) float32 vertices starting and ending at the back seam, and the angles (columns + 1,).
    """
    width, depth_front, depth_back = radii
    angle = np.linspace(0, 2 * np.pi, columns + 1) - np.pi / 2
    c, s = np.cos(angle), np.sin(angle)
    c, s = np.sign(c) * np.abs(c) ** (2.0 / power), np.sign(s) * np.abs(s) ** (2.0 / power)
    depth = np.where(s[None] > 0, depth_front[:, None], depth_back[:, None])
    v = centres[:, None] + side * (width[:, None] * c[None])[..., None] + front * (depth * s[None])[..., None]
    v[:, -1] = v[:, 0]
    return v.astype(F32), angle + np.pi / 2


def is_front(angle: Array) -> Array:
    """Which quads (C-1,) of a loft with ``angle`` (C,) from the back seam lie on the front half."""
    return np.sin((angle[:-1] + angle[1:]) / 2 - np.pi / 2) > 0


def middle(t: Array) -> Array:
    """Values half way between neighbours."""
    return (t[:-1] + t[1:]) / 2


def tube_uv(angle: Array, axial: Array) -> Array:
    """(R, C, 2) float32 chart input: angle in half turns + 0.5, and ``axial`` (R,)."""
    u = (angle / np.pi + 0.5)[None].repeat(len(axial), 0)
    return np.stack([u, axial[:, None].repeat(len(angle), 1)], -1).astype(F32)


def ellipsoid(centre: Array, radii: Array, joint: str, part: int) -> Sheet:
    """A small closed ellipsoid (ears, hair bun) moved by one joint."""
    polar, around = np.linspace(0, np.pi, 9), np.linspace(0, 2 * np.pi, 13)
    unit = np.stack(
        [
            np.cos(around)[None] * np.sin(polar)[:, None],
            -np.cos(polar)[:, None] + 0 * around[None],
            np.sin(around)[None] * np.sin(polar)[:, None],
        ],
        -1,
    )
    n = unit / radii / np.linalg.norm(unit / radii, axis=-1, keepdims=True)
    shape = unit.shape[:2]
    uv = np.full((*shape, 2), 0.5, F32)
    v = (centre + unit * radii).astype(F32)
    return Sheet(v, n.astype(F32), [(joint, np.ones(shape))], uv, np.full((8, 12), part))


def _skin_weights(patch: Patch) -> Array:
    shape = patch.sheet.vertices.shape[:2]
    w = np.zeros((shape[0] * shape[1], N_JOINTS), F32)
    for joint, weight in patch.sheet.weights:
        w[:, JOINTS[joint]] += np.broadcast_to(weight, shape).reshape(-1)
    w /= w.sum(1, keepdims=True) + 1e-9
    order = np.argsort(-w, 1)[:, :_INFLUENCES]
    kept = np.zeros_like(w)
    np.put_along_axis(kept, order, np.take_along_axis(w, order, 1), 1)
    return kept


def _triangles(patch: Patch) -> Array:
    """(F, 3) corners in the patch's own numbering, oriented by its normals."""
    rows, columns = patch.sheet.vertices.shape[:2]
    g = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = g[:-1, :-1], g[:-1, 1:], g[1:, :-1], g[1:, 1:]
    f = np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)], 2)[patch.keep].reshape(-1, 3)
    corners = patch.sheet.vertices.reshape(-1, 3)[f]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flip = np.sum(facing * patch.sheet.normals.reshape(-1, 3)[f].mean(1), 1) < 0
    f[flip] = f[flip][:, [0, 2, 1]]
    return f


def assemble(patches: Sequence[Patch]) -> Mesh:
    """Union of patches; vertices that no face uses are dropped."""
    faces: list[Array] = []
    uv: list[Array] = []
    part: list[Array] = []
    label: list[Array] = []
    material: list[Array] = []
    two_sided: list[Array] = []
    base = 0
    for p in patches:
        f = _triangles(p)
        per_face = [np.repeat(x[p.keep], 2) for x in (p.sheet.part, p.label, p.material)]
        uv.append(chart(per_face[0], p.sheet.uv.reshape(-1, 2)[f]))
        faces.append(f + base)
        for bucket, values in zip((part, label, material), per_face, strict=True):
            bucket.append(values)
        two_sided.append(np.full(len(f), p.two_sided))
        base += p.sheet.vertices[..., 0].size
    joined = np.concatenate(faces)
    used = np.zeros(base, bool)
    used[joined] = True
    new_index = np.cumsum(used) - 1
    return Mesh(
        vertices=np.concatenate([p.sheet.vertices.reshape(-1, 3) for p in patches])[used],
        normals=np.concatenate([p.sheet.normals.reshape(-1, 3) for p in patches])[used],
        weights=np.concatenate([_skin_weights(p) for p in patches])[used],
        faces=np.ascontiguousarray(new_index[joined].T.astype(np.int32)),
        uv=np.concatenate(uv),
        part=np.concatenate(part).astype(np.uint8),
        label=np.concatenate(label).astype(np.uint8),
        material=np.concatenate(material).astype(np.uint8),
        two_sided=np.concatenate(two_sided),
    )
