"""The command line. A verb's module is imported only when that verb runs, so ``bench --help`` is instant."""

from __future__ import annotations

import sys
from importlib import import_module

#: verb -> (module, one line). A verb's module defines ``app``, a Typer application.
VERBS: dict[str, tuple[str, str]] = {
    "run": ("bench.cli.run", "train, generate, evaluate, record and refresh the report"),
    "train": ("bench.cli.train", "train only"),
    "animate": ("bench.cli.animate", "animate one photo with one driving video"),
    "evaluate": ("bench.cli.evaluate", "score folders of videos against references"),
    "export": ("bench.cli.export", "write a protocol's pairs as plain files, for any program"),
    "import": ("bench.cli.import_predictions", "score a program's predictions as a row of the boards"),
    "ablate": ("bench.cli.ablate", "run a method's variants and tabulate them"),
    "sweep": ("sweeps.cli", "tune methods on the validation split, each on the same budget"),
    "matrix": ("bench.cli.matrix", "methods x variants x data sets x seeds x presets, in one go"),
    "cite": ("bench.cli.cite", "BibTeX, protocol paragraph and LaTeX table of a run or a board"),
    "submit": ("bench.cli.submit", "pack a row for others, verify what others submitted"),
    "report": ("bench.cli.report", "write the static HTML report"),
    "study": ("bench.cli.study", "ask people: build a study page, read the answers"),
    "list": ("bench.cli.list", "methods, datasets, metrics, runs"),
    "show": ("bench.cli.show", "one run, method, dataset or metric in full"),
    "check": ("bench.cli.check", "try a method against the interface"),
    "new": ("bench.cli.new", "scaffold a method plugin"),
    "data": ("bench.cli.data", "list, prepare, annotate, verify and export datasets"),
    "weights": ("bench.cli.weights", "list, fetch, add and verify pretrained weights"),
    "import-checkpoint": ("bench.cli.import_checkpoint", "turn an official checkpoint into one of this suite"),
    "doctor": ("bench.cli.doctor", "check the installation"),
}


def _help() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {text}" for verb, (_, text) in VERBS.items()]
    return "\n".join(
        ["Usage: bench VERB [OPTIONS]", "", "Benchmark suite for human motion transfer.", "", "Verbs:", *lines, "",
         "Examples:",
         "  bench run --method tps --dataset synthetic",
         "  bench list methods",
         "  bench run --help",
         "",
         "Exit status: 0 done; 1 internal error; 2 wrong usage; 3 something is missing; 4 training failed;",
         "5 generation or evaluation failed; 6 finished with failed cells; 130, 143 interrupted, state saved."]
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return the exit status; errors become one sentence on standard error."""
    args = [*(sys.argv[1:] if argv is None else argv)]  # not list(): bench.cli.list is a submodule once it is loaded
    if not args or args[0] in ("-h", "--help"):
        print(_help())
        return 0 if args else 2
    if args[0] == "--version":
        from bench import __version__

        print(f"bench {__version__}")
        return 0
    from bench.cli.boundary import run_verb

    return run_verb(args[0], args[1:], VERBS, import_module)
