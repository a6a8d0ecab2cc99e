"""The verb `leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command(epilog="Example: fastrain leaderboard sweeps/mcio --out site")
def leaderboard(
    sweeps: Annotated[list[Path], typer.Argument(metavar="SWEEP...", help="Folders of sweeps.")],
    out: Annotated[Path, typer.Option(help="The folder of the pages.")],
    resamples: Annotated[int, typer.Option(min=100, help="Of the bootstrap over people.")] = 10_000,
) -> None:
    """Write static pages of sweeps: a table that sorts, a page a method with its runs, and what papers claim."""
    from fastrain.sweep.leaderboard import leaderboard as write_pages

    pages = write_pages(sweeps, out, resamples=resamples)
    typer.echo(f"leaderboard: {pages[0]} and {len(pages) - 1} pages of methods")
