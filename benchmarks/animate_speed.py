"""Time of streaming animation against a plain loop, official sizes, 256 px, on this machine's CPU.

The plain peer is the same networks used as the official demo uses them: one frame at a time, the source's key points
cached but its encoder features, reduced image and the second (detached) set of warped features computed for every
frame. Rounds are interleaved; the numbers are medians. Run it alone:

    python benchmarks/animate_speed.py --threads 2 --rounds 5
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.testing.driving import TensorDriving
from methods.base import AnimateOptions
from methods.tps.config import TPSConfig
from methods.tps.method import TPS


@torch.no_grad()
def plain(method: TPS, source: Tensor, driving: Tensor) -> Tensor:
    """Animate frame by frame, recomputing what belongs to the source; (n, 3, H, W)."""
    nets: Any = method.nets
    dense, inpainting = nets["dense_motion_network"], nets["inpainting_network"]
    kp_source = nets["kp_detector"](source)
    made = []
    for frame in driving.split(1):
        motion = dense(dense.down(source), kp_source, nets["kp_detector"](frame))
        features = inpainting.encode(source)
        inpainting.warp_features([f.detach() for f in features], motion)  # the official forward pass makes both
        made.append(inpainting(features, source, motion)[0])
    return torch.cat(made)


def streamed(method: TPS, source: Tensor, driving: Tensor, precision: str) -> Tensor:
    """Animate through the method's own interface."""
    options = AnimateOptions("standard", precision=precision)
    return torch.cat(list(method.animate(method.encode({"rgb": source}), TensorDriving(driving), options)))


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of two tensors in [0, 1]."""
    return float(-10 * torch.log10((a - b).square().mean()))


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a machine that others use too"
    )
    args = parser.parse_args()
    clock = time.perf_counter if args.clock == "wall" else time.process_time
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    method = TPS(TPSConfig())
    method.nets.eval()
    source, driving = torch.rand(1, 3, args.size, args.size), torch.rand(args.frames, 3, args.size, args.size)
    runs: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: plain(method, source, driving),
        "fp32": lambda: streamed(method, source, driving, "fp32"),
        "bf16": lambda: streamed(method, source, driving, "bf16"),
    }
    outputs = {name: run() for name, run in runs.items()}  # also the warm-up
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(args.rounds):
        for name, run in runs.items():
            begun = clock()
            run()
            times[name].append((clock() - begun) / args.frames)
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"plain {median['plain']:.3f} s a frame ({args.clock} time, {args.threads} threads)")
    for name in ("fp32", "bf16"):
        error = (outputs[name] - outputs["plain"]).abs().max().item()
        quality = f"max difference {error:.1e}, {psnr(outputs[name], outputs['plain']):.1f} dB"
        print(f"{name}  {median[name]:.3f} s a frame, ratio {median[name] / median['plain']:.3f}, {quality}")


if __name__ == "__main__":
    main()
