"""The verb `import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command(
    "import",
    epilog="Example: fastrain import hfn_mp best.ckpt --out runs/published. Then: "
    "fastrain eval runs/published --protocol CIO-M --data data",
)
def import_(
    method: Annotated[
        str, typer.Argument(help="The method that the checkpoint belongs to: hfn_mp, gac_fas, me_fas, mmdgfas.")
    ],
    file: Annotated[Path, typer.Argument(help="A checkpoint written by that method's published code.")],
    out: Annotated[Path, typer.Option(help="Run folder to make.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What the file does not tell, e.g. color_order=rgb."),
    ] = None,
) -> None:
    """Turn a published checkpoint into a run folder. Nothing inside the file is run."""
    from fastrain.run.import_run import import_run

    run = import_run(method, file, out, settings or ())
    about = run.facts()
    typer.echo(
        f"imported {about.n_parameters:,} parameters of {method} into {run.path} "
        f"(images in {(about.color_order or 'rgb').upper()} order; chosen by its authors by {about.selection.policy})\n"
        f"next: fastrain eval {run.path} --protocol NAME --data LIBRARY"
    )
