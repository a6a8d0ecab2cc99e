"""The `fastrain` command."""

from __future__ import annotations

from fasdata.commands.entry import command_app
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
    leaderboard,
    methods,
    plan_test,
    predict,
    report,
    run,
    serve,
    sweep,
)

app = command_app(
    "Manifests to trained face anti-spoofing methods, honestly evaluated.\n\n"
    "Example: fastrain run hfn_mp --protocol CIO-M --data data"
)
for verb in (
    run,
    evaluate,
    landscape,
    report,
    compare,
    predict,
    export,
    calibrate,
    serve,
    plan_test,
    claims,
    leaderboard,
):
    app.add_typer(verb.app)
app.add_typer(methods.app, name="methods")
app.add_typer(imports.app, name="import")
app.add_typer(lab.app, name="lab")
app.add_typer(sweep.app, name="sweep")


def main() -> None:
    """Entry point of the `fastrain` command."""
    guarded(app)
