"""The verb `methods`: list them, begin a new one, check one against the rules that all keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BROKEN = 1  # the exit code where a rule is broken
app = typer.Typer()


@app.callback(
    invoke_without_command=True,
    epilog="Example: fastrain methods. Check your own: fastrain methods check mine.py:Mine --quick",
)
def methods(context: typer.Context) -> None:
    """List the methods, the presets of each, and what installed packages offer; or check one."""
    if context.invoked_subcommand is not None:
        return
    from fastrain.methods.registry import METHODS, offered_methods
    from fastrain.run.settings import presets

    for name, row in sorted(METHODS.items()):
        typer.echo(f"{name:10} {row.about}\n{'':10} presets: {', '.join(presets(name)) or 'none'}")
    for offer in offered_methods():
        typer.echo(f"{offer.name:10} from the package {offer.origin} ({offer.value})")


@app.command(epilog="Example: fastrain methods new my_method --out my_method; pip install -e my_method")
def new(
    name: Annotated[str, typer.Argument(help="What the method is called: small letters, digits and _.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the new package.")],
) -> None:
    """Write the package of a new method, which trains at once: method, settings, YAML presets, README and a test."""
    from fastrain.conformance.template import write_package

    typer.echo(write_package(name, out))


@app.command(epilog="Example: fastrain methods check hfn_mp --quick; of your own: check mine.py:Mine")
def check(
    method: Annotated[str, typer.Argument(metavar="NAME|FILE.py:CLASS|MODULE:CLASS", help="The method to check.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny networks in memory, within 20 seconds; nothing is run in full.")
    ] = False,
) -> None:
    """Try a method against the rules that every method keeps, and show which hold. Exit code 1: one is broken."""
    from fastrain.conformance.suite import checked, line_of, summary_of
    from fastrain.methods.registry import name_method

    name = name_method(method)
    verdicts = []
    for verdict in checked(name, quick=quick):
        typer.echo(line_of(verdict))
        verdicts.append(verdict)
    typer.echo(summary_of(name, verdicts))
    if any(verdict.word == "broken" for verdict in verdicts):
        raise typer.Exit(BROKEN)
