"""The verb `store check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.entry import Group
from fasdata.commands.options import Data

app = typer.Typer()
store = typer.Typer(
    cls=Group, help="Check and repair stores of extracted faces.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(store, name="store")


@store.command(
    epilog="Example: fasdata store check CASIA-FASD --rehash. Exit code 3: something is wrong; the output says "
    "what, and what to do."
)
def check(
    dataset: Annotated[str, typer.Argument(help="A dataset's name, or the folder of its store.")],
    data: Data = None,
    rehash: Annotated[bool, typer.Option("--rehash", help="Compute the hash of every crop and record again.")] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Rebuild derived tables, keep what is provably whole of damaged shards, and name the clips that are "
            "not: extract makes them again.",
        ),
    ] = False,
) -> None:
    """Check that the records, crops and tables of a store are complete and agree."""
    from fasdata.errors import EXIT_PARTIAL
    from fasdata.store.check import check_store, describe_check
    from fasdata.store.repair import repair as put_right

    folder = store_folder(dataset, data)
    report = check_store(folder, rehash=rehash)
    typer.echo(describe_check(report))
    if repair and not report.intact:
        typer.echo("\nrepaired: " + "; ".join(put_right(report)) + "\n")
        report = check_store(folder, rehash=rehash)
        typer.echo(describe_check(report))
    if not report.intact:
        raise typer.Exit(EXIT_PARTIAL)


def store_folder(dataset: str, data: Path | None) -> Path:
    """Return the folder of a store, for its path or for the name of a dataset in the library.

    Raises:
        UserError: there is no such folder or dataset, or the library has no store of it.
    """
    from fasdata.datasets.registry import stored_slug
    from fasdata.errors import UserError
    from fasdata.library import Library
    from fasdata.store.info import FILE

    if (Path(dataset) / FILE).is_file():
        return Path(dataset)
    library = Library.locate(data)
    slug = stored_slug(library, dataset)
    if slug not in library.stores():
        raise UserError(
            f"no store of {slug} in the library {library.root}",
            found=", ".join(library.stores()) or "no store at all",
            do="pass --data, or the folder of the store",
        )
    return library.store_dir(slug)
