"""Verbs about raw datasets: `synth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Workers, processes

app = typer.Typer()


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
    counts = write_world(out, preset=preset, datasets=slugs, seed=seed, workers=processes(workers))
    for dataset, made in counts.items():
        typer.echo(f"{dataset}: {made['clips']} clips, {made['frames']} frames in {made['folder']}")
