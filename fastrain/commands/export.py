"""The verb `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrain.commands.options import Sign, With

app = typer.Typer()


@app.command(epilog="Example: fastrain export runs/erm-seed0 --out pad.fasb. Then: fastrain predict pad.fasb face.jpg")
def export(
    run: Annotated[Path, typer.Argument(help="A finished or imported run; or a bundle, to --sign it.")],
    out: Annotated[Path, typer.Option(help="The bundle to write.")],
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
) -> None:
    """Write a run into one file that finds faces, scores and decides without torch, once it was seen to agree."""
    from fastrain.bundle.export import ExportRequest, export

    request = ExportRequest(
        run, out, threshold, precision, commercial, allow_drift, detector, detector_model, tuple(clips or ()), name,
        sign,
    )  # fmt: skip
    typer.echo(export(request))
