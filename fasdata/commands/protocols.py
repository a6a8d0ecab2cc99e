"""Verbs about protocols: `build-protocol`, `protocol list`, `protocol show`."""

from __future__ import annotations

from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()
protocol_app = typer.Typer(help="Look at protocols and recipes.", no_args_is_help=True)
app.add_typer(protocol_app, name="protocol")


@app.command("build-protocol", epilog="Example: fasdata build-protocol CIO-M --recipe hfn_mp --data data")
def build_protocol(
    name: Annotated[str, typer.Argument(help="Protocol in any common spelling: CIO-M, O&C&I to M, SCP2W …")],
    recipe: Annotated[
        str, typer.Option(help="How a paper realises it; 'standard' keeps methods comparable.")
    ] = "standard",
    data: Data = None,
    val: Annotated[str, typer.Option(help="auto: official dev split or 20 % of the source subjects; none.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the validation split by subject.")] = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail when a count is over 2 % off the official one.")
    ] = False,
) -> None:
    """Write the manifest of a protocol: which frames of which clips train, validate and test."""
    from fasdata.library import Library
    from fasdata.protocols.build import build_protocol as build
    from fasdata.protocols.build import describe

    manifest = build(name, recipe=recipe, library=Library.locate(data), validation=val, seed=seed, strict=strict)
    typer.echo(describe(manifest))


@protocol_app.command("list", epilog="Example: fasdata protocol list")
def protocol_list() -> None:
    """List the protocol names and recipes."""
    from fasdata.protocols.show import list_text

    typer.echo(list_text())


@protocol_app.command("show", epilog="Example: fasdata protocol show CIO-M --recipe hfn_mp")
def protocol_show(
    name: Annotated[str, typer.Argument(help="Protocol in any common spelling.")],
    recipe: Annotated[str, typer.Option(help="The recipe to spell out.")] = "standard",
) -> None:
    """Spell out a protocol under a recipe, canonical name first."""
    from fasdata.protocols.show import show_text

    typer.echo(show_text(name, recipe))
