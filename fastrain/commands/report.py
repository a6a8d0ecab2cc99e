"""The verb `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.errors import UserError
from fastrain.commands.options import NoFaces

app = typer.Typer()


@app.command(epilog="Example: fastrain report runs/a runs/b runs/c --control runs/shuffled --out report.html")
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders; the first is shown in full.")],
    control: Annotated[
        list[Path] | None, typer.Option(help="A run with shuffled training labels; repeat for more.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: report.html of the first run.")] = None,
    no_faces: NoFaces = False,
) -> None:
    """Write one self-contained HTML report on a run, or on a run and its repetitions."""
    from fastrain.report.run_report import write_report

    if out is not None and out.is_dir():
        raise UserError(f"{out} is a folder", expected="the name of an HTML file")
    target = out or folders[0] / "report.html"
    write_report(folders, target, control=control or [], faces=not no_faces)
    typer.echo(f"report: {target}")
