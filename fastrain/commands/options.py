"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Faces = Annotated[bool, typer.Option("--faces/--no-faces", help="Show pictures of people in the report.")]
NoReport = Annotated[
    bool, typer.Option("--no-report", help="Write no report.html; 'fastrain report RUN' makes it at any time.")
]
Track = Annotated[
    str | None,
    typer.Option(metavar="NAMES", help="Who is told how training goes: tensorboard (default), wandb, mlflow; or none."),
]
AllowChangedData = Annotated[
    bool, typer.Option("--allow-changed-data", help="Go on with data that a lock contradicts; the results say so.")
]

Sign = Annotated[
    Path | None,
    typer.Option(metavar="KEY", help="Sign the bundle with this private Ed25519 key (PEM). Needs 'fasdata[sign]'."),
]
VerifyKey = Annotated[
    Path | None,
    typer.Option(metavar="PUB", help="Refuse a bundle that the owner of this public key (PEM) did not sign."),
]

FORMS = {".md": "md", ".tex": "latex", ".html": "html", ".htm": "html", ".csv": "csv"}


def form_of(form: str | None, out: Path | None) -> str:
    """Return the form that was asked for, else that of the file to write by its ending, else text.

    >>> form_of(None, Path("table.html")), form_of("md", Path("table.html")), form_of(None, None)
    ('html', 'md', 'text')
    """
    return form or FORMS.get(out.suffix.lower() if out else "", "text")


# -- Code of the user's ------------------------------------------------------------------------------------------------


def import_policies(texts: list[str] | None) -> list[str] | None:
    """Import the threshold policies that are code of the user's; say which."""
    from fastrain.evaluation.thresholds import name_policy

    for text in texts or ():
        if code := name_policy(text):
            typer.echo(f"policy      {text} is from {code.origin}, sha256 {code.sha256}")
    return texts


def _import(texts: list[str] | None) -> list[str] | None:
    if texts:
        from fastrain.methods.registry import name_method

        for text in texts:
            name_method(text)
    return texts


With = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="FILE.py:CLASS|MODULE:CLASS|NAME", callback=_import,
        help="Import a method from outside that the run was trained with; nothing else is imported. Repeat.",
    ),
]  # fmt: skip

# -- What score files do not say of themselves ------------------------------------------------------------------------

HigherIs = Annotated[
    str, typer.Option(help="Which class scores higher, bonafide (what is taken for granted) or attack; on every form.")
]
BonafideIs = Annotated[
    str, typer.Option(metavar="VALUE", help="The value of the column label that means bona fide, such as 1.")
]
Columns = Annotated[
    str,
    typer.Option(
        metavar="NAMES", help="What the columns are: score,label,- in their order, or label=COLUMN,score=COLUMN."
    ),
]
MapAttack = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=NAME", help="Take an attack's name for another: print/1=print. Repeat."),
]
