"""The verb `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()


@app.command(epilog="Example: fasdata doctor --data data. Exit code 3: there is a problem.")
def doctor(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for other programs.")] = False,
) -> None:
    """Check the installation, the machine and the library, and say what is wrong and what to do about it."""
    import json

    from fasdata import __version__
    from fasdata.doctor.diagnosis import as_data, as_text
    from fasdata.doctor.examine import examine
    from fasdata.errors import EXIT_PARTIAL
    from fasdata.library import Library

    checks = examine(Library.locate(data))
    typer.echo(json.dumps(as_data(checks, __version__), indent=2) if as_json else as_text(checks))
    if any(check.state == "problem" for check in checks):
        raise typer.Exit(EXIT_PARTIAL)
