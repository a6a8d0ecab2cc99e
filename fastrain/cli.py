"""The `fastrain` command: verbs only; nothing heavy is imported before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.errors import UserError, guarded

app = typer.Typer(
    help="Manifests to trained face anti-spoofing methods, honestly evaluated.\n\n"
    "Example: fastrain run hfn_mp --protocol CIO-M --data data",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

NoFaces = Annotated[bool, typer.Option("--no-faces", help="Leave pictures of people out of the report.")]
AllowChangedData = Annotated[
    bool, typer.Option("--allow-changed-data", help="Go on with data that a lock contradicts; the results say so.")
]


@app.command(epilog="Example: fastrain methods")
def methods() -> None:
    """List the methods and the presets of each."""
    from fastrain.methods.registry import METHODS
    from fastrain.run.settings import presets

    for name in sorted(METHODS):
        typer.echo(f"{name:10} presets: {', '.join(presets(name)) or 'none'}")


@app.command(
    epilog="Example: fastrain run hfn_mp --protocol CIO-M --data data --preset demo --set train.max_iterations=500. "
    "Stopped? The same command, or 'fastrain run --resume RUN', goes on where it was."
)
def run(
    method: Annotated[str | None, typer.Argument(help="Name of a method; see 'fastrain methods'.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol in any common spelling: CIO-M, O&C&I to M, SCP2W …")
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
    no_faces: NoFaces = False,
    allow_changed_data: AllowChangedData = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the request, say what would be done, and stop.")
    ] = False,
) -> None:
    """Train a method on a protocol's sources, test it on its target, and write a report."""
    from fastrain.run.request import RunRequest
    from fastrain.run.run import run as carry_out

    overrides = [*(settings or ()), *([f"train.seed={seed}"] if seed is not None else [])]
    request = RunRequest(
        method=method, protocol=protocol, recipe=recipe, manifest=manifest, preset=preset, overrides=tuple(overrides),
        val=val, data=data, out=out, resume=resume, devices=devices, precision=precision, accelerator=accelerator,
        threads=threads, faces=not no_faces, allow_changed_data=allow_changed_data, dry_run=dry_run,
    )  # fmt: skip
    carry_out(request)


@app.command(
    epilog="Example: fastrain eval runs/hfn_mp-mcio-CIO2M-standard-seed0 --fta exclude. On data: "
    "fastrain eval runs/published --protocol CIO-M --data data. Scores alone: fastrain eval scores-eval.csv "
    "--threshold 'fixed(0.5)'. Worse pictures: fastrain eval runs/a --corrupt jpeg,blur. Without depth or infrared: "
    "fastrain eval runs/a --missing"
)
def eval(  # the verb of the command line
    folder: Annotated[
        Path, typer.Argument(metavar="RUN|SCORES", help="A finished run, or scores: ours, bob's or GRAD-GPAD's form.")
    ],
    fta: Annotated[
        str | None, typer.Option(help="count or exclude clips without a usable face. Default: as configured.")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="Threshold policy: source_eer, dev_eer, 'fixed(0.5)', 'source_bpcer(0.05)', or as a paper's code has "
            "it, e.g. ssdg_eer; repeat for more."
        ),
    ] = None,
    fusion: Annotated[str | None, typer.Option(help="How frames make a clip: mean, median, min or max.")] = None,
    species: Annotated[str | None, typer.Option(help="PAI species by attack_type or by pai (instrument).")] = None,
    higher_is: Annotated[
        str, typer.Option(help="Of score files that do not say so: which class scores higher, bonafide or attack.")
    ] = "",
    corrupt: Annotated[
        str | None,
        typer.Option(help="Score the target on worse pictures: jpeg,blur,resize,noise,gamma,frame-drop or all."),
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Score the target again without depth, without ir, without both.")
    ] = False,
    write_scores: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="Write the scores to --out in a form: bob, gradgpad, parquet, csv."),
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Score the network anew on the target of this protocol.")] = None,
    recipe: Annotated[str | None, typer.Option(help="The recipe of that protocol. Default: the run's own.")] = None,
    manifest: Annotated[str | None, typer.Option(help="A manifest.parquet to score anew on.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Score anew on data of this library. Default: the run's own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for what was scored anew. Default: one below RUN/evaluations.")
    ] = None,
    allow_changed_data: AllowChangedData = False,
) -> None:
    """Compute the results of a run or of scores again, or score a run's network anew: on data, on worse pictures or
    without modalities.

    Other data than those the network was made with are refused unless that is allowed.
    """
    from fastrain.rescore.other_data import Asked, score_again
    from fastrain.run.run import evaluate_run, show

    asked = Asked(protocol, recipe, manifest, data)
    otherwise = any((threshold, fusion, species, write_scores)) or not (folder / "run.json").is_file()
    if missing:
        from fastrain.rescore.missing import score_missing

        others = (fta, corrupt, protocol, recipe, manifest, out, allow_changed_data)
        if any(others) or otherwise:
            raise UserError(
                "--missing scores a run as it is", expected="a run folder, and no option but --data beside it"
            )
        typer.echo(score_missing(folder, data))
        return
    if corrupt:
        from fastrain.rescore.robustness_report import corrupt_run

        if otherwise or asked or fta or allow_changed_data:
            raise UserError(
                "--corrupt scores a run as it is", expected="a run folder, and no option but --out beside it"
            )
        typer.echo(corrupt_run(folder, corrupt, out))
        return
    if otherwise:
        from fastrain.rescore.score_files import evaluate_scores

        if allow_changed_data or (out and not write_scores):
            raise UserError(
                "nothing is scored anew", expected="--out beside --write-scores, and no --allow-changed-data"
            )
        typer.echo(
            evaluate_scores(
                folder, asked, fta=fta, thresholds=threshold or (), fusion=fusion, species=species, higher=higher_is,
                form=write_scores, out=out,
            )
        )  # fmt: skip
        return
    if asked:
        show(score_again(folder, asked, out, fta=fta, allow_changed=allow_changed_data))
    elif out or allow_changed_data:
        raise UserError("nothing is scored anew", expected="--protocol, --manifest or --data beside that option")
    else:
        evaluate_run(folder, fta)


