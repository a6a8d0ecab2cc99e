"""The verb `forget`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()


@app.command(
    epilog="Example: fasdata forget CASIA-FASD train-12 --data data --runs runs --dry-run. "
    "Interrupted, or stopped by a damaged store? The same command continues, after "
    "'fasdata store check DATASET --repair' where it says so. "
    "Exit code 3: the person is removed, and something else in the store is damaged."
)
def forget(
    dataset: Annotated[str, typer.Argument(help="The dataset with the person.")],
    subject: Annotated[
        str, typer.Argument(help="The person, as spelled in the column 'subject' of clips.parquet, e.g. train-12.")
    ],
    data: Data = None,
    runs: Annotated[
        list[Path] | None, typer.Option(help="Where to look for runs that used this person. Default: ./runs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
) -> None:
    """Remove a person from a library: from the store, the manifests and the packs, down to the last byte.

    It shows what will go and asks, except to continue a removal that was confirmed before.
    """
    from fasdata.datasets.registry import stored_slug
    from fasdata.errors import EXIT_PARTIAL
    from fasdata.forget import text
    from fasdata.forget.carry_out import carry_out, require_removable
    from fasdata.forget.removal import DEFAULT, VERB, plan_forget, runs_with
    from fasdata.library import Library

    library = Library.locate(data)
    slug = stored_slug(library, dataset)
    with nullcontext() if dry_run else library.emptying(slug):  # before the plan: nobody may use what it lists
        plan = plan_forget(library, slug, subject)
        uses = runs_with(plan, runs)
        typer.echo(text.describe_plan(plan, library))
        if dry_run:
            require_removable(plan, library)
        elif not yes and not library.journal(VERB, slug).exists():
            require_removable(plan, library)  # nobody is asked about what would be refused
            _confirm(slug, subject)
        report = None if dry_run else carry_out(plan, library)
        if report:
            typer.echo(text.describe_report(plan, report, library))
    typer.echo(text.describe_runs(plan, uses, [str(folder) for folder in runs or [DEFAULT]]))
    if report and report.proof and report.proof.damage:
        raise typer.Exit(EXIT_PARTIAL)


def _confirm(dataset: str, subject: str) -> None:
    """Ask whether to go on.

    Raises:
        UserError: the answer is no, or there is nobody to ask.
    """
    from fasdata.errors import UserError

    try:
        sure = typer.confirm(f"Remove all this of {subject!r} from {dataset} for ever?")
    except typer.Abort:
        raise UserError("nothing was removed: there was no answer", do="pass --yes to remove without asking") from None
    if not sure:
        raise UserError("nothing was removed", do="pass --yes to remove without asking")
