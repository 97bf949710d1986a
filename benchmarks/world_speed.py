"""CPU time a frame of the synthetic world against the prototype that it grew from.

    python benchmarks/world_speed.py [--prototype shared/prototype/synth_proto.py] [--rounds 10]

Both render the same people in the same motions and scenes under the same cameras, with the same outputs (RGB at two
samples a pixel side, IUV, both parsings, mask, key points, flow and occlusion). Rounds are interleaved in one process;
the median of the ratios is printed. The bar is 1.10. Where the prototype is not at hand, only our own time is shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from datasets.synthetic.body import Body  # noqa: E402
from datasets.synthetic.camera import CameraPath  # noqa: E402
from datasets.synthetic.motion import sample_motion  # noqa: E402
from datasets.synthetic.renderer import Renderer  # noqa: E402
from datasets.synthetic.scene import sample_scene  # noqa: E402
from datasets.synthetic.store import render_frame  # noqa: E402

BAR = 1.10
PROTOTYPE = ROOT / ".." / "shared" / "prototype" / "synth_proto.py"
# The prototype's camera: where it looks and how much it sees, for a person of 1.72 m.
_LOOK = {"full": 0.53, "upper": 0.76, "head": 0.885}
_SPAN = {"full": 1.22, "upper": 0.64, "head": 0.30}
_HEIGHT = 1.72


def load_prototype(path: Path) -> ModuleType:
    """Import the prototype from its file."""
    spec = importlib.util.spec_from_file_location("synth_proto", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["synth_proto"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def our_renderer(seed: int, framing: str, moving: bool, size: int) -> Renderer:
    """Identity, motion and scene ``seed`` under the prototype's camera."""
    scene = sample_scene(seed)
    sway = scene.sway if moving else (0.0, 0.0, 0.0, 0.0)
    look, span, above = _LOOK[framing] * _HEIGHT, _SPAN[framing] * _HEIGHT, 0.02 * _HEIGHT
    camera = CameraPath(scene.fov, (0.0, look), span, sway, scene.phase, above)
    return Renderer(Body.of(seed), sample_motion(seed), scene, camera, (size, size))


def prototype_renderer(prototype: ModuleType, seed: int, framing: str, size: int) -> Any:
    """The same in the prototype, where the scene's seed decides whether the camera moves (``renderer.sc.moving``)."""
    scene = prototype.Scene(seed, framing)
    return prototype.Renderer(prototype.Identity(seed), prototype.Motion(seed, 64), scene, (size, size))


def our_frame(renderer: Renderer, k: int) -> dict[str, Any]:
    """All outputs of a frame that the prototype has too."""
    return render_frame(renderer, None, k, ("rgb", "labels", "flow"))


def seconds_a_frame(frame: Callable[[int], Any], frames: range) -> float:
    """CPU seconds a frame."""
    start = time.process_time()
    for k in frames:
        frame(k)
    return (time.process_time() - start) / len(frames)


def measure(size: int, rounds: int, prototype: ModuleType | None, frames: int = 6) -> tuple[float, float | None]:
    """Median milliseconds a frame of ours, and the median ratio to the prototype (None without it)."""
    ours, ratios = [], []
    for i in range(rounds):
        framing = ("full", "upper", "head")[i % 3]
        theirs = prototype_renderer(prototype, i, framing, size) if prototype else None
        mine = our_renderer(i, framing, theirs.sc.moving if theirs is not None else i % 2 == 1, size)
        our_frame(mine, 0)
        if theirs is not None:
            theirs.frame(0)
        a = seconds_a_frame(lambda k, r=mine: our_frame(r, k), range(1, 1 + frames))
        ours.append(a * 1e3)
        if theirs is not None:
            ratios.append(a / seconds_a_frame(theirs.frame, range(1, 1 + frames)))
    return statistics.median(ours), statistics.median(ratios) if ratios else None


def main() -> int:
    """Print a line for each size; 1 if a ratio is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prototype", type=Path, default=PROTOTYPE)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    prototype = load_prototype(options.prototype) if options.prototype.is_file() else None
    failed = False
    for size in (64, 128):
        ms, ratio = measure(size, options.rounds, prototype)
        against = "no prototype to compare with" if ratio is None else f"{ratio:.2f} of the prototype (bar {BAR:.2f})"
        print(f"{size:4d} px: {ms:5.1f} ms CPU a frame, {against}")
        failed |= ratio is not None and ratio > BAR
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
