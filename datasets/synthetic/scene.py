"""Scenes: a wall and a floor with procedural textures, light, and the temperament of a camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .camera import View
from .procedural import F32, Array, fbm, hash01, hsv, smooth

# Textures are evaluated once per clip on a grid: texels per metre, and the largest region in metres.
_TEXELS = 110
_X, _Y, _Z = (-4.0, 4.0), (0.0, 3.6), (-3.2, 2.4)
_WIDER, _MARGIN = 0.9, 0.1  # a coarse grid of rays of a wider lens finds the region that the pixels need


@dataclass(frozen=True)
class Picture:
    """A framed picture on the wall: centre and half sizes in metres, two colours."""

    x: float
    y: float
    half_width: float
    half_height: float
    first: Array
    second: Array


@dataclass(frozen=True)
class Scene:
    """Background, light and camera temperament of a place.

    Attributes:
        kind: studio, room or outdoor. wall_z: position of the wall, metres. colours: four (3,) RGB.
        light: (3,) unit direction to the light. ambient: 0..1. tint: (3,) colour balance.
        fov: degrees. sway, phase: (4,) of a moving camera.
    """

    seed: int
    kind: str
    wall_z: float
    colours: tuple[Array, ...]
    floor_colour: Array
    wall_pattern: str
    floor_pattern: str
    pictures: tuple[Picture, ...]
    light: Array
    ambient: float
    tint: Array
    fov: float
    phase: tuple[float, float, float, float]
    sway: tuple[float, float, float, float]

    def hit(self, rays: Array, position: Array) -> tuple[Array, Array]:
        """Points (..., 3) where rays from ``position`` meet wall or floor, and which meet the floor (bool)."""
        dy, dz = rays[..., 1], rays[..., 2]
        to_floor = np.where(dy < -1e-4, -position[1] / np.minimum(dy, -1e-4), F32(1e6))
        to_wall = np.where(dz < -1e-4, (self.wall_z - position[2]) / np.minimum(dz, -1e-4), F32(1e6))
        distance = np.minimum(np.minimum(to_floor, to_wall), F32(60))
        return position + rays * distance[..., None], to_floor < to_wall

    def wall(self, x: Array, y: Array) -> Array:
        """Colour (..., 3) float32 of the wall at x, y in metres."""
        if self.kind == "studio":
            g = 1 - 0.18 * np.clip((x**2 + (y - 1) ** 2) / 6, 0, 1)[..., None]
            return ((0.55 + 0.45 * self.colours[0]) * g).astype(F32)
        return (self._room_wall(x, y) if self.kind == "room" else self._sky(x, y)).astype(F32)

    def _room_wall(self, x: Array, y: Array) -> Array:
        s, c = self.seed, self.colours
        wall = c[0] * (0.8 + 0.3 * fbm(x * 1.7 + 50, (y + F32(self.wall_z)) * 1.7 + 50, s, 3)[..., None])
        if self.wall_pattern == "bricks":
            row = np.floor(y / 0.09)
            bx = x / 0.24 + 0.5 * (row % 2)
            mortar = ((y / 0.09) % 1 < 0.10) | ((bx % 1) < 0.05)
            wall = wall * (0.85 + 0.3 * hash01(np.floor(bx) + 99, row + 99, s)[..., None])
            wall = np.where(mortar[..., None], c[1] * 0.9, wall)
        elif self.wall_pattern == "stripes":
            wall = np.where(((x / 0.22) % 1 < 0.5)[..., None], wall, wall * 0.6 + c[1] * 0.4)
        elif self.wall_pattern == "panels":
            edge = ((x / 0.8) % 1 < 0.02) | ((y / 1.1) % 1 < 0.02)
            wall = np.where(edge[..., None], wall * 0.6, wall)
        for p in self.pictures:
            dx, dy = np.abs(x - p.x), np.abs(y - p.y)
            inside = (dx < p.half_width) & (dy < p.half_height)
            frame = inside & ((dx > p.half_width - 0.03) | (dy > p.half_height - 0.03))
            art = np.where((fbm(x * 4 + p.x * 9, y * 4, s + 5, 2) > 0.5)[..., None], p.first, p.second)
            wall = np.where(inside[..., None], art, wall)
            wall = np.where(frame[..., None], p.first * 0.3, wall)
        return np.where((y < 0.09)[..., None], c[2] * 0.8, wall)  # skirting board

    def _sky(self, x: Array, y: Array) -> Array:
        s = self.seed
        sky = self.colours[0] * 0.25 + np.array([0.55, 0.72, 0.92], F32) * 0.75
        cloud = smooth(0.5, 0.75, fbm(x * 0.5 + 30, y * 0.9, s + 2, 3))[..., None]
        hill = y < 1.05 + 0.55 * (fbm(x * 0.8 + 40, x * 0, s + 9, 3) - 0.5)
        leaves = 0.7 + 0.7 * fbm(x * 7 + 9, y * 9 + 9, s + 4, 3)[..., None]
        green = np.array([0.18, 0.36, 0.16], F32) * leaves
        return np.where(hill[..., None], green, sky * (1 - 0.5 * cloud) + 0.5 * cloud)

    def floor(self, x: Array, z: Array) -> Array:
        """Colour (..., 3) float32 of the floor at x, z in metres."""
        s = self.seed
        if self.kind == "studio":
            g = 1 - 0.18 * np.clip((x**2 + 1) / 6, 0, 1)[..., None]
            return ((0.52 + 0.43 * self.colours[0]) * (g - 0.05)).astype(F32)
        if self.kind == "outdoor":
            ground = np.array([0.30, 0.42, 0.18], F32) if self.floor_pattern == "plain" else self.floor_colour * 0.9
            return (ground * (0.6 + 0.8 * fbm(x * 9 + 90, z * 9 + 90, s + 7, 3)[..., None])).astype(F32)
        floor = self.floor_colour * (0.75 + 0.4 * fbm(x * 1.7 + 50, z * 1.7 + 50, s, 3)[..., None])
        if self.floor_pattern == "planks":
            plank = np.floor(x / 0.16)
            floor = floor * (0.8 + 0.35 * hash01(plank + 77, np.floor(z / 0.9 + 0.37 * plank) + 77, s)[..., None])
            floor = np.where(((x / 0.16) % 1 < 0.04)[..., None], floor * 0.6, floor)
        elif self.floor_pattern == "tiles":
            floor = floor * (0.82 + 0.25 * ((np.floor(x / 0.4) + np.floor(z / 0.4)) % 2)[..., None])
        return floor.astype(F32)


def sample_scene(seed: int) -> Scene:
    """Draw the scene ``seed``; a pure function of the seed."""
    r = np.random.default_rng([13, seed])
    kind = str(r.choice(["studio", "room", "outdoor"], p=[0.25, 0.5, 0.25]))
    r.random()  # kept free: whether the camera moves is decided by the clip, not by the place
    wall_z = -r.uniform(1.2, 3.0)
    colours = tuple(hsv(r.random(), r.uniform(0.02, 0.32), r.uniform(0.35, 0.92)) for _ in range(4))
    if r.random() < 0.5:
        floor_colour = np.array([0.45, 0.33, 0.22], F32) * r.uniform(0.6, 1.7)
    else:
        floor_colour = hsv(r.random(), r.uniform(0, 0.3), r.uniform(0.3, 0.85))
    wall_pattern = str(r.choice(["plain", "bricks", "stripes", "panels"]))
    floor_pattern = str(r.choice(["planks", "tiles", "plain"]))
    pictures = tuple(_sample_picture(r) for _ in range(int(r.integers(0, 6))))
    side, up = r.uniform(-1.1, 1.1), r.uniform(0.35, 1.1)
    light = np.array([np.sin(side) * np.cos(up), np.sin(up), np.cos(side) * np.cos(up)], F32)
    ambient, tint = float(r.uniform(0.42, 0.62)), (1 + r.uniform(-0.06, 0.06, 3)).astype(F32)
    fov, phase, sway = float(r.uniform(26, 36)), r.uniform(0, 6.3, 6)[:4].tolist(), r.uniform(0.3, 1, 4).tolist()
    return Scene(
        seed, kind, wall_z, colours, floor_colour, wall_pattern, floor_pattern, pictures, light, ambient, tint, fov,
        tuple(phase), tuple(sway),
    )  # fmt: skip


def _sample_picture(r: np.random.Generator) -> Picture:
    x, y, half_width, half_height = (
        r.uniform(-2.5, 2.5),
        r.uniform(0.9, 2.3),
        r.uniform(0.15, 0.6),
        r.uniform(0.15, 0.5),
    )
    first, second = (hsv(r.random(), r.uniform(0.1, 0.55), r.uniform(0.25, 0.85)) for _ in range(2))
    return Picture(x, y, half_width, half_height, first, second)


class Backdrop:
    """The textures of a scene, evaluated once over the region that some views see; frames only sample them."""

    def __init__(self, scene: Scene, views: list[View]) -> None:
        self._scene = scene
        wider = [replace(v, focal=v.focal * _WIDER) for v in views]
        hits, floors = zip(*(scene.hit(v.rays(17, 17), v.position) for v in wider), strict=True)
        points, on_floor = np.concatenate(hits).reshape(-1, 3), np.stack(floors)
        seen = (points.min(0) - _MARGIN, points.max(0) + _MARGIN)
        x, self._x0 = _grid(seen[0][0], seen[1][0], _X)
        y, self._y0 = _grid(seen[0][1], seen[1][1], _Y)
        self._wall = scene.wall(*np.meshgrid(x, y))
        low = scene.wall_z - 0.1
        z, self._z0 = _grid(low, seen[1][2] if on_floor.any() else low + 0.2, _Z)
        self._floor = scene.floor(*np.meshgrid(x, z))

    def colours(self, points: Array, on_floor: Array) -> Array:
        """(..., 3) float32 colours at hit points (..., 3)."""
        out = np.empty(points.shape, F32)
        p = points[~on_floor]
        out[~on_floor] = _sample(self._wall, _texel(p[:, 0], _X, self._x0), _texel(p[:, 1], _Y, self._y0))
        p = points[on_floor]
        out[on_floor] = _sample(self._floor, _texel(p[:, 0], _X, self._x0), _texel(p[:, 2], _Z, self._z0))
        return out


def _grid(low: float, high: float, limits: tuple[float, float]) -> tuple[Array, int]:
    """Texel centres (metres) of low..high on the grid that starts at the lower limit, and the first texel's index."""
    most = round((limits[1] - limits[0]) * _TEXELS)
    first = int(np.clip(np.floor((low - limits[0]) * _TEXELS), 0, most - 4))
    last = int(np.clip(np.ceil((high - limits[0]) * _TEXELS), first + 4, most))
    return (np.arange(first, last, dtype=F32) + F32(0.5)) / F32(_TEXELS) + F32(limits[0]), first


def _texel(metres: Array, limits: tuple[float, float], first: int) -> Array:
    return (metres - F32(limits[0])) * F32(_TEXELS) - F32(first)


def _sample(image: Array, u: Array, v: Array) -> Array:
    """Bilinear samples (N, 3) of an image at texel coordinates (0.5 = centre of the first), clamped at the border."""
    h, w = image.shape[:2]
    u, v = np.clip(u - F32(0.5), 0, w - 1.001), np.clip(v - F32(0.5), 0, h - 1.001)
    ui, vi = u.astype(np.int32), v.astype(np.int32)
    fu, fv = (u - ui)[:, None].astype(F32), (v - vi)[:, None].astype(F32)
    flat, i = image.reshape(-1, 3), vi * w + ui
    upper, lower = flat[i], flat[i + w]
    upper = upper + (flat[i + 1] - upper) * fu
    lower = lower + (flat[i + w + 1] - lower) * fu
    return upper + (lower - upper) * fv
