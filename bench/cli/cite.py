"""``bench cite``: what a paper prints of a row or a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt

app = opt.application()


@app.command(
    epilog=opt.examples(
        "bench cite cross-animation@1",
        "bench cite 1a2b3c4d",
        "bench cite synthetic/tps/quick-s0-1a2b3c4d",
        "",
        "Prints BibTeX of suite, data, methods and judges, a paragraph on the protocol, and the table in LaTeX.",
    )
)
def cite(
    name: Annotated[str, typer.Argument(help="A run (any part of its folder), a protocol, or a board's hash.")],
    runs: opt.Runs = Path("runs"),
) -> None:
    """Print BibTeX, the protocol paragraph and the LaTeX table of a run or a board."""
    from leaderboard.cite import bibtex, find_cited, latex, paragraph

    found = find_cited(runs, name)
    typer.echo(f"% BibTeX\n{bibtex(found)}")
    for cited in found:
        typer.echo(f"% Protocol\n{paragraph(cited)}\n\n% Table\n{latex(cited)}")
