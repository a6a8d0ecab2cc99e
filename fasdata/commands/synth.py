"""The verb `synth`."""

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
    datasets: Annotated[
        str,
        typer.Option(
            help="Comma-separated dataset names, or a group: rgb (four video sets, the default), "
            "mm (four with depth and infrared)."
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="The world's seed: same seed, same frames.")] = 0,
    workers: Workers = 0,
) -> None:
    """Write synthetic raw datasets in the layouts of licensed ones. They show no real person."""
    from fasdata.datasets.registry import find_card
    from fasdata.synth.layouts.presets import GROUPS
    from fasdata.synth.world import write_world

    names = [name for name in datasets.replace(" ", ",").split(",") if name]
    slugs = [name if name in GROUPS else find_card(name).slug for name in names]
    counts = write_world(out, preset=preset, datasets=slugs, seed=seed, workers=processes(workers))
    for dataset, written in counts.items():
        typer.echo(f"{dataset}: {written['clips']} clips, {written['frames']} frames in {written['folder']}")
