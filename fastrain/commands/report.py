"""The verb `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.errors import UserError
from fastrain.commands.options import Faces

app = typer.Typer()


@app.command(
    epilog="Example: fastrain report runs/a runs/b runs/c --control runs/shuffled --out report.html. The sheet of "
    "ISO/IEC 30107-3 alone, one page: fastrain report runs/a --sheet sheet.html --product 'Gate 3' --bundle pad.fasb"
)
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders; the first is shown in full.")],
    control: Annotated[
        list[Path] | None, typer.Option(help="A run with shuffled training labels; repeat for more.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: report.html of the first run.")] = None,
    faces: Faces = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Write the sheet of ISO/IEC 30107-3 to this file, and no report without --out.")
    ] = None,
    product: Annotated[str, typer.Option(help="What the sheet calls what was tested. Default: the run's name.")] = "",
    bundle: Annotated[Path | None, typer.Option(help="The bundle of the run: the sheet states its hash.")] = None,
) -> None:
    """Write one self-contained HTML report on a run, or on a run and its repetitions."""
    from fastrain.report.run_report import write_report

    for path in (out, sheet):
        if path is not None and path.is_dir():
            raise UserError(f"{path} is a folder", expected="the name of an HTML file")
    if (product or bundle) and sheet is None:
        raise UserError("--product and --bundle are lines of the sheet", do="name its file: --sheet sheet.html")
    if sheet is not None:
        from fastrain.bundle.said_of_run import bundle_of_run
        from fastrain.report.iso_sheet import write_sheet

        write_sheet(folders, sheet, product=product, bundle=bundle_of_run(bundle, folders[0]) if bundle else "")
        typer.echo(f"sheet: {sheet}")
        if out is None:
            return
    target = out or folders[0] / "report.html"
    write_report(folders, target, control=control or [], faces=faces)
    typer.echo(f"report: {target}")
