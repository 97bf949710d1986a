"""``bench check``: try a method against the interface."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as opt
from bench.cli.text import one_line, print_json
from datasets.errors import GenerationError

if TYPE_CHECKING:
    from bench.check.base import Result

app = opt.application()
MARKS = {"pass": "ok  ", "fail": "FAIL", "skip": "-   "}


@app.command(
    epilog=opt.examples(
        "bench check tps",
        "bench check my-method --only memory",
        "bench check my-method --json",
        "bench check my-method --dataset folder:videos",
        "",
        "Exit status: 0 where nothing fails, 5 where something does.",
    )
)
def check(
    method: Annotated[str, typer.Argument(help="Registered method (bench list methods).")],
    dataset: Annotated[
        str, typer.Option("--dataset", help="Try it on these data (preset tiny); default: a built-in toy world.")
    ] = "",
    device: opt.Device = "cpu",
    only: Annotated[str, typer.Option("--only", help="Try only the checks whose title holds this text.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Try a method against the interface: one pass/fail line a promise."""
    from bench.check import check_method

    results = check_method(method, dataset, device, only, None if as_json else _say)
    count = {status: sum(r.status == status for r in results) for status in MARKS}
    if as_json:
        print_json({"method": method, **count, "checks": [asdict(r) for r in results]})
    else:
        seconds = sum(r.seconds for r in results)
        typer.echo(f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped in {seconds:.0f} s")
    failed = [r.title for r in results if r.status == "fail"]
    if failed:
        raise GenerationError(
            f"{method} fails {len(failed)} of {len(results)} checks",
            f"the first: {failed[0]} (docs/tutorial.md explains them)",
        )


def _say(result: Result) -> None:
    detail = one_line(result.detail)
    typer.echo(f"{MARKS[result.status]}  {result.title}" + (f": {detail}" if detail else ""))
