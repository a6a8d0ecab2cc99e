"""The verbs of `import`: what others made becomes a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fasdata.commands.entry import Group
from fasdata.commands.options import own_view
from fastrain.commands.options import BonafideIs, Columns, HigherIs, MapAttack


class _Imports(Group):
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
    "fastrain import checkpoint hfn_mp best.ckpt --out runs/published (also: fastrain import hfn_mp best.ckpt …). "
    "fastrain import onnx live.onnx --view 'context(factor=2.7,size=80)' --input 'bgr, 0..255' --score 'softmax[1]' "
    "--out runs/live"
)
def import_() -> None:
    """Turn what others made into a run folder: a checkpoint of published code, networks, or scores of anything."""


@app.command(
    epilog="Example: fastrain import checkpoint hfn_mp best.ckpt --out runs/published. Then: "
    "fastrain eval runs/published --protocol CIO-M --data data"
)
def checkpoint(
    method: Annotated[
        str,
        typer.Argument(
            help="Whose checkpoint it is: hfn_mp, gac_fas, me_fas, flip, mmdg, mmdgfas, sa_fas, ssdg or cdcn."
        ),
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


Name = Annotated[str, typer.Option(help="What reports and tables call it; no blanks. Default: the file's.")]


@app.command(
    epilog="Example: fastrain import onnx live.onnx --view 'context(factor=2.7,size=80)' --input 'bgr, 0..255' --score "
    "'softmax[1]' --out runs/live. Without these three the file is looked at, and all three are proposed. Then: "
    "fastrain eval runs/live --on mylab"
)
def onnx(
    files: Annotated[list[Path], typer.Argument(help="ONNX files; the scores of several are averaged.")],
    out: Annotated[Path, typer.Option(help="Run folder to make.")],
    view: Annotated[
        list[str] | None,
        typer.Option(
            help="What the network sees of a face, as 'fasdata pack --view' has it; also FILE.py:NAME. Once a file."
        ),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="How it is fed: rgb, bgr or gray; 0..255 or 0..1; mean=, std= (numbers); nhwc; name=. Once a file.",
        ),
    ] = None,
    score: Annotated[
        list[str] | None,
        typer.Option(help="Which number is bona fide: softmax[1], 1-sigmoid[0], -value[0], mean. Once a file."),
    ] = None,
    name: Name = "",
    selection: Annotated[
        str, typer.Option(help="How its makers chose the network, where you know; a word for tables.")
    ] = "",
) -> None:
    """Turn any scorer that onnxruntime runs into a contestant, which can be scored on any data of a library."""
    from fastrain.rescore.import_network import NetworkRequest, import_onnx

    declared = (tuple(own_view(text) for text in view or ()), tuple(input_ or ()), tuple(score or ()))
    typer.echo(import_onnx(NetworkRequest(tuple(files), out, name, *declared, selection)))


@app.command(
    epilog="Example: fastrain import minifasnet 2.7_80x80_MiniFASNetV2.pth 4_0_0_80x80_MiniFASNetV1SE.pth --out "
    "runs/mini. Extract with --views 'context(factor=2.7,size=80) + context(factor=4,size=80)'."
)
def minifasnet(
    files: Annotated[
        list[Path], typer.Argument(help="Weight files of Silent-Face-Anti-Spoofing; scores of several are averaged.")
    ],
    out: Annotated[Path, typer.Option(help="Run folder to make.")],
    name: Name = "",
) -> None:
    """Turn the deployed networks of Silent-Face-Anti-Spoofing into a contestant. Nothing inside the files is run."""
    from fastrain.rescore.import_network import import_minifasnet

    typer.echo(import_minifasnet(files, out, name))
