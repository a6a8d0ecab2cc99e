"""The verb `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastrain.commands.options import form_of, import_policies

app = typer.Typer()


@app.command(
    epilog="Example: fastrain compare runs/hfn0 runs/hfn1 runs/erm0 --published --out table.html. A sweep: "
    "fastrain compare sweeps/mcio --out table.tex"
)
def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN|SWEEP...", help="Finished runs, seeds of one go together; sweeps.")
    ],
    published: Annotated[bool, typer.Option("--published", help="Quote published numbers below ours.")] = False,
    baseline: Annotated[
        str | None, typer.Option(help="The system that others are tested against. Default: erm, else the first.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="text, md, latex, html or csv. Default: by the ending of --out, else text."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of printing it.")] = None,
    allow_different_data: Annotated[
        bool, typer.Option("--allow-different-data", help="Put runs of different manifests side by side all the same.")
    ] = False,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            callback=import_policies,
            help="Add a column of HTER at a threshold that is given, fixed(0.5), or found on the held-out sources, "
            "source_bpcer(0.05); or at a policy of your own, FILE.py:NAME. Repeat for more.",
        ),
    ] = None,
    all_settings: Annotated[
        bool,
        typer.Option(
            "--all-settings",
            help="Of a sweep that tried several settings: all of them, not the best on source validation.",
        ),
    ] = False,
    resamples: Annotated[int, typer.Option(min=100, help="Of the bootstrap over people.")] = 10_000,
) -> None:
    """Put runs, or those of a sweep, side by side, with intervals over people and tests against a baseline."""
    from fastrain.compare.compare import compare as carry_out

    text = carry_out(
        folders, published=published, baseline=baseline, form=form_of(form, out), out=out,
        different_data=allow_different_data, resamples=resamples, thresholds=threshold or (),
        choose=not all_settings,
    )  # fmt: skip
    typer.echo(text if out is None else f"comparison: {out}")
