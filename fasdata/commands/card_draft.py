"""The verb `card draft`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.entry import Group

app = typer.Typer()
card_app = typer.Typer(
    cls=Group, help="Describe your own data: a table that says what every recording is.", no_args_is_help=True
)
app.add_typer(card_app, name="card")


@card_app.command(
    "draft",
    epilog="Example: fasdata card draft /mnt/office --out office.csv, fill in what is empty, then "
    "fasdata extract office --root /mnt/office --card office.csv",
)
def draft(
    root: Annotated[Path, typer.Argument(help="The folder of your recordings.")],
    out: Annotated[Path, typer.Option(help="The table to write (CSV): a row for each recording.")],
) -> None:
    """Propose a table of your own data from the names of folders and files; what they do not say is left empty."""
    from fasdata.datasets.draft import describe_draft, write_draft
    from fasdata.datasets.draft import draft as drafted
    from fasdata.errors import UserError
    from fasdata.store.atomic import replacing

    if out.exists():
        raise UserError(f"{out} exists", expected="a new file: what you have filled in is not overwritten")
    made = drafted(root)
    with replacing(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        write_draft(made, file)
    typer.echo(describe_draft(made, root, out))
