"""The verb `run`."""

from __future__ import annotations

from typing import Annotated

import typer

from fasdata.commands.offered import offering
from fasdata.commands.options import own_rule, own_view
from fastrain.commands.options import AllowChangedData, Faces, NoReport, Track, With

app = typer.Typer()


@app.command(
    cls=offering("method", "view", "frame rule"),
    epilog="Example: fastrain run hfn_mp --protocol CIO-M --data data --preset demo --set train.max_iterations=500. "
    "Stopped? The same command, or 'fastrain run --resume RUN', goes on where it was.",
)
def run(
    method: Annotated[
        str | None, typer.Argument(metavar="METHOD", help="See 'fastrain methods'; of your own: FILE.py:CLASS.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="CIO-M, SCP2W …; mylab:split; 'CASIA-FASD to mylab'; a file my.yaml.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="The library. Default: $FASDATA_DATA, else ./data.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="How a paper realises the protocol. Default: standard, which keeps methods comparable."),
    ] = None,
    manifest: Annotated[str | None, typer.Option(help="A manifest.parquet to use instead of the library's.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Shipped preset, or a YAML file, laid over the method's defaults.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting; repeat for more.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set train.seed=N.")] = None,
    view: Annotated[
        str | None,
        typer.Option(help="Short for --set data.view=VIEW; one of your own: FILE.py:NAME or MODULE:NAME."),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="Frames of training clips, in place of the recipe's; also FILE.py:NAME."),
    ] = None,
    test_frames: Annotated[
        str | None, typer.Option(metavar="RULE", help="Frames of validation and test clips, in place of the recipe's.")
    ] = None,
    val: Annotated[
        str | None,
        typer.Option(
            help="auto: official dev split or 20 % of the subjects; none: with --set select=last. Default: as built."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Run folder. Default: runs/<method>-<protocol>-<recipe>-seed<seed>.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Continue this run; its own options are the default.")
    ] = None,
    devices: Annotated[str | None, typer.Option(help="How many devices (1), which (0,2), or auto.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true (default), bf16-mixed, 16-mixed, 64-true …")] = None,
    accelerator: Annotated[str | None, typer.Option(help="auto (default), cpu, cuda or mps.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads torch computes with. Default: $OMP_NUM_THREADS, else all.")
    ] = None,
    with_: With = None,
    track: Track = None,
    faces: Faces = False,
    no_report: NoReport = False,
    allow_changed_data: AllowChangedData = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, refuse what the run would refuse, and stop.")
    ] = False,
) -> None:
    """Train a method on a protocol's sources, test it on its target, and write a report."""
    from fastrain.methods.registry import name_method
    from fastrain.run.request import RunRequest
    from fastrain.run.run import run as carry_out

    method = name_method(method) if method else None
    overrides = [*(settings or ()), *([f"train.seed={seed}"] if seed is not None else [])]
    overrides += [f"data.view={own_view(view)}"] if view else []
    request = RunRequest(
        method=method, protocol=protocol, recipe=recipe, manifest=manifest, preset=preset, overrides=tuple(overrides),
        frames=frames and own_rule(frames),
        test_frames=test_frames and own_rule(test_frames), val=val, data=data, out=out, resume=resume, devices=devices,
        precision=precision, accelerator=accelerator, threads=threads, track=track, faces=faces,
        report=not no_report, allow_changed_data=allow_changed_data, dry_run=dry_run,
    )  # fmt: skip
    carry_out(request)
