"""The verb `landscape`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrain.commands.options import With

app = typer.Typer()


@app.command(
    epilog="Example: fastrain landscape runs/gac0 --steps 21 --images 500. Stopped? The same command goes on. "
    "Two runs on one scale: fastrain landscape runs/erm0, then fastrain report runs/gac0 runs/erm0 --out both.html"
)
def landscape(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run.")],
    reach: Annotated[
        float, typer.Option("--range", help="How far to go to each side; at 1 every filter moves by its own length.")
    ] = 1.0,
    steps: Annotated[int, typer.Option(help="Points an axis, an odd number; all points are its square.")] = 21,
    images: Annotated[int, typer.Option(help="Images of each domain, half of them bona fide.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the directions, and of the choice of images.")] = 0,
    batchnorm: Annotated[
        str,
        typer.Option(
            help="ignore: batch norm and biases stay (published default); move: they move too, each along itself; "
            "refit: they stay, running statistics are taken anew from the sources at every point."
        ),
    ] = "ignore",
    rho: Annotated[
        list[float] | None,
        typer.Option(help="Radius of the sharpness; repeat for more. Default: 0.01, 0.05, 0.1 and 0.2."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images at a time. Default: as the run scores.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    again: Annotated[
        bool, typer.Option("--again", help="Replace a landscape that was made with other options.")
    ] = False,
    with_: With = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the request, say what would be done, and stop.")
    ] = False,
) -> None:
    """Measure loss and accuracy of every source domain and of the target around a run's weights, in the plane of two
    random directions, and how sharply each domain's loss rises along its gradient. The target chooses nothing.

    Writes RUN/landscape/landscape.npz, a VTK file a domain for ParaView, and a section of the report.
    """
    from fastrain.rescore.landscape_request import RADII, LandscapeRequest
    from fastrain.rescore.landscape_run import landscape_of_run

    request = LandscapeRequest(
        folder=folder, reach=reach, steps=steps, images=images, seed=seed, batchnorm=batchnorm,
        rho=tuple(rho or RADII), batch_size=batch_size, device=device, again=again, dry_run=dry_run,
    )  # fmt: skip
    typer.echo(landscape_of_run(request))
