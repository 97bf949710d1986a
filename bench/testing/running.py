"""Run the toy method, or die by SIGKILL on the way: ``python -m bench.testing.running RUNS [WHAT DONE]``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from bench.run import execute
from bench.spec import RunSpec, resolve


def main(runs: str, what: str = "", at: str = "0") -> None:
    """``what`` is the beginning of a progress label (``train``, ``generate self``), ``at`` the number done."""

    def progress(done: int, total: int, label: str) -> None:
        if what and label.removeprefix("toy: ").startswith(what) and done == int(at):
            os.kill(os.getpid(), signal.SIGKILL)

    execute(resolve(toy_spec(Path(runs))), progress)


def toy_spec(runs: Path) -> RunSpec:
    """The toy method on the toy world, in seconds."""
    short = {"batch": 2, "appearance_steps": 3, "video_steps": 4, "width": 4, "frames": 2}
    return RunSpec("toy", "toy-world:32x8", "tiny", overrides=short, device="cpu", track="none", runs=runs)


if __name__ == "__main__":
    main(*sys.argv[1:])
