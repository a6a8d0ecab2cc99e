"""The verbs on protocols: `build-protocol`, `protocol list|show|diff|check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.entry import Group
from fasdata.commands.offered import offering
from fasdata.commands.options import Data, own_rule

Frames = Annotated[
    str, typer.Option(metavar="RULE", help="Frames of training clips, in place of the recipe's; also FILE.py:NAME.")
]
TestFrames = Annotated[str, typer.Option(metavar="RULE", help="Frames of validation and test clips, so too.")]
Val = Annotated[str, typer.Option(help="auto: official dev split or 20 % of the source subjects; none.")]

app = typer.Typer()
protocol_app = typer.Typer(cls=Group, help="Look at protocols, recipes and manifests.", no_args_is_help=True)
app.add_typer(protocol_app, name="protocol")


@app.command(
    "build-protocol",
    cls=offering("frame rule"),
    epilog="Example: fasdata build-protocol CIO-M --recipe hfn_mp --data data. Own data: fasdata build-protocol "
    "mylab:split; fasdata build-protocol 'CASIA-FASD + OULU-NPU to mylab' --frames 'linspace(4)@with_face'. Without "
    "stores, clip counts only: fasdata build-protocol oulu:P1 --from-scan OULU-NPU=/mnt/oulu",
)
def build_protocol(
    name: Annotated[
        str, typer.Argument(help="CIO-M, O&C&I to M, SCP2W …; mylab:split; 'CASIA-FASD to mylab'; a file my.yaml.")
    ],
    recipe: Annotated[
        str, typer.Option(help="How a paper realises it; 'standard' keeps methods comparable.")
    ] = "standard",
    data: Data = None,
    frames: Frames = "",
    test_frames: TestFrames = "",
    val: Val = "auto",
    seed: Annotated[int, typer.Option(help="Seed of splits and folds by people, and of the few-shot clips.")] = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail when a count is over 2 % off the official one.")
    ] = False,
    lists_dir: Annotated[
        Path | None,
        typer.Option("--lists", help="Folder with the recipe's list files; with --from-scan the release's too."),
    ] = None,
    allow_leakage: Annotated[
        str, typer.Option(metavar="REASON", help="Let leakage through; the reason goes into the manifest.")
    ] = "",
    from_scan: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=ROOT", help="Count clips in raw datasets instead of building. Repeatable."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build the manifest, check and show it, and write nothing.")
    ] = False,
) -> None:
    """Write the manifest of a protocol: which frames of which clips train, validate and test."""
    from fasdata.library import Library
    from fasdata.protocols.build import Options
    from fasdata.protocols.build import build_protocol as build
    from fasdata.protocols.manifest_text import describe

    options = Options(val, seed, strict, lists_dir, allow_leakage, own_rule(frames), own_rule(test_frames))
    if from_scan:
        from fasdata.protocols.from_scan import check_plan, plan_from_scan, scan_roots

        check_plan(name, recipe, options)
        scans = scan_roots(from_scan, lists_dir)
        typer.echo(plan_from_scan(name, scans, recipe=recipe, options=options).text())
        return
    manifest = build(name, recipe=recipe, library=Library.locate(data), write=not dry_run, **vars(options))
    typer.echo(describe(manifest))


@protocol_app.command("list", epilog="Example: fasdata protocol list")
def protocol_list(data: Data = None) -> None:
    """List the protocol names and recipes, and the own datasets of a library."""
    from fasdata.library import Library
    from fasdata.protocols.show import list_text

    typer.echo(list_text(Library.locate(data)))


@protocol_app.command("show", epilog="Example: fasdata protocol show CIO-M --recipe hfn_mp")
def protocol_show(
    name: Annotated[str, typer.Argument(help="Protocol in any common spelling; NAME/RECIPE works too.")],
    recipe: Annotated[str, typer.Option(help="The recipe to show.")] = "standard",
    frames: Frames = "",
    test_frames: TestFrames = "",
    val: Val = "auto",
    data: Data = None,
) -> None:
    """Show a protocol under a recipe in full, canonical name first."""
    from fasdata.library import Library
    from fasdata.protocols.parameters import Parameters
    from fasdata.protocols.show import show_text

    plain, slash, other = name.rpartition("/")
    if slash and not name.endswith((".yaml", ".yml")):
        name, recipe = plain, other
    parameters = Parameters(own_rule(frames), own_rule(test_frames), val)
    typer.echo(show_text(name, recipe, library=Library.locate(data), parameters=parameters))


@protocol_app.command("diff", epilog="Example: fasdata protocol diff CIO-M/hfn_mp CIO-M/gac_fas")
def protocol_diff(
    first: Annotated[str, typer.Argument(help="NAME, NAME/RECIPE, or the file or folder of a manifest.")],
    second: Annotated[str, typer.Argument(help="The same, to compare with.")],
    frames: Frames = "",
    test_frames: TestFrames = "",
    val: Val = "auto",
    data: Data = None,
) -> None:
    """Show on one screen why the numbers of two papers do not compare."""
    from fasdata.library import Library
    from fasdata.protocols.diff import diff_text
    from fasdata.protocols.parameters import Parameters

    parameters = Parameters(own_rule(frames), own_rule(test_frames), val)
    typer.echo(diff_text(first, second, library=Library.locate(data), parameters=parameters))


@protocol_app.command("check", epilog="Example: fasdata protocol check data/protocols/mcio-CIO2M/standard")
def protocol_check(
    manifest: Annotated[Path, typer.Argument(help="A manifest: its file or folder.")],
    data: Data = None,
) -> None:
    """Read a manifest, check every invariant, and check that its stores are still in the library."""
    from fasdata.library import Library
    from fasdata.manifests import Manifest
    from fasdata.protocols.manifest_text import describe

    table = Manifest.read(manifest)
    table.open_stores(Library.locate(data))
    typer.echo(f"{describe(table)}\nchecked: columns, keys, parts, fingerprint, stores")
