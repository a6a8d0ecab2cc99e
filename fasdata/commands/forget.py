"""The verb `forget`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()


@app.command(
    epilog="Example: fasdata forget CASIA-FASD 12 --data data --runs runs --dry-run. Killed? The same command goes on."
)
def forget(
    dataset: Annotated[str, typer.Argument(help="The dataset that the person is in.")],
    subject: Annotated[str, typer.Argument(help="The person, as the column 'subject' of clips.parquet has it.")],
    data: Data = None,
    runs: Annotated[
        list[Path] | None, typer.Option(help="Where to look for runs that used this person. Default: ./runs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed and stop.")] = False,
) -> None:
    """Take a person out of a library: out of the store, the manifests and the packs, down to the last byte."""
    from fasdata.forget import text
    from fasdata.forget.carry_out import carry_out
    from fasdata.forget.plan import DEFAULT, make_plan, runs_with
    from fasdata.library import Library

    library = Library.locate(data)
    plan = make_plan(library, _slug(library, dataset), subject)
    uses = runs_with(plan, runs)
    typer.echo(text.describe_plan(plan, library))
    if not dry_run:
        typer.echo(text.describe_report(plan, carry_out(plan, library), library))
    typer.echo(text.describe_runs(plan, uses, [str(folder) for folder in runs or [DEFAULT]]))


def _slug(library, dataset: str) -> str:  # type: ignore[no-untyped-def]
    """Return the folder of the store: datasets of one's own are known by it alone."""
    from fasdata.datasets.registry import find_card

    return dataset.lower() if dataset.lower() in library.stores() else find_card(dataset).slug
