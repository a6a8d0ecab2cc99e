"""The verb `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()


@app.command(epilog="Example: fasdata report CASIA-FASD OULU-NPU --data data --out faces.html")
def report(
    datasets: Annotated[
        list[str] | None, typer.Argument(metavar="DATASET...", help="Extracted datasets. Default: all of the library.")
    ] = None,
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: report.html, in the library.")] = None,
    faces: Annotated[
        bool, typer.Option("--faces", help="Include pictures of people. Without it no pixel of a face is in the file.")
    ] = False,
    sample: Annotated[
        int, typer.Option(min=0, help="Number of stored frames per dataset to measure sharpness and brightness on.")
    ] = 1000,
) -> None:
    """Write one self-contained HTML report on extracted datasets: counts, losses, faces, duplicates, provenance."""
    from fasdata.errors import UserError
    from fasdata.library import Library
    from fasdata.report.dataset_report import asked_stores, write_dataset_report

    library = Library.locate(data)
    target = out or library.root / "report.html"
    if target.is_dir():
        raise UserError(f"{target} is a folder", expected="the name of an HTML file")
    stores = asked_stores(library, datasets or [])
    with library.in_use(folder.name for folder in stores):
        write_dataset_report(stores, target, faces=faces, sample=sample)
    typer.echo(f"report: {target}")
    if faces:
        typer.echo("It holds pictures of people: handle it as the licences of the datasets require.", err=True)
