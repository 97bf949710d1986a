"""``python -m sweeps.trial SPEC``: one trial as an executor starts it. It trains an ordinary run, never looks at the
test split, scores the validation split, and leaves its values in a file."""

from __future__ import annotations

import json
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bench.cli import options as opt
from datasets.files import write_json

if TYPE_CHECKING:
    from bench.spec import Run
    from methods.base import Method

app = opt.application()


@app.command()
def trial(spec: Path) -> None:
    """Run the trial of a spec file."""
    from bench.outcome import terminable
    from bench.progress import Progress
    from bench.spec import resolve
    from bench.unit import read_spec

    asked, more = read_spec(spec)
    result = Path(more["result"])
    if result.is_file():
        typer.echo(f"{result}: was complete")
        return
    with terminable(), Progress() as progress:
        run = resolve(asked, test=False)
        method = _trained(run, more, progress)
        values = _values(run, method, more, progress)
    write_json(result, {"values": values, "costs": _costs(run, method), "run": run.folder.as_posix()})
    typer.echo(f"{result}: {json.dumps(values)}")


def _trained(run: Run, more: dict[str, Any], progress: Any) -> Method | None:
    """The method with its networks, and the trial noted in its run; None where nothing has to be generated."""
    from bench.checkpoints import load_networks
    from bench.run import execute, load_run_method

    if not run.trains:
        method = run.build()
        if run.spec.checkpoint is not None:
            load_networks(method, run.spec.checkpoint)
            method.nets.eval()
        return method
    folder = execute(run, progress, train_only=True).folder
    with folder.lock():
        known = folder.json.get("sweeps", {})
        folder.update(sweeps=known | {more["sweep"]["name"]: more["sweep"]})
    return load_run_method(run, folder) if more["metrics"] else None


def _values(run: Run, method: Method | None, more: dict[str, Any], progress: Any) -> dict[str, float]:
    from bench.generate import Rendering
    from bench.spec import resolve_device
    from sweeps.validation import ValidationView, score_validation

    if method is None:
        return {}
    run.dataset.prepare(("val",), (), progress)
    looks = Path(more["looks"])

    def each(clip: str, value: float) -> None:
        with looks.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"clip": clip, "value": value}) + "\n")

    one_by_one = each if run.spec.checkpoint is not None else None
    if one_by_one is not None:
        looks.parent.mkdir(parents=True, exist_ok=True)
        looks.write_text("", encoding="utf-8")
    view = ValidationView(run.dataset, int(more["clips"]), int(more["frames"]))
    rendering = Rendering(resolve_device(run.spec.device), run.spec.precision)
    return score_validation(method, view, more["metrics"], run.mode, looks.with_suffix(""), rendering, progress,
                            one_by_one)  # fmt: skip


def _costs(run: Run, method: Method | None) -> dict[str, float]:
    """Seconds of training in all attempts; peak memory of this process in bytes (of the GPU, where there is one)."""
    from bench.spec import resolve_device
    from bench.store import RunFolder

    training = RunFolder(run.folder).json["training"] if run.trains else {}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    device = resolve_device(run.spec.device)
    if device.type == "cuda":
        import torch

        memory = torch.cuda.max_memory_allocated(device)
    parameters = training.get("parameters") or (sum(p.numel() for p in method.nets.parameters()) if method else 0)
    return {
        "cost.seconds": float(training.get("seconds", 0.0)), "cost.memory": float(memory),
        "cost.parameters": float(parameters),
    }  # fmt: skip


def main() -> int:
    """The process: errors become one sentence and the documented exit status."""
    from bench.cli.boundary import run_verb

    return run_verb("trial", sys.argv[1:], {"trial": ("sweeps.trial", "")}, import_module)


if __name__ == "__main__":
    sys.exit(main())
