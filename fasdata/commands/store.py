"""The verb `store check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Data
from fasdata.library import Library
from fasdata.store.info import FILE

# -- The verb `store check` -------------------------------------------------------------------------------------------


app = typer.Typer()
store = typer.Typer(help="Look after stores of extracted faces.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(store, name="store")


@store.command(
    epilog="Example: fasdata store check CASIA-FASD --rehash. Exit code 3: something is wrong; what, and what to do, "
    "is said."
)
def check(
    dataset: Annotated[str, typer.Argument(help="A dataset's name, or the folder of its store.")],
    data: Data = None,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Compute the hash of every crop and every record again.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Rebuild derived tables, and take out damaged clips so that extract remakes them."
        ),
    ] = False,
) -> None:
    """Check that every record, crop and table of a store is there and agrees with the others."""
    from fasdata.errors import EXIT_PARTIAL
    from fasdata.store.check import check_store, describe_check
    from fasdata.store.check import repair as put_right

    folder = store_folder(dataset, data)
    report = check_store(folder, rehash=rehash)
    typer.echo(describe_check(report))
    if repair and not report.sound:
        typer.echo("\nrepaired: " + "; ".join(put_right(report)) + "\n")
        report = check_store(folder, rehash=rehash)
        typer.echo(describe_check(report))
    if not report.sound:
        raise typer.Exit(EXIT_PARTIAL)


# -- The store that an argument names: a folder, or a dataset of the library ------------------------------------------


def store_folder(named: str, data: Path | None) -> Path:
    """Return the folder of the store.

    Raises:
        UserError: no folder of a store has that path, no dataset that name, or the library no store of it.
    """
    from fasdata.datasets.registry import find_card
    from fasdata.errors import UserError

    if (Path(named) / FILE).is_file():
        return Path(named)
    library = Library.locate(data)
    known = library.stores()
    if named.lower() in known:  # datasets with a card of their own have no name but this
        return library.store_dir(named.lower())
    slug = find_card(named).slug
    if slug not in known:
        raise UserError(
            f"no store of {slug} in the library {library.root}",
            found=", ".join(known) or "no store at all",
            do="pass --data, or the folder of the store",
        )
    return library.store_dir(slug)
