"""The verb `pack`."""

from __future__ import annotations

from typing import Annotated

import typer

from fasdata.commands.offered import offering
from fasdata.commands.options import Data, own_view, processes

app = typer.Typer()


@app.command(
    cls=offering("view"),
    epilog="Example: fasdata pack --protocol CIO-M --view mxnet-256 --codec raw --data data. Interrupted? The same "
    "command continues.",
)
def pack(
    protocol: Annotated[str, typer.Option(help="A built protocol, in any common spelling: CIO-M, SCP2W …")],
    view: Annotated[
        str,
        typer.Option(
            help="fas-256, mxnet-256, arcface-112, box, box-224 or square; with parameters: "
            "'fas-256(eye_dist=0.35,eye_y=0.45,border=reflect)', 'box(resize=linear)'; or your own, FILE.py:NAME."
        ),
    ],
    recipe: Annotated[str, typer.Option(help="The recipe that the protocol was built with.")] = "standard",
    size: Annotated[
        int | None, typer.Option(min=8, max=4096, help="Side of the views, pixels. Default: the view's own.")
    ] = None,
    codec: Annotated[
        str,
        typer.Option(help="raw: fastest to read; png, webp: smaller, the same pixels; jpeg:N: quality N."),
    ] = "raw",
    parts: Annotated[str, typer.Option(help="The parts, separated by commas.")] = "train,val,test",
    data: Data = None,
    workers: Annotated[int, typer.Option("--workers", "-j", min=0, help="Threads; 0 = one per core.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")] = False,
) -> None:
    """Render the views of a protocol in advance, so that training reads them instead of warping stored faces."""
    from fasdata.faces.view import View
    from fasdata.library import Library
    from fasdata.packs.make import describe_plan, describe_report, make_pack, plan_pack

    named = [part.strip() for part in parts.split(",")]
    library = Library.locate(data)
    plan = plan_pack(protocol, recipe, library, View.named(own_view(view), size), codec, named)
    typer.echo(describe_plan(plan))
    if dry_run:
        return
    with plan.manifest.in_use(library):
        typer.echo(describe_report(plan, make_pack(plan, workers=processes(workers))))
