"""FOMM and MRAA against a plain second computation of the official networks, straight from a checkpoint's tensors.

Written from the published definitions with functional torch and loops over points; shares nothing with ``methods``.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial import ConvexHull
from torch import Tensor

from bench.cli import main
from bench.config import build_config
from bench.testing.driving import TensorDriving
from datasets.video_write import write_frames
from methods.base import AnimateOptions
from methods.fomm.method import FOMM
from methods.fomm.spec import SPEC as FOMM_SPEC
from methods.mraa.method import MRAA
from methods.mraa.spec import SPEC as MRAA_SPEC

State = Mapping[str, Tensor]
SHARED = Path(__file__).resolve().parents[5] / "shared"


# -- blocks ------------------------------------------------------------------------------------------------------
def conv(s: State, key: str, x: Tensor, pad: int | None = None) -> Tensor:
    w = s[f"{key}.weight"]
    return F.conv2d(x, w, s[f"{key}.bias"], padding=w.shape[-1] // 2 if pad is None else pad)


def norm(s: State, key: str, x: Tensor) -> Tensor:
    mean, var = (s[f"{key}.running_{name}"].view(1, -1, 1, 1) for name in ("mean", "var"))
    weight, bias = (s[f"{key}.{name}"].view(1, -1, 1, 1) for name in ("weight", "bias"))
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def same(s: State, key: str, x: Tensor) -> Tensor:
    return norm(s, f"{key}.norm", conv(s, f"{key}.conv", x)).relu()


def up(s: State, key: str, x: Tensor) -> Tensor:
    return same(s, key, x.repeat_interleave(2, 2).repeat_interleave(2, 3))


def residual(s: State, key: str, x: Tensor) -> Tensor:
    y = conv(s, f"{key}.conv1", norm(s, f"{key}.norm1", x).relu())
    return x + conv(s, f"{key}.conv2", norm(s, f"{key}.norm2", y).relu())


def count(s: State, prefix: str) -> int:
    return len({k[len(prefix) + 1 :].split(".")[0] for k in s if k.startswith(prefix + ".")})


def encoder(s: State, key: str, x: Tensor) -> list[Tensor]:
    levels = [x]
    for i in range(count(s, f"{key}.down_blocks")):
        levels.append(F.avg_pool2d(same(s, f"{key}.down_blocks.{i}", levels[-1]), 2))
    return levels


def hourglass(s: State, key: str, x: Tensor) -> Tensor:
    levels = encoder(s, f"{key}.encoder", x)
    out = levels.pop()
    for i in range(len(levels)):
        out = torch.cat([up(s, f"{key}.decoder.up_blocks.{i}", out), levels.pop()], 1)
    return out


def reduce(x: Tensor, scale: float) -> Tensor:
    """Gaussian of deviation (1/scale - 1)/2, zero padding, every (1/scale)-th pixel from the first."""
    sigma = (1 / scale - 1) / 2
    half = round(4 * sigma)
    line = torch.exp(-(torch.arange(-half, half + 1.0) ** 2) / (2 * sigma**2))
    kernel = (line[:, None] * line[None]) / line.sum() ** 2
    blurred = F.conv2d(F.pad(x, (half,) * 4), kernel.expand(3, 1, -1, -1), groups=3)
    return blurred[:, :, :: round(1 / scale), :: round(1 / scale)]


def mesh(h: int, w: int) -> Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    return torch.stack([x, y], -1)


# -- points ------------------------------------------------------------------------------------------------------
def heat_of(s: State, head: str, image: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    features = hourglass(s, "predictor", reduce(image, scale))
    logits = conv(s, head, features, pad=0)[0]
    return features, torch.softmax(logits.flatten(1) / 0.1, 1).view_as(logits)


def key_points(s: State, image: Tensor, scale: float) -> list[dict[str, Tensor]]:
    features, heat = heat_of(s, "kp", image, scale)
    maps = conv(s, "jacobian", features, pad=0)[0].unflatten(0, (-1, 4))
    found = []
    for k, h in enumerate(heat):
        place = (h[..., None] * mesh(*h.shape)).sum((0, 1))
        found.append({"p": place, "A": (h * maps[min(k, len(maps) - 1)]).sum((1, 2)).view(2, 2)})
    return found


def regions(s: State, image: Tensor, scale: float) -> list[dict[str, Tensor]]:
    found = []
    for h in heat_of(s, "regions", image, scale)[1]:
        grid = mesh(*h.shape)
        mean = (h[..., None] * grid).sum((0, 1))
        d = grid - mean
        covariance = (h[..., None, None] * d[..., :, None] * d[..., None, :]).sum((0, 1))
        u, spread, _ = torch.linalg.svd(covariance[None])
        found.append({"p": mean, "A": (u @ torch.diag_embed(spread.sqrt()))[0], "C": covariance})
    return found


def relative(source: Any, driving: Any, first: Any) -> list[dict[str, Tensor]]:
    areas = [ConvexHull(torch.stack([k["p"] for k in points]).numpy()).volume for points in (source, first)]
    scale = float(np.sqrt(areas[0]) / np.sqrt(areas[1]))
    return [
        d | {"p": (d["p"] - f["p"]) * scale + s["p"], "A": d["A"] @ torch.inverse(f["A"]) @ s["A"]}
        for s, d, f in zip(source, driving, first, strict=True)
    ]


def mlp(s: State, key: str, x: Tensor) -> Tensor:
    for i in (0, 3, 6):
        x = F.linear(x, s[f"{key}.{i}.weight"], s[f"{key}.{i}.bias"])
        n = f"{key}.{i + 1}"
        x = (x - s[f"{n}.running_mean"]) / (s[f"{n}.running_var"] + 1e-5).sqrt() * s[f"{n}.weight"] + s[f"{n}.bias"]
        x = x.relu()
    return F.linear(x, s[f"{key}.9.weight"], s[f"{key}.9.bias"])


def disentangled(s: State, source: Any, driving: Any) -> list[dict[str, Tensor]]:
    signs = [torch.sign((a["A"] @ torch.inverse(b["A"]))[0, 0]) for a, b in zip(source, driving, strict=True)]
    shape = torch.cat([torch.cat([a["p"], (a["A"] * g).flatten()]) for a, g in zip(source, signs, strict=True)])
    pose = torch.cat([torch.cat([b["p"], b["A"].flatten()]) for b in driving])
    out = mlp(s, "decoder", torch.cat([mlp(s, "pose_encoder", pose), mlp(s, "id_encoder", shape)]))
    matrices = [row[2:].view(2, 2) for row in out.view(-1, 6)]
    return [{"p": row[:2], "A": a, "C": a @ a.T} for row, a in zip(out.view(-1, 6), matrices, strict=True)]


# -- frames ------------------------------------------------------------------------------------------------------
def bump(point: dict[str, Tensor], grid: Tensor) -> Tensor:
    d = grid - point["p"]
    precision = torch.inverse(point["C"]) if "C" in point else torch.eye(2) / 0.01
    return torch.exp(-0.5 * torch.einsum("hwi,ij,hwj->hw", d, precision, d))


def motion(s: State, key: str, image: Tensor, source: Any, driving: Any, align: bool, scale: float) -> Any:
    small = reduce(image, scale)
    grid = mesh(*small.shape[2:])
    moves, parts = [grid], [torch.zeros(1, 1, *grid.shape[:2]), small_warp(small, grid, align)]
    for a, b in zip(source, driving, strict=True):
        local = a["A"] @ torch.inverse(b["A"])
        if "C" in a:
            local = local * torch.sign(local[0, 0])
        moves.append((grid - b["p"]) @ local.T + a["p"])
        parts += [(bump(b, grid) - bump(a, grid))[None, None], small_warp(small, moves[-1], align)]
    features = hourglass(s, f"{key}.hourglass", torch.cat(parts, 1))
    mask = torch.softmax(conv(s, f"{key}.mask", features), 1)[0]
    flow = sum(m[..., None] * move for m, move in zip(mask, moves, strict=True))
    return flow, torch.sigmoid(conv(s, f"{key}.occlusion", features))


def small_warp(image: Tensor, grid: Tensor, align: bool) -> Tensor:
    return F.grid_sample(image, grid[None], align_corners=align)


def frame(s: State, key: str, image: Tensor, flow: Tensor, occlusion: Tensor, align: bool, skips: bool) -> Tensor:
    def resized(x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)

    def blend(skip: Tensor, previous: Tensor | None) -> Tensor:
        warped = small_warp(skip, resized(flow.permute(2, 0, 1)[None], skip)[0].permute(1, 2, 0), align)
        seen = resized(occlusion, skip)
        return warped * seen + (0 if previous is None else previous * (1 - seen))

    levels = [same(s, "first", image)]
    for i in range(count(s, "down_blocks")):
        levels.append(F.avg_pool2d(same(s, f"down_blocks.{i}", levels[-1]), 2))
    out = blend(levels[-1], None)
    for i in range(count(s, "bottleneck")):
        out = residual(s, f"bottleneck.r{i}", out)
    for i in range(count(s, "up_blocks")):
        out = up(s, f"up_blocks.{i}", blend(levels[-1 - i], out) if skips else out)
    out = torch.sigmoid(conv(s, "final", blend(levels[0], out) if skips else out))
    return blend(image, out) if skips else out


@torch.no_grad()
def official(name: str, state: Any, mode: str, source: Tensor, driving: Tensor, align: bool, scale: float) -> Tensor:
    """The official animation, frame by frame, (n, 3, H, W)."""
    detector, find, flow_name = (
        (state["kp_detector"], key_points, "dense_motion_network")
        if name == "fomm"
        else (state["region_predictor"], regions, "pixelwise_flow_predictor")
    )
    points, first, made = find(detector, source, scale), find(detector, driving[:1], scale), []
    for image in driving.split(1):
        found = find(detector, image, scale)
        if mode == "relative":
            found = relative(points, found, first)
        elif mode == "avd":
            found = disentangled(state["avd_network"], points, found)
        flow, occlusion = motion(state["generator"], flow_name, source, points, found, align, scale)
        made.append(frame(state["generator"], flow_name, source, flow, occlusion, align, skips=name == "mraa"))
    return torch.cat(made)


# -- small networks ----------------------------------------------------------------------------------------------
def picture(seed: int, count: int = 1, size: int = 64) -> Tensor:
    small = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(small, size=size, mode="bicubic", align_corners=False).clamp(0, 1)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize(
    ("name", "mode"),
    [(n, m) for n, spec in (("fomm", FOMM_SPEC), ("mraa", MRAA_SPEC)) for m in spec.modes],
)
def test_frames_are_those_of_the_plain_computation(name: str, mode: str, align: bool) -> None:
    spec, build = (FOMM_SPEC, FOMM) if name == "fomm" else (MRAA_SPEC, MRAA)
    overrides = {"sample_align_corners": align} | ({"avd.residual": False} if name == "mraa" else {})
    torch.manual_seed(0)
    method: Any = build(build_config(spec, "tiny", "", overrides))  # type: ignore[arg-type]
    for key, value in method.nets.state_dict().items():  # statistics, biases and Jacobians as after a training
        if value.is_floating_point() and not key.endswith("down.weight"):
            noise = torch.randn(value.shape)
            value += 0.1 * (noise.abs() if key.endswith("running_var") else noise)
    state = {n: net.state_dict() for n, net in method.nets.items()}
    method.load_official(state)
    method.nets.eval()
    source, driving = picture(1), picture(2, 3)
    opened = method.encode({"rgb": source})
    made = torch.cat(list(method.animate(opened, TensorDriving(driving), AnimateOptions(mode))))
    wanted = official(name, state, mode, source, driving, align, scale=0.5)
    assert (wanted[1] - wanted[0]).abs().max() > 1e-3  # the driving video matters
    assert (made - wanted).abs().max() < 2e-4


# -- official sizes ----------------------------------------------------------------------------------------------
def official_state(name: str) -> dict[str, Any]:
    """A checkpoint with the official keys and shapes, and weights that are a function of the key."""
    spec = importlib.util.spec_from_file_location("golden_weights", SHARED / "golden" / "weights.py")
    assert spec and spec.loader
    weights = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weights)
    table = json.loads((SHARED / "state_dicts" / f"{name}_state_dict.json").read_text())["networks"]
    state: dict[str, Any] = {"epoch": 99}
    for net, facts in table.items():
        state[net] = {k: torch.from_numpy(v) for k, v in weights.fill(net, facts["state_dict"]).items()}
        for key, shape in facts["state_dict"].items():
            if key.endswith("down.weight"):
                line = torch.exp(-(torch.arange(-6.0, 7.0) ** 2) / (2 * 1.5**2))
                state[net][key] = ((line[:, None] * line[None]) / line.sum() ** 2).expand(shape).clone()
    return state


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason="needs the folder 'shared' beside the checkout")
@pytest.mark.parametrize(("name", "spec"), [("fomm", FOMM_SPEC), ("mraa", MRAA_SPEC)])
def test_official_checkpoints_give_the_official_frames_also_once_imported(name: str, spec: Any, tmp_path: Path) -> None:
    state = official_state(name)
    torch.save(state, tmp_path / "official.pth.tar")
    images = [(picture(seed, 1, 256)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8) for seed in (1, 2, 3)]
    write_frames(tmp_path / "photo", images[:1])
    write_frames(tmp_path / "drive", images[1:])
    imported = str(tmp_path / "imported.pt")
    assert main(["import-checkpoint", "--method", name, str(tmp_path / "official.pth.tar"), "--out", imported]) == 0
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    for mode in spec.modes:
        out = tmp_path / mode
        args = ["animate", "--method", name, "--checkpoint", imported, "--mode", mode, "--device", "cpu"]
        args += ["--source", str(tmp_path / "photo" / "000000.png"), "--driving", str(tmp_path / "drive")]
        assert main([*args, "--out", str(out)]) == 0
        made = np.stack([cv2.imread(str(path))[..., ::-1] for path in sorted(out.glob("*.png"))])
        wanted = official(name, state, mode, batch[:1], batch[1:], align=name == "fomm", scale=0.25)
        assert np.abs(made - wanted.permute(0, 2, 3, 1).numpy() * 255).mean() < 0.5, mode
