"""The verb `methods`."""

from __future__ import annotations

import typer

app = typer.Typer()


@app.command(epilog="Example: fastrain methods")
def methods() -> None:
    """List the methods and the presets of each."""
    from fastrain.methods.registry import METHODS
    from fastrain.run.settings import presets

    for name, row in sorted(METHODS.items()):
        typer.echo(f"{name:10} {row.about}\n{'':10} presets: {', '.join(presets(name)) or 'none'}")
