"""The `fasdata` command: verbs only; the work is done where the nouns live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.errors import EXIT_PARTIAL, guarded

app = typer.Typer(
    help="Raw face anti-spoofing datasets to aligned, packed, described faces.\n\n"
    "Example: fasdata extract CASIA-FASD --root /mnt/CASIA-FASD --out data",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
protocol_app = typer.Typer(help="Look at protocols and recipes.", no_args_is_help=True)
app.add_typer(protocol_app, name="protocol")

Data = Annotated[Path | None, typer.Option("--data", help="The library. Default: $FASDATA_DATA, else ./data.")]
Workers = Annotated[int, typer.Option("--workers", "-j", min=0, help="Processes; 0 = one a core.")]


@app.command(epilog="Example: fasdata synth raw --preset mini --datasets CASIA-FASD,OULU-NPU --seed 1")
def synth(
    out: Annotated[Path, typer.Argument(help="Folder to write the raw datasets into.")],
    preset: Annotated[
        str, typer.Option(help="Size of the world: mini (for tests) or demo (under 3,000 frames).")
    ] = "demo",
    datasets: Annotated[str, typer.Option(help="Comma-separated dataset names; default: all four.")] = "",
    seed: Annotated[int, typer.Option(help="The world's seed: same seed, same frames.")] = 0,
    workers: Workers = 0,
) -> None:
    """Write raw datasets of a procedural world in the true layouts of licensed ones. No person is in them."""
    from fasdata.datasets.registry import find_card
    from fasdata.synth.world import write_world

    slugs = [find_card(name).slug for name in datasets.replace(" ", ",").split(",") if name]
    counts = write_world(out, preset=preset, datasets=slugs, seed=seed, workers=_processes(workers))
    for dataset, made in counts.items():
        typer.echo(f"{dataset}: {made['clips']} clips, {made['frames']} frames in {made['folder']}")


@app.command(
    epilog="Example: fasdata extract CASIA-FASD --root /mnt/CASIA-FASD --out data. "
    "Exit code 3: done, but some recordings could not be decoded (they are listed)."
)
def extract(
    dataset: Annotated[str, typer.Argument(help="Dataset name, e.g. CASIA-FASD, or 'folder' for your own tree.")],
    root: Annotated[Path, typer.Option(help="Where the raw dataset lies.")],
    out: Annotated[
        Path | None, typer.Option(help="The library to write into. Default: $FASDATA_DATA, else ./data.")
    ] = None,
    frames: Annotated[
        str,
        typer.Option(
            help="Frame rules joined by +, e.g. 'ssdg(2)@decoded + every(5)'; 'recipes' = what shipped recipes need."
        ),
    ] = "recipes",
    detector: Annotated[str, typer.Option(help="Face detector.")] = "mtcnn",
    min_face: Annotated[int, typer.Option(help="Smallest face side looked for, pixels.")] = 40,
    min_score: Annotated[float, typer.Option(help="Detector score from which a face counts.")] = 0.5,
    context: Annotated[float, typer.Option(help="Side of the stored region in units of the longer box side.")] = 2.0,
    max_side: Annotated[int, typer.Option(help="Shrink stored regions longer than this, pixels; 0 = never.")] = 1024,
    codec: Annotated[str, typer.Option(help="How crops are stored.")] = "png",
    fallbacks: Annotated[
        str, typer.Option(help="on: bridge, hold, shift or turn where no face is found; off: skip.")
    ] = "on",
    lists: Annotated[Path | None, typer.Option(help="Folder of official list files, if not in the root.")] = None,
    device: Annotated[str, typer.Option(help="Device of the detector: cpu, cuda, cuda:1.")] = "cpu",
    workers: Workers = 0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try recordings again that could not be decoded.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and stop.")] = False,
) -> None:
    """Find faces in a raw dataset and pack them, with all that is known of them, into a store."""
    from fasdata.datasets.registry import find_card
    from fasdata.errors import unknown_name
    from fasdata.extract import plan_extract, run_extract, settings_for
    from fasdata.extract_text import describe_plan, describe_report
    from fasdata.library import Library

    if fallbacks not in ("on", "off"):
        raise unknown_name("value of --fallbacks", fallbacks, ("on", "off"))
    card = find_card(dataset)
    settings = settings_for(
        card.slug, frames, detector=detector, min_face=min_face, min_score=min_score, context=context,
        max_side=max_side, codec=codec, fallbacks=fallbacks == "on", device=device,
    )  # fmt: skip
    plan = plan_extract(card, root, Library.locate(out), settings, lists)
    typer.echo(describe_plan(plan))
    if dry_run:
        return
    report = run_extract(plan, root, workers=_processes(workers), retry_failed=retry_failed)
    typer.echo(describe_report(report))
    if report.failed:
        raise typer.Exit(EXIT_PARTIAL)


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


def _processes(workers: int) -> int:
    import os

    return (
        workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or os.cpu_count() or 1
    )


def main() -> None:
    """Entry point of the `fasdata` command."""
    guarded(app)
