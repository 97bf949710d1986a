"""Time of a TPS training step through the method interface against a plain loop with the same networks and losses.

The plain peer is written out below as the official training loop is: forward passes, the weighted losses, one backward,
clipping, Adam. Rounds are interleaved; the numbers are medians. Run it alone:

    python benchmarks/train_step_speed.py --preset quick --threads 2
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.config import build_config
from methods.base import Player, StepInfo
from methods.layers.perceptual import PerceptualLoss
from methods.tps.background import consistency
from methods.tps.config import TPSConfig
from methods.tps.dense_motion import DenseMotionNetwork
from methods.tps.inpainting import InpaintingNetwork
from methods.tps.method import TPS
from methods.tps.spec import SPEC
from methods.tps.transform import random_spline, transform_frame


def optimiser_step(method: TPS, player: Player, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """What both loops do with a loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    for name in player.clip_nets or ():
        nn.utils.clip_grad_norm_(method.nets[name].parameters(), player.clip_norm or 0.0, player.clip_type)
    optimizer.step()


def plain_loss(method: TPS, perceptual: PerceptualLoss, source: Tensor, driving: Tensor, drop: float) -> Tensor:
    """Sum of the weighted losses of stage 1, computed one after another."""
    nets: Any = method.nets
    weights = method.config.loss
    dense: DenseMotionNetwork = nets["dense_motion_network"]
    inpainting: InpaintingNetwork = nets["inpainting_network"]
    detector, predictor = nets["kp_detector"], nets["bg_predictor"]
    kp_source, kp_driving = detector(source), detector(driving)
    background = predictor(source, driving)
    motion = dense(dense.down(source), kp_source, kp_driving, background, drop)
    features = inpainting.encode(source)
    prediction, _ = inpainting(features, source, motion)
    spline = random_spline(len(driving), driving.device)
    transformed = detector(transform_frame(spline, driving))
    return (
        weights.perceptual * perceptual(prediction, driving)
        + weights.l1 * F.l1_loss(prediction, driving)
        + weights.equivariance * F.l1_loss(spline(transformed.unsqueeze(1))[:, 0], kp_driving)
        + weights.warp * inpainting.warp_loss(features, driving, motion)
        + weights.background * consistency(background, predictor(driving, source))
    )


def loops(preset: str, size: int, batch: int) -> dict[str, Callable[[], None]]:
    """Name -> one training step; both train networks of their own on the same batch."""
    config: Any = build_config(SPEC, preset)
    assert isinstance(config, TPSConfig)
    perceptual = PerceptualLoss(config.loss.network, config.loss.scales, pretrained=False)
    source, driving = torch.rand(batch, 3, size, size), torch.rand(batch, 3, size, size)
    info = StepInfo(config.train.steps // 20, config.train.steps)  # epoch 5 of 100
    drop = config.train.dropout_max * 0.5
    made: dict[str, Callable[[], None]] = {}
    for name in ("plain", "method"):
        method = TPS(config)
        method.use_perceptual(perceptual)
        player = method.stages()[0].players["generator"]
        parameters = [p for net in player.nets for p in method.nets[net].parameters()]
        optimizer = torch.optim.Adam(parameters, player.lr, player.betas, weight_decay=player.weight_decay, fused=True)

        def plain(m: TPS = method, p: Player = player, o: torch.optim.Optimizer = optimizer) -> None:
            optimiser_step(m, p, o, plain_loss(m, perceptual, source, driving, drop))

        def step(m: TPS = method, p: Player = player, o: torch.optim.Optimizer = optimizer) -> None:
            batch = {"source": source, "driving": driving}
            m.step(m.stages()[0], batch, lambda _, loss: optimiser_step(m, p, o, loss), info)

        made[name] = plain if name == "plain" else step
    return made


def main() -> None:
    """Print both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a shared machine")
    args = parser.parse_args()
    clock = time.perf_counter if args.clock == "wall" else time.process_time
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    steps = loops(args.preset, args.size, args.batch)
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(args.rounds):
        for name, step in steps.items():
            begun = clock()
            step()
            times[name].append(clock() - begun)
    plain, method = statistics.median(times["plain"]), statistics.median(times["method"])
    print(f"plain {plain:.3f} s, method {method:.3f} s, ratio {method / plain:.3f} ({args.clock} time)")


if __name__ == "__main__":
    main()
