"""The verb `lock`."""

from __future__ import annotations

from typing import Annotated

import typer

from fasdata.commands.options import Data
from fasdata.errors import EXIT_PARTIAL

app = typer.Typer()


@app.command(epilog="Example: fasdata lock --data data. Later: fasdata lock --check --data data")
def lock(
    data: Data = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare with the lock instead of writing it. Exit code 3: they differ."),
    ] = False,
) -> None:
    """Record the hashes of all stores and protocols of a library (fas.lock), or compare with them.

    Training then refuses data that differ from the lock. Write it again after a change on purpose.
    """
    from fasdata.library import Library
    from fasdata.lock.lock import Lock, lock_of_library, lock_path

    library = Library.locate(data)
    path = lock_path(library)
    before = Lock.read(path) if check else None
    now = lock_of_library(library)
    content = f"{len(now.stores)} stores and {len(now.protocols)} protocols"
    if before is None:
        now.write(path)
        typer.echo(f"{path}: {content}")
        return
    changed = before.differences(now)
    for line in changed:
        typer.echo(f"differs  {line}")
    if changed:
        raise typer.Exit(EXIT_PARTIAL)
    typer.echo(f"{path} fits: {content}")
