"""The verb `audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()


@app.command(
    epilog="Example: fasdata audit data/protocols/mcio-CIO2M/standard. "
    "Exit code 3: a clip, a person or a content is in two parts."
)
def audit(
    manifest: Annotated[Path, typer.Argument(help="A manifest: its file or folder.")],
    data: Data = None,
    near: Annotated[
        bool, typer.Option("--near/--no-near", help="Also search near-duplicates, by perceptual hash.")
    ] = True,
) -> None:
    """Search leakage, near-duplicates, contradictory labels, missing modalities and uneven losses."""
    from fasdata.audit.audit import audit_manifest
    from fasdata.errors import EXIT_PARTIAL
    from fasdata.library import Library
    from fasdata.manifests import Manifest

    report = audit_manifest(Manifest.read(manifest), Library.locate(data), near=near)
    typer.echo(report.text())
    if report.stops:
        raise typer.Exit(EXIT_PARTIAL)
