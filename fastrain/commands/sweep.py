"""The verbs `sweep`, `sweep status` and `sweep log`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fasdata.commands.options import own_view
from fasdata.errors import EXIT_PARTIAL, UserError, unknown_name
from fastrain.commands.options import AllowChangedData, Faces, NoReport, Track

if TYPE_CHECKING:
    from fastrain.rundir.sweep_dir import SweepDir

app = typer.Typer()

EXECUTORS = ("local", "ray", "slurm")
Folder = Annotated[Path, typer.Argument(metavar="SWEEP", help="The folder of a sweep.")]


@app.callback(
    invoke_without_command=True,
    epilog="Example: fastrain sweep --methods hfn_mp,gac_fas,erm --protocols CIO-M,OMI-C,OCM-I,ICM-O --seeds 0-4 "
    "--data data --out sweeps/mcio. Then: fastrain compare sweeps/mcio. Stopped? The same command goes on.",
)
def sweep(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="The sweep's folder.")] = None,
    grid: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML: methods, protocols, recipes, seeds, presets, set, grid, exclude."),
    ] = None,
    methods: Annotated[str | None, typer.Option(help="Separated by commas; of your own: FILE.py:CLASS.")] = None,
    protocols: Annotated[str | None, typer.Option(help="Separated by commas: CIO-M,OMI-C.")] = None,
    recipes: Annotated[str | None, typer.Option(help="Separated by commas. Default: standard.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 0-4 or 0,1,7. Default: 0.")] = None,
    preset: Annotated[str | None, typer.Option(help="For all methods; a grid file can name one for each.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of all runs; repeat for more.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=[A,B]", help="Values of a setting to try, each in runs of its own; repeat for more."),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="The library. Default: $FASDATA_DATA, else ./data.")
    ] = None,
    view: Annotated[str | None, typer.Option(help="Short for --set data.view=VIEW.")] = None,
    frames: Annotated[str | None, typer.Option(metavar="RULE", help="As of 'fastrain run'.")] = None,
    test_frames: Annotated[str | None, typer.Option(metavar="RULE", help="As of 'fastrain run'.")] = None,
    val: Annotated[str | None, typer.Option(help="As of 'fastrain run'.")] = None,
    precision: Annotated[str | None, typer.Option(help="As of 'fastrain run'.")] = None,
    accelerator: Annotated[str | None, typer.Option(help="auto (default), cpu, cuda or mps.")] = None,
    devices: Annotated[str | None, typer.Option(help="Devices of each run. Default: 1.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Of each run. Default: the cores shared out.")] = None,
    executor: Annotated[str, typer.Option(help="Where runs are carried out: local, ray or slurm.")] = "local",
    ray_address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Of the cluster's head. Default: $RAY_ADDRESS, else this machine.")
    ] = "",
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A parameter of submitit, as slurm_partition=gpu; repeat for more."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Runs at once. Default: one a CUDA device, else one.")
    ] = None,
    no_pack: Annotated[
        bool, typer.Option("--no-pack", help="Make no pack of the views that several runs share.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed runs again.")] = False,
    track: Track = None,
    faces: Faces = False,
    no_report: NoReport = False,
    allow_changed_data: AllowChangedData = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs, what is there and what comes first, and stop.")
    ] = False,
) -> None:
    """Carry out a grid of methods, protocols, recipes, settings and seeds; the same command always finishes it."""
    if context.invoked_subcommand:
        return
    if out is None:
        raise UserError("no folder for the sweep", expected="--out sweeps/NAME")
    if executor not in EXECUTORS:
        raise unknown_name("executor", executor, EXECUTORS)
    for name, given, only in (("--slurm", slurm, "slurm"), ("--ray-address", ray_address, "ray")):
        if given and executor != only:
            raise UserError(f"{name} with --executor {executor}", expected=f"--executor {only}")
    from fastrain.sweep.carry_out import Executor
    from fastrain.sweep.carry_out import sweep as carry_out
    from fastrain.sweep.grid import read_grid, settings_in
    from fastrain.sweep.local_runs import LocalRuns
    from fastrain.sweep.plan_sweep import Common
    from fastrain.sweep.ray_runs import RayRuns
    from fastrain.sweep.slurm_runs import SlurmRuns

    constant = settings_in([*(settings or ()), *([f"data.view={own_view(view)}"] if view else [])], "--set")
    axes: dict[str, Any] = {
        "methods": methods, "protocols": protocols, "recipes": recipes, "seeds": seeds, "presets": preset,
        "set": constant, "grid": settings_in(vary, "--vary"),
    }  # fmt: skip
    common = Common(
        data=data, frames=frames, test_frames=test_frames, val=val, precision=precision, accelerator=accelerator,
        devices=devices, threads=threads, track=track, faces=faces, report=not no_report,
        allow_changed_data=allow_changed_data,
    )  # fmt: skip
    runs: Executor
    if executor == "slurm":
        runs = SlurmRuns.on(out, settings_in(slurm, "--slurm"), workers)
    elif executor == "ray":
        runs = RayRuns.on(ray_address, accelerator, devices, threads, workers)
    else:
        runs = LocalRuns.on(accelerator, devices, workers)
    places = runs.places if isinstance(runs, LocalRuns) else workers or 1
    outcomes = carry_out(
        read_grid(grid, axes), common, out, runs, places=places, dry_run=dry_run, retry_failed=retry_failed,
        pack=not no_pack,
    )  # fmt: skip
    if any(outcome.state == "failed" for outcome in outcomes):
        raise typer.Exit(EXIT_PARTIAL)


@app.command(epilog="Example: fastrain sweep status sweeps/mcio --watch")
def status(
    folder: Folder,
    watch: Annotated[bool, typer.Option("--watch", help="Again every five seconds, until nothing is at work.")] = False,
) -> None:
    """Show the runs of a sweep: finished, at work, waiting or failed, the best so far, and the time left."""
    from fastrain.sweep.standing import status_text

    while True:
        text = status_text(_opened(folder))
        typer.echo(text)
        if not (watch and " running" in text.rpartition("\n\n")[2]):
            return
        time.sleep(5)
        typer.echo("\033[2J\033[H" if sys.stdout.isatty() else "", nl=False)


@app.command(epilog="Example: fastrain sweep log sweeps/mcio erm-mcio-CIO2M-standard-seed0")
def log(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="RUN", help="The name of a run, or a part that only one has.")],
) -> None:
    """Print all that a run of a sweep has printed."""
    sweep = _opened(folder)
    file = sweep.log(sweep.member(name))
    if not file.is_file():
        raise UserError(f"{file.stem} has not begun", do=f"fastrain sweep status {folder}")
    typer.echo(file.read_text(encoding="utf-8", errors="replace"))


def _opened(folder: Path) -> SweepDir:
    from fastrain.rundir.sweep_dir import SweepDir

    return SweepDir(folder)
