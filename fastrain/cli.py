"""The `fastrain` command."""

from __future__ import annotations

import typer

from fasdata.errors import guarded
from fastrain.commands import (
    calibrate,
    claims,
    compare,
    evaluate,
    export,
    imports,
    lab,
    landscape,
    methods,
    plan_test,
    predict,
    report,
    run,
    serve,
)

app = typer.Typer(
    help="Manifests to trained face anti-spoofing methods, honestly evaluated.\n\n"
    "Example: fastrain run hfn_mp --protocol CIO-M --data data",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (run, evaluate, landscape, report, compare, predict, export, calibrate, serve, plan_test, claims):
    app.add_typer(verb.app)
app.add_typer(methods.app, name="methods")
app.add_typer(imports.app, name="import")
app.add_typer(lab.app, name="lab")


def main() -> None:
    """Entry point of the `fastrain` command."""
    guarded(app)
