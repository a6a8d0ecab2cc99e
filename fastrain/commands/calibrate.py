"""The verb `calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrain.commands.options import BonafideIs, Columns, HigherIs, MapAttack, Sign

app = typer.Typer()


@app.command(
    epilog="Example: fastrain calibrate pad.fasb --on mylab --out mylab.fasb. With a zone without an answer: "
    "fastrain calibrate pad.fasb --scores lab.csv --no-answer 'apcer<=0.1' --out lab.fasb"
)
def calibrate(
    bundle: Annotated[Path, typer.Argument(help="What 'fastrain export' wrote.")],
    out: Annotated[Path, typer.Option(help="The new bundle.")],
    on: Annotated[str, typer.Option(metavar="DATASET", help="A dataset of the library: clips made at the place.")] = "",
    scores: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Or scores of this bundle on such clips, in any form of eval's.")
    ] = None,
    policy: Annotated[
        str, typer.Option(help="What the threshold promises about people who were not among the clips.")
    ] = "bpcer<=0.05",
    no_answer: Annotated[
        str, typer.Option(metavar="POLICY", help="A promise of the other rate; what keeps neither gets no answer.")
    ] = "",
    data: Annotated[str, typer.Option(help="The library of --on. Default: $FASDATA_DATA, else data.")] = "",
    subjects: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Who is who in --scores: columns id, subject.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="The page of what changes. Default: beside the new bundle.")] = None,
    detector_model: Annotated[
        str, typer.Option(help="The detector's file, where its licence kept it out of the bundle.")
    ] = "",
    sign: Sign = None,
    higher_is: HigherIs = "",
    bonafide_is: BonafideIs = "",
    columns: Columns = "",
    map_: MapAttack = None,
) -> None:
    """Give a bundle a threshold for a place, from clips of some of its people; refused where they are too few."""
    from fastrain.bundle.calibrate import CalibrateRequest
    from fastrain.bundle.calibrate import calibrate as run
    from fastrain.evaluation.score_columns import Reading

    reading = Reading.of(higher_is, bonafide_is, columns, map_ or ())
    request = CalibrateRequest(
        bundle, out, on, data, scores, reading, subjects, policy, no_answer, page, detector_model, sign
    )
    typer.echo(run(request))
