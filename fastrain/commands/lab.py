"""The verbs of `lab`: the kit of an evaluation in a laboratory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.errors import EXIT_PARTIAL, UserError

FAILED = 1  # the exit code of a level that is failed
MOST_SHOWN = 100  # lines of a log that break the plan
app = typer.Typer(no_args_is_help=True)

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, as `lab plan --new` drafts it.")]
LogFile = Annotated[Path, typer.Argument(metavar="LOG", help="The log, one row a presentation.")]
LevelName = Annotated[str, typer.Option(metavar="NAME", help="A level of `lab levels`. Default: the plan's own.")]
Levels = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Levels of your own (YAML), in place of those of `lab levels`.")
]


@app.callback(
    epilog="Example: fastrain lab plan plan.yaml --new --level L1 --people 15; fastrain lab plan plan.yaml; "
    "fastrain lab log plan.yaml log.csv --new; fastrain lab log plan.yaml log.csv; "
    "fastrain lab verdict plan.yaml log.csv"
)
def lab() -> None:
    """Evaluate a product in a laboratory: plan it, keep the log of presentations to the plan, judge it by a level."""


@app.command(
    epilog="Example: fastrain lab plan plan.yaml --new --level L1 --people 15. As many people as a claim takes: "
    "fastrain lab plan plan.yaml --new --level L2 --bpcer 0.05. Check it: fastrain lab plan plan.yaml"
)
def plan(
    path: PlanFile,
    new: Annotated[bool, typer.Option("--new", help="Draft it, with empty cards for the species.")] = False,
    level: LevelName = "",
    levels: Levels = None,
    people: Annotated[int | None, typer.Option(min=1, max=100_000, help="How many people take part (--new).")] = None,
    apcer: Annotated[float | None, typer.Option(help="Claim, as of `plan-test`: it sizes the draft.")] = None,
    bpcer: Annotated[float | None, typer.Option(help="Claim, as of `plan-test`: it sizes the draft.")] = None,
    confidence: Annotated[float, typer.Option(help="One-sided, of what is claimed and shown.")] = 0.95,
) -> None:
    """Draft a plan, or check one: species with their cards, people, presentations, and what they can show at best."""
    from fastrain.lab.levels import level_named, read_levels
    from fastrain.lab.plan_draft import Draft, plan_text
    from fastrain.lab.plan_file import read_plan

    known = read_levels(levels)
    if new:
        if not level:
            raise UserError("no level to draft a plan for", expected=f"--level {', '.join(known)}")
        _write_new(path, Draft(level_named(level, known), apcer, bpcer, confidence, people).text())
        typer.echo(f"plan: {path}; fill in product and cards, then: fastrain lab plan {path}")
        return
    if people or apcer is not None or bpcer is not None:
        raise UserError("people and claims size a draft", expected="--new beside --people, --apcer or --bpcer")
    declared = read_plan(path)
    asked = level or declared.level
    typer.echo(plan_text(declared, level_named(asked, known) if asked else None, confidence))


@app.command(
    epilog="Example: fastrain lab log plan.yaml log.csv --new. After every session: fastrain lab log plan.yaml log.csv"
)
def log(
    path: PlanFile,
    file: LogFile,
    new: Annotated[bool, typer.Option("--new", help="Begin a log: a file with the columns of the plan.")] = False,
) -> None:
    """Hold a log against its plan as it grows: refuse the lines that break it, say what is still to be done.

    Exit code 2: lines break the plan.
    """
    from fastrain.lab.plan_file import read_plan
    from fastrain.lab.presentation_log import columns_of, read_log
    from fastrain.lab.to_do import log_text

    declared = read_plan(path)
    if new:
        _write_new(file, ",".join(columns_of(declared)) + "\n")
        typer.echo(f"log: {file}; one row a presentation, response accepted, rejected or no-response")
        return
    entries = read_log(file, declared)
    typer.echo(log_text(declared, entries))
    _require_kept(file, entries.breaches)


@app.command(
    epilog="Example: fastrain lab verdict plan.yaml log.csv --sheet sheet.html. By levels of your own: "
    "--levels mine.yaml --level A"
)
def verdict(
    path: PlanFile,
    file: LogFile,
    level: LevelName = "",
    levels: Levels = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page: verdict, ISO/IEC 30107-3 sheet, cards, errors by condition."),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is deployed: the sheet states its SHA-256.")
    ] = None,
) -> None:
    """Judge a log by a level: passed, failed, or not enough presentations, each rate with its interval over people.

    Exit code 0: passed; 1: failed; 3: not enough presentations to say; 2: a file cannot be used.
    """
    from fastrain.lab.levels import level_named, read_levels
    from fastrain.lab.plan_file import read_plan
    from fastrain.lab.presentation_log import read_log
    from fastrain.lab.text import verdict_text
    from fastrain.lab.verdict import FAILED as BROKEN_LEVEL
    from fastrain.lab.verdict import TOO_FEW, Judged, judge

    if bundle and sheet is None:
        raise UserError("--bundle is a line of the sheet", do="name its file: --sheet sheet.html")
    declared, known = read_plan(path), read_levels(levels)
    asked = level or declared.level
    if not asked:
        raise UserError(f"{path} names no level", expected=f"level, or --level {', '.join(known)}")
    entries = read_log(file, declared)
    _require_kept(file, entries.breaches)
    judged = Judged(declared, entries)
    judgement = judge(level_named(asked, known), judged)
    typer.echo(verdict_text(declared, judgement))
    if sheet:
        from fasdata.faces.model_file import file_sha256
        from fastrain.lab.verdict_page import verdict_page

        verdict_page(judged, judgement, bundle=file_sha256(bundle) if bundle else "").write(sheet)
        typer.echo(f"sheet        {sheet}")
    code = {BROKEN_LEVEL: FAILED, TOO_FEW: EXIT_PARTIAL}.get(judgement.outcome, 0)
    if code:
        raise typer.Exit(code)


@app.command(name="levels", epilog="Example: fastrain lab levels")
def levels_(file: Levels = None) -> None:
    """Print the levels there are, what they ask for, and whose numbers these are."""
    from fastrain.lab.levels import levels_text, read_levels

    typer.echo(levels_text(read_levels(file)))


def _write_new(path: Path, text: str) -> None:
    if path.exists():
        raise UserError(f"{path} is there already", do="take another name")
    path.write_text(text, encoding="utf-8")


def _require_kept(file: Path, breaches: tuple[UserError, ...]) -> None:
    """Print a line for each line of a log that breaks the plan, and stop where there is one."""
    if not breaches:
        return
    for breach in breaches[:MOST_SHOWN]:
        typer.echo(f"refused      {breach}", err=True)
    more = f", the first {MOST_SHOWN} are shown" if len(breaches) > MOST_SHOWN else ""
    lines = "a line breaks" if len(breaches) == 1 else f"{len(breaches)} lines break"
    raise UserError(f"{file}: {lines} the plan{more}", do="correct the log")