@app.command(epilog="Example: fastrain report runs/a runs/b runs/c --control runs/shuffled --out report.html")
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders; the first is shown in full.")],
    control: Annotated[
        list[Path] | None, typer.Option(help="A run with shuffled training labels; repeat for more.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write. Default: report.html of the first run.")] = None,
    no_faces: NoFaces = False,
) -> None:
    """Write one self-contained HTML report on a run, or on a run and its repetitions."""
    from fastrain.report.run_report import write_report

    if out is not None and out.is_dir():
        raise UserError(f"{out} is a folder", expected="the name of an HTML file")
    target = out or folders[0] / "report.html"
    write_report(folders, target, control=control or [], faces=not no_faces)
    typer.echo(f"report: {target}")


@app.command(
    "import",
    epilog="Example: fastrain import hfn_mp best.ckpt --out runs/published. Then: "
    "fastrain eval runs/published --protocol CIO-M --data data",
)
def import_(
    method: Annotated[
        str, typer.Argument(help="The method that the checkpoint belongs to: hfn_mp, gac_fas, me_fas, mmdgfas.")
    ],
    file: Annotated[Path, typer.Argument(help="A checkpoint written by that method's published code.")],
    out: Annotated[Path, typer.Option(help="Run folder to make.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What the file does not tell, e.g. color_order=rgb."),
    ] = None,
) -> None:
    """Turn a published checkpoint into a run folder. Nothing inside the file is run."""
    from fastrain.run.import_run import import_run

    run = import_run(method, file, out, settings or ())
    about = run.read_json("run.json")
    typer.echo(
        f"imported {about['n_parameters']:,} parameters of {method} into {run.path} "
        f"(images in {about['color_order'].upper()} order; chosen by its authors by {about['selection']['policy']})\n"
        f"next: fastrain eval {run.path} --protocol NAME --data LIBRARY"
    )


@app.command(
    epilog="Example: fastrain compare runs/hfn0 runs/hfn1 runs/erm0 --published --format html --out table.html"
)
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Finished runs; seeds of one go together.")],
    published: Annotated[bool, typer.Option("--published", help="Quote published numbers below ours.")] = False,
    baseline: Annotated[
        str | None, typer.Option(help="The system that others are tested against. Default: erm, else the first.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, md, latex or html.")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of printing it.")] = None,
    allow_different_data: Annotated[
        bool, typer.Option("--allow-different-data", help="Put runs of different manifests side by side all the same.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=100, help="Of the bootstrap over people.")] = 10_000,
) -> None:
    """Put runs side by side, one table a protocol, with intervals over people and tests against a baseline."""
    from fastrain.compare.compare import compare as carry_out

    text = carry_out(
        folders, published=published, baseline=baseline, form=form, out=out, different_data=allow_different_data,
        resamples=resamples,
    )  # fmt: skip
    typer.echo(text if out is None else f"comparison: {out}")


def main() -> None:
    """Entry point of the `fastrain` command."""
    guarded(app)
