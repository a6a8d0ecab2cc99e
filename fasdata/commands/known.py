"""The verbs that list what can be named: `recipes`, `views`, `detectors`."""

from __future__ import annotations

from typing import Annotated

import typer

from fasdata.commands.offered import offering

app = typer.Typer()


@app.command(epilog="Example: fasdata recipes; of one: fasdata recipes hfn_mp")
def recipes(name: Annotated[str, typer.Argument(help="A recipe; none: list all.")] = "") -> None:
    """List the recipes: which splits, frames and scoring a paper means by a protocol's name."""
    from fasdata.protocols.show import recipe_text, recipes_text

    typer.echo(recipe_text(name) if name else recipes_text())


@app.command(
    cls=offering("view"), epilog="Example: fasdata views; with numbers of your own: fas-256(size=224,eye_y=0.4)"
)
def views() -> None:
    """List the views: how a stored crop becomes the square image that a method sees, and what each can be told."""
    from fasdata.faces.view import CONTEXT, NAMES, View
    from fasdata.faces.view_text import SAID
    from fasdata.page.spelling import text_table

    known = [View.named(name) for name in (*NAMES, CONTEXT)]
    rows = [(v.name, v.size, v.geometry_version, ", ".join(v.takes), SAID[v.name]) for v in known]
    typer.echo("\n".join(text_table(("name", "pixels", "geometry", "takes", "what it shows"), rows, indent="")))


@app.command(
    cls=offering("detector"), epilog="Example: fasdata detectors; to use one: fasdata extract ... --detector yunet"
)
def detectors() -> None:
    """List the face detectors: what each is, what --detector-model has to name, under which licence its weights are."""
    from fasdata.faces.detectors import DEFAULT, DETECTORS

    for name, row in DETECTORS.items():
        typer.echo(f"{name:16} {row.about}" + (" (the default)" if name == DEFAULT else ""))
        for word, text in (
            ("needs", ", ".join(dict.fromkeys(row.needs.values()))),
            ("model", row.model),
            ("licence", row.licence),
        ):
            if text:
                typer.echo(f"{'':16} {word}: {text}")
