"""The verb `claims`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrain.commands.options import form_of

app = typer.Typer()


@app.command(epilog="Example: fastrain claims PSW-C --method SSDG. Everything: fastrain claims --out claims.html")
def claims(
    protocol: Annotated[str | None, typer.Argument(help="In any spelling, as CIO-M. Default: all.")] = None,
    method: Annotated[str | None, typer.Option(help="Of this method alone.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="text, md or html. Default: by the ending of --out, else text.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of printing it.")] = None,
) -> None:
    """Print what papers claim: every published number with its paper, who quotes it, and what contradicts it."""
    from fastrain.claims.text import claims_text

    text = claims_text(protocol, method=method, form=form_of(form, out), out=out)
    typer.echo(text if out is None else f"claims: {out}")
