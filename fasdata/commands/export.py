"""The verb `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.offered import offering
from fasdata.commands.options import Data, Workers, own_view, processes

app = typer.Typer()


@app.command(
    cls=offering("view"),
    epilog="Example: fasdata export --as metapattern --protocol CIO-M --recipe hfn_mp --data data --out hfn_mp_data",
)
def export(
    layout: Annotated[
        str, typer.Option("--as", help="Whose layout: metapattern, safas (GAC-FAS too), flip, mmdg, webdataset.")
    ],
    protocol: Annotated[str, typer.Option(help="Protocol in any common spelling: CIO-M, SCP2W …")],
    out: Annotated[Path, typer.Option(help="The folder to write: new, empty, or this same export, to continue it.")],
    recipe: Annotated[str, typer.Option(help="How a paper realises the protocol.")] = "standard",
    data: Data = None,
    view: Annotated[
        str,
        typer.Option(
            help="How faces are cut: a view (also FILE.py:NAME) or native (the box as it is). Default: the layout's."
        ),
    ] = "",
    codec: Annotated[str, typer.Option(help="png, or jpeg:98 with its quality. Default: the layout's.")] = "",
    sidecars: Annotated[
        str,
        typer.Option(
            help="Only for safas: plain, or safas, which SA-FAS's own code opens by unpickling (GAC-FAS needs neither)."
        ),
    ] = "",
    workers: Workers = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and stop.")] = False,
) -> None:
    """Write the pictures and lists of a protocol as other projects' own code reads them."""
    from fasdata.exchange.export import Request, describe_plan, describe_report, manifest_for, plan_export, run_export
    from fasdata.exchange.safas import layout_options
    from fasdata.library import Library

    request = Request(layout, out, own_view(view), codec, layout_options(layout, sidecars))
    library = Library.locate(data)
    manifest = manifest_for(protocol, recipe, library, build=not dry_run)
    plan = plan_export(request, manifest, manifest.open_stores(library))
    typer.echo(describe_plan(plan))
    if not dry_run:
        with manifest.in_use(library):
            typer.echo(describe_report(plan, run_export(plan, workers=processes(workers))))
