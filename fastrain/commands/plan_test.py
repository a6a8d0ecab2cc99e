"""The verb `plan-test`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command(
    name="plan-test",
    epilog="Example: fastrain plan-test --apcer 0.01 --bpcer 0.05 --confidence 0.95. What a test can show at best: "
    "fastrain plan-test --people 30 --species 3 --bpcer 0.05",
)
def plan_test(
    apcer: Annotated[float | None, typer.Option(help="Claim: at most this share of attacks is accepted.")] = None,
    bpcer: Annotated[float | None, typer.Option(help="Claim: at most this share of bona fide is rejected.")] = None,
    confidence: Annotated[float, typer.Option(help="One-sided, of each claim.")] = 0.95,
    clips: Annotated[int, typer.Option(min=1, help="Presentations of each kind a person gives.")] = 1,
    people: Annotated[int | None, typer.Option(min=1, help="People of a test there is: what can it show?")] = None,
    species: Annotated[int | None, typer.Option(min=1, help="Kinds of attacks.")] = None,
) -> None:
    """Say how many people, presentations and species a claim takes, and what a given test can show at best."""
    from fastrain.evaluation.planning import ClaimPlan

    typer.echo(ClaimPlan(apcer, bpcer, confidence, clips, people, species).text())
