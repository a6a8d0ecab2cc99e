"""The verb `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrain.commands.options import Sign, With

app = typer.Typer()


@app.command(
    epilog="Example: fastrain export runs/erm-seed0 --out pad.fasb --card card.md. "
    "Then: fastrain predict pad.fasb face.jpg"
)
def export(
    run: Annotated[Path, typer.Argument(help="A finished or imported run; or a bundle, to --sign it.")],
    out: Annotated[
        Path | None, typer.Option(help="The bundle to write. It may be left out where a bundle's --card is all.")
    ] = None,
    threshold: Annotated[
        str, typer.Option(help="A number, or a policy of the run's results. Default: the sources' own, source_eer.")
    ] = "",
    precision: Annotated[
        str, typer.Option(help="fp32; or fp16 or int8, which may change half a per cent of the decisions.")
    ] = "fp32",
    commercial: Annotated[
        bool, typer.Option("--commercial", help="Refuse where the terms of any part bar commercial use.")
    ] = False,
    allow_drift: Annotated[
        bool, typer.Option("--allow-drift", help="Write the bundle though it answers otherwise; its report says so.")
    ] = False,
    detector: Annotated[
        str, typer.Option(help="The face detector, where the run's stores are of another or not here.")
    ] = "",
    detector_model: Annotated[str, typer.Option(help="The file of a detector that needs one.")] = "",
    clips: Annotated[
        list[Path] | None, typer.Option(help="Pictures, videos or folders whose faces are compared too.")
    ] = None,
    with_: With = None,
    name: Annotated[str, typer.Option(help="What the bundle is called. Default: method and protocol.")] = "",
    sign: Sign = None,
    card: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the model card, which is in the bundle, here too.")
    ] = None,
) -> None:
    """Write a run into one file that finds faces, scores and decides without torch, once it was seen to agree."""
    from fasdata.errors import UserError
    from fastrain.bundle.export import ExportRequest, export
    from fastrain.bundle.model_card import write_card

    if out is None:
        if card is None:
            raise UserError("there is nothing to write", expected="--out FILE, the bundle; or --card FILE of a bundle")
        typer.echo(write_card(run, card))
        return
    request = ExportRequest(
        run, out, threshold, precision, commercial, allow_drift, detector, detector_model, tuple(clips or ()), name,
        sign,
    )  # fmt: skip
    typer.echo(export(request))
    if card is not None:
        typer.echo(write_card(out, card))
