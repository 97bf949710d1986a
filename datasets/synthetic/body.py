"""A body: one shape dressed in one look, as a skinned mesh with landmarks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from .figure import Figure
from .head import ear_offset, face_landmarks, head_patches
from .limbs import arm_patches, leg_patches
from .meshes import assemble
from .procedural import F32, Array
from .shape import Shape
from .skeleton import SIDES, rest_skeleton
from .torso import skirt_patches, torso_patches
from .wardrobe import Wardrobe, sample_person


class Body:
    """Everything of a person that does not move.

    Attributes:
        shape, look: what it was built from. skeleton: rest pose. mesh: triangles.
        head_centre, head_radii: (3,) metres. landmarks: name -> rest positions moved by the head
            (``nose``, ``l_eye``, ``r_eye``, ``l_ear``, ``r_ear`` (3,), ``face68`` (68, 3)).
    """

    def __init__(self, shape: Shape, look: Wardrobe) -> None:
        self.shape, self.look, self.skeleton = shape, look, rest_skeleton(shape)
        fig = Figure(shape, look, self.skeleton)
        patches = torso_patches(fig)
        for s, sign in SIDES:
            patches += leg_patches(fig, s, sign)
        patches += skirt_patches(fig)
        for s, _ in SIDES:
            patches += arm_patches(fig, s)
        patches += head_patches(fig)
        self.mesh = assemble(patches)
        self.head_centre, self.head_radii = fig.head_centre, fig.head_radii
        self.landmarks = _head_landmarks(fig)
        # Sparse and without BLAS: a few influences a vertex, and the same bits whatever the number of threads.
        self._weights = csr_array(self.mesh.weights)
        self._vertices = np.ascontiguousarray(self.mesh.vertices.T)
        self._normals = np.ascontiguousarray(self.mesh.normals.T)

    @classmethod
    def of(cls, seed: int) -> Body:
        """The identity ``seed``: its own shape in its own look."""
        return cls(*sample_person(seed))

    def skin(self, transforms: Array) -> tuple[Array, Array]:
        """Pose the mesh by linear blend skinning.

        Args:
            transforms: (N_JOINTS, 3, 4) from :func:`forward_kinematics`.

        Returns:
            (V, 3) float32 vertices and (V, 3) float32 normals (not normalised).
        """
        m = np.ascontiguousarray((self._weights @ transforms.reshape(len(transforms), 12)).T).reshape(3, 4, -1)
        (x, y, z), (nx, ny, nz) = self._vertices, self._normals
        vertices = np.stack([r[0] * x + r[1] * y + r[2] * z + r[3] for r in m], 1)
        normals = np.stack([r[0] * nx + r[1] * ny + r[2] * nz for r in m], 1)
        return vertices, normals


def _head_landmarks(fig: Figure) -> Mapping[str, Array]:
    offsets = {
        "nose": np.array([0, -0.15, 1.13]),
        "l_eye": np.array([0.37, 0.09, 0.86]),
        "r_eye": np.array([-0.37, 0.09, 0.86]),
        "l_ear": ear_offset(1.05),
        "r_ear": ear_offset(-1.05),
    }
    points = {name: (fig.head_centre + v * fig.head_radii).astype(F32) for name, v in offsets.items()}
    return points | {"face68": face_landmarks(fig)}
