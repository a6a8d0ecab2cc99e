"""The verb `describe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()


@app.command(
    epilog="Example: fasdata describe CASIA-FASD --as croissant --out data/casia-fasd/croissant.json. "
    "A manifest: fasdata describe CIO-M --as card"
)
def describe(
    name: Annotated[
        str, typer.Argument(metavar="DATASET|MANIFEST", help="A dataset of the library; a manifest or its protocol.")
    ],
    form: Annotated[
        str, typer.Option("--as", metavar="FORM", help="croissant: JSON-LD for programs; card: Markdown for people.")
    ] = "card",
    recipe: Annotated[str, typer.Option(help="The recipe, where a protocol is named.")] = "standard",
    out: Annotated[
        Path | None, typer.Option(help="File to write; a Croissant belongs beside its tables. Default: the terminal.")
    ] = None,
    data: Data = None,
) -> None:
    """Describe a dataset or a manifest for others: terms, counts, how faces were found, limits; no path, no name."""
    from fasdata.describe.description import described
    from fasdata.library import Library
    from fasdata.store.atomic import require_writable, write_text

    if out is not None:
        require_writable(out.parent)
    text = described(name, form, Library.locate(data), recipe)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_text(out, text)
    typer.echo(f"description: {out}")
