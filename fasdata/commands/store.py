"""The verb `store check`."""

from __future__ import annotations

from typing import Annotated

import typer

from fasdata.commands.options import Data

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
    from fasdata.commands.store_folder import store_folder
    from fasdata.errors import EXIT_PARTIAL
    from fasdata.store.check import check_store
    from fasdata.store.check_text import describe_check
    from fasdata.store.repair import repair as put_right

    folder = store_folder(dataset, data)
    report = check_store(folder, rehash=rehash)
    typer.echo(describe_check(report))
    if repair and not report.sound:
        typer.echo("\nrepaired: " + "; ".join(put_right(report)) + "\n")
        report = check_store(folder, rehash=rehash)
        typer.echo(describe_check(report))
    if not report.sound:
        raise typer.Exit(EXIT_PARTIAL)
