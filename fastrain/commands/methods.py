"""The verb `methods`: list them, describe one, begin a new one, check one against the rules that all keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fasdata.commands.entry import Group

BROKEN = 1  # the exit code where a rule is broken


class _ByName(Group):
    """A group whose first word may be a method: `methods erm` is `methods show erm`."""

    def resolve_command(self, context: Any, words: list[str]) -> Any:
        known = words[0] in self.commands or words[0].startswith("-")
        return super().resolve_command(context, words if known else ["show", *words])


app = typer.Typer(cls=_ByName)


@app.callback(
    invoke_without_command=True,
    subcommand_metavar="[NAME | show NAME | new NAME | check NAME]",
    epilog="Example: fastrain methods; of one: fastrain methods hfn_mp. Check your own: fastrain methods check "
    "mine.py:Mine --quick",
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


@app.command(epilog="Example: fastrain methods hfn_mp --preset demo; for programs: fastrain methods erm --json")
def show(
    method: Annotated[str, typer.Argument(metavar="NAME|FILE.py:CLASS|MODULE:CLASS", help="The method.")],
    preset: Annotated[
        str | None, typer.Option(help="Show the values of a shipped preset, or of a YAML file, in place of defaults.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Describe a method: what it sees, its presets, every setting with what it takes, its default and its meaning."""
    from fastrain.methods.registry import name_method
    from fastrain.run.keys import as_data, as_text, method_text

    text = method_text(name_method(method), preset)
    if json:
        from json import dumps

        typer.echo(dumps(as_data(text), indent=1, ensure_ascii=False))
    else:
        typer.echo(as_text(text))


@app.command(epilog="Example: fastrain methods new my_method --out my_method; pip install -e my_method")
def new(
    name: Annotated[str, typer.Argument(help="What the method is called: small letters, digits and _.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the new package.")],
) -> None:
    """Write the package of a new method, which trains at once: method, settings, YAML presets, README and a test."""
    from fastrain.conformance.template import write_package

    typer.echo(write_package(name, out))


@app.command(
    epilog="Example: fastrain methods check hfn_mp --quick; a preset: check erm --preset dinov2 --quick; "
    "of your own: check mine.py:Mine"
)
def check(
    method: Annotated[str, typer.Argument(metavar="NAME|FILE.py:CLASS|MODULE:CLASS", help="The method to check.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny networks in memory, within 20 seconds; nothing is run in full.")
    ] = False,
    preset: Annotated[
        str, typer.Option(metavar="NAME|FILE.yaml", help="Check a preset: its settings on a network as tiny.")
    ] = "",
) -> None:
    """Try a method against the rules that every method keeps, and show which hold. Exit code 1: one is broken."""
    from fastrain.conformance.suite import checked, line_of, summary_of
    from fastrain.methods.registry import name_method

    name = name_method(method)
    verdicts = []
    for verdict in checked(name, quick=quick, preset=preset):
        typer.echo(line_of(verdict))
        verdicts.append(verdict)
    typer.echo(summary_of(f"{name} with preset {preset}" if preset else name, verdicts))
    if any(verdict.word == "broken" for verdict in verdicts):
        raise typer.Exit(BROKEN)
