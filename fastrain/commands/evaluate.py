"""The verb `eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.offered import offering
from fasdata.errors import UserError, unknown_name
from fastrain.commands.options import AllowChangedData, BonafideIs, Columns, HigherIs, MapAttack, With, import_policies
from fastrain.evaluation.thresholds import policy_names

app = typer.Typer()


def _show_formats(wanted: bool) -> None:
    if wanted:
        from fastrain.evaluation.score_formats import FORMATS

        typer.echo(FORMATS, nl=False)
        raise typer.Exit


@app.command(
    cls=offering("method", "threshold policy"),
    epilog="Example: fastrain eval runs/hfn_mp-mcio-CIO2M-standard-seed0 --fta exclude. On data: "
    "fastrain eval runs/published --protocol CIO-M --data data. Scores alone: fastrain eval scores-eval.csv "
    "--threshold 'fixed(0.5)' --sheet sheet.html. Worse pictures: fastrain eval runs/a --corrupt jpeg,blur. Without "
    "depth or infrared: fastrain eval runs/a --missing. Moved boxes: fastrain eval runs/a --jitter 0.1,0.2. Two "
    "runs together: fastrain eval --fuse and runs/a runs/b. By groups: fastrain eval runs/a --by device --by "
    "species,device",
)
def eval(  # the verb of the command line
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|SCORES", help="A finished run, or scores of any form that --formats shows; several to --fuse."
        ),
    ],
    fta: Annotated[
        str | None, typer.Option(help="count or exclude clips without a usable face. Default: as configured.")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            callback=import_policies,
            help=f"Threshold policy: {', '.join(policy_names())}; the last ones are those of papers' code; or one of "
            "your own, FILE.py:NAME or MODULE:NAME. Repeat for more.",
        ),
    ] = None,
    fusion: Annotated[str | None, typer.Option(help="How frames make a clip: mean, median, min or max.")] = None,
    species: Annotated[str | None, typer.Option(help="PAI species by attack_type or by pai (instrument).")] = None,
    higher_is: HigherIs = "",
    bonafide_is: BonafideIs = "",
    columns: Columns = "",
    map_: MapAttack = None,
    as_: Annotated[str, typer.Option("--as", help="bob: print the numbers of bob.pad.base's metrics too.")] = "",
    formats: Annotated[
        bool,
        typer.Option("--formats", is_eager=True, callback=_show_formats, help="Show the score files that are read."),
    ] = False,
    corrupt: Annotated[
        str | None,
        typer.Option(help="Score the target on worse pictures: jpeg,blur,resize,noise,gamma,frame-drop or all."),
    ] = None,
    fuse: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="One decision of several runs on the same clips: and, or, mean, weighted(3,1). With --out they "
            "become a contestant, for report and compare.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Print errors by groups of clips, and how far apart they are: any field (device, region), "
            "dataset, subject, species, or species,device. Repeat for more.",
        ),
    ] = None,
    jitter: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES", help="Move and scale the boxes by shares of their side (0.1,0.2): which decisions flip?"
        ),
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Score the target again without depth, without ir, without both.")
    ] = False,
    write_scores: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="Write the scores to --out in a form: bob, gradgpad, parquet, csv."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET|PROTOCOL|MANIFEST",
            help="Score the network on other data of the library, at the run's own source thresholds.",
        ),
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Score the network anew on the target of this protocol.")] = None,
    recipe: Annotated[str | None, typer.Option(help="The recipe of that protocol. Default: the run's own.")] = None,
    manifest: Annotated[str | None, typer.Option(help="A manifest.parquet to score anew on.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Score anew on data of this library. Default: the run's own.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what was scored anew (default: one below RUN/evaluations), or for results.json of other "
            "rules: --threshold, --fusion, --fuse, scores alone."
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write the sheet of ISO/IEC 30107-3 of scores alone, one page, to this HTML file."),
    ] = None,
    product: Annotated[str, typer.Option(help="What the sheet calls what was tested. Default: the file's name.")] = "",
    with_: With = None,
    allow_changed_data: AllowChangedData = False,
) -> None:
    """Compute the results of a run or of scores again, or score a run's network anew: on data, on worse pictures or
    without modalities.

    Other data are scored where the network never saw them; its own have to be those that it was made with, unless
    changes are allowed.
    """
    from fastrain.evaluation.score_columns import Reading
    from fastrain.rescore.other_data import Asked, score_again
    from fastrain.run.run import evaluate_run, show
    from fastrain.rundir import RunDir, older_views

    folder = folders[0]
    if len(folders) > 1 and not fuse:
        raise UserError("several runs", found=f"{len(folders)} of them", do="one at a time, or --fuse RULE")
    if (folder / "run.json").is_file() and (note := older_views(RunDir(folder).facts())):
        typer.echo(f"note: {note}")
    asked = Asked(protocol, recipe, manifest, data, on)
    if on and (protocol or manifest):
        raise UserError("--on names the data", expected="no --protocol or --manifest beside it")
    if product and sheet is None:
        raise UserError("--product is a line of the sheet", do="name its file: --sheet sheet.html")
    if as_ not in ("", "bob"):
        raise unknown_name("--as", as_, ("bob",))
    reading = Reading.of(higher_is, bonafide_is, columns, map_ or ())
    otherwise = (
        any((threshold, fusion, species, write_scores, as_, sheet, reading != Reading()))
        or not (folder / "run.json").is_file()
    )
    if missing:
        from fastrain.rescore.missing import score_missing

        others = (fta, corrupt, on, protocol, recipe, manifest, out, allow_changed_data)
        if any(others) or otherwise:
            raise UserError(
                "--missing scores a run as it is", expected="a run folder, and no option but --data beside it"
            )
        typer.echo(score_missing(folder, data))
        return
    if by:
        from fastrain.rescore.grouped import grouped_text

        if (
            any((on, fuse, jitter, corrupt, write_scores, as_, out, sheet, allow_changed_data))
            or len(threshold or ()) > 1
        ):
            raise UserError(
                "--by groups the scores there are",
                expected="one --threshold at most, --fta, --fusion, --species and what says how to read them beside it",
            )
        policy = threshold[0] if threshold else ""
        typer.echo(
            grouped_text(
                folder, by, asked, reading, policy=policy, fta=fta or "", fusion=fusion or "mean",
                species=species or "attack_type",
            )
        )  # fmt: skip
        return
    if fuse:
        from fastrain.rescore.fused_runs import fuse_runs

        if otherwise or asked or corrupt or jitter or missing or allow_changed_data:
            raise UserError(
                "--fuse takes runs as they are", expected="run folders, and no option but --fta and --out beside it"
            )
        typer.echo(fuse_runs(folders, fuse, fta, out))
        return
    if jitter:
        from fastrain.rescore.jitter import jitter_run, parse_amounts

        if otherwise or asked or fta or corrupt or out or allow_changed_data:
            raise UserError("--jitter scores a run as it is", expected="a run folder, and no other option beside it")
        typer.echo(jitter_run(folder, parse_amounts(jitter)))
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
        from fastrain.rescore.scores_alone import evaluate_scores

        if on:
            raise UserError("--on scores a network", expected="a run folder, and no option about scores beside it")
        if allow_changed_data:
            raise UserError("nothing is scored anew", expected="no --allow-changed-data")
        typer.echo(
            evaluate_scores(
                folder, asked, fta=fta, thresholds=threshold or (), fusion=fusion, species=species, reading=reading,
                as_bob=bool(as_), form=write_scores, out=out, sheet=sheet, product=product,
            )
        )  # fmt: skip
        return
    if RunDir(folder).facts().contestant is not None and not asked and not (out or allow_changed_data):
        from fastrain.rescore.contestants import evaluate_contestant

        typer.echo(evaluate_contestant(folder, fta))
    elif asked:
        show(score_again(folder, asked, out, fta=fta, allow_changed=allow_changed_data))
    elif out or allow_changed_data:
        raise UserError("nothing is scored anew", expected="--on, --protocol, --manifest or --data beside that option")
    else:
        evaluate_run(folder, fta)
