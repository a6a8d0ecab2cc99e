"""The verbs of `import`: what others made becomes a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fastrain.commands.options import BonafideIs, Columns, HigherIs, MapAttack


class _Imports(TyperGroup):
    """Takes `import METHOD FILE`, the older spelling, for `import checkpoint METHOD FILE`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            return "checkpoint", self.commands["checkpoint"], args
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Imports,
    no_args_is_help=True,
    # The older spelling may begin with an option of `checkpoint`.
    context_settings={"ignore_unknown_options": True},
)


@app.callback(
    epilog="Example: fastrain import scores scores-eval.csv --name vendor --out runs/vendor. "
    "fastrain import checkpoint hfn_mp best.ckpt --out runs/published (also: fastrain import hfn_mp best.ckpt …)"
)
def import_() -> None:
    """Turn what others made into a run folder: a checkpoint of published code, or scores of anything."""


@app.command(
    epilog="Example: fastrain import checkpoint hfn_mp best.ckpt --out runs/published. Then: "
    "fastrain eval runs/published --protocol CIO-M --data data"
)
def checkpoint(
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
    about = run.facts()
    typer.echo(
        f"imported {about.n_parameters:,} parameters of {method} into {run.path} "
        f"(images in {(about.color_order or 'rgb').upper()} order; chosen by its authors by {about.selection.policy})\n"
        f"next: fastrain eval {run.path} --protocol NAME --data LIBRARY"
    )


@app.command(
    epilog="Example: fastrain import scores scores-eval.csv --name vendor --out runs/vendor. On a protocol: fastrain "
    "import scores out.csv --name vendor --protocol CIO-M --data data --out runs/vendor. Forms of score files: "
    "fastrain eval --formats"
)
def scores(
    file: Annotated[Path, typer.Argument(help="A score file, or a folder of them; see 'fastrain eval --formats'.")],
    name: Annotated[str, typer.Option(help="What reports and tables call it; no blanks.")],
    out: Annotated[Path, typer.Option(help="Run folder to make.")],
    protocol: Annotated[str | None, typer.Option(help="The protocol whose clip ids these are.")] = None,
    recipe: Annotated[str | None, typer.Option(help="The recipe of that protocol. Default: standard.")] = None,
    manifest: Annotated[str | None, typer.Option(help="A manifest.parquet whose clip ids these are.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="The library of that protocol.")] = None,
    subjects: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Who is who: columns id and subject; id is the recording's.")
    ] = None,
    selection: Annotated[
        str, typer.Option(help="How its makers chose the network, where you know; a word for tables.")
    ] = "",
    fta: Annotated[str, typer.Option(help="count or exclude clips without a score.")] = "count",
    higher_is: HigherIs = "",
    bonafide_is: BonafideIs = "",
    columns: Columns = "",
    map_: MapAttack = None,
) -> None:
    """Turn a score file into a contestant: a run folder without a network, for eval, report and compare."""
    from fastrain.evaluation.score_columns import Reading
    from fastrain.rescore.contestants import ScoresRequest, import_scores
    from fastrain.rescore.other_data import Asked

    reading = Reading.of(higher_is, bonafide_is, columns, map_ or ())
    asked = Asked(protocol, recipe, manifest, data)
    request = ScoresRequest(
        file, name, out, asked, reading=reading, subjects=subjects, selection=selection, fta=fta
    )  # fmt: skip
    typer.echo(import_scores(request))
