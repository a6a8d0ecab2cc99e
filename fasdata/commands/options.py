"""Options that several verbs share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fasdata.library import Library

Data = Annotated[Path | None, typer.Option("--data", help="The library. Default: $FASDATA_DATA, else ./data.")]
Workers = Annotated[int, typer.Option("--workers", "-j", min=0, help="Processes; 0 = one per core.")]
LayoutName = Annotated[
    str,
    typer.Option(
        "--layout", help="The layout, of those that 'fasdata datasets NAME' shows; default: it is recognised."
    ),
]
OwnCard = Annotated[
    Path | None,
    typer.Option(
        "--card",
        help="Own data: a card (YAML, as in manifests/datasets), or a table (CSV) with the columns path,label and, if "
        "known, split,subject,attack_type,pai,depth,ir; paths are below the root. 'fasdata card draft' proposes one.",
    ),
]
BonafideIs = Annotated[
    str,
    typer.Option(
        "--bonafide-is",
        metavar="WORD",
        help="In your own table with --card: the label that means bona fide, e.g. 1, live, real; others are attacks.",
    ),
]


def processes(workers: int) -> int:
    """Return the number of processes that `--workers` asks for."""
    import os

    if workers:
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stored_slug(library: Library, dataset: str) -> str:
    """Return the slug of a dataset: the name of a store in the library, else of a card with that name.

    Raises:
        UserError: there is neither.
    """
    from fasdata.datasets.registry import find_card

    # The name of a store comes first: a dataset with a card of its own has no other.
    return dataset.lower() if dataset.lower() in library.stores() else find_card(dataset).slug
