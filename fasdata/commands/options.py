"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option("--data", help="The library. Default: $FASDATA_DATA, else ./data.")]
Workers = Annotated[int, typer.Option("--workers", "-j", min=0, help="Processes; 0 = one a core.")]


def processes(workers: int) -> int:
    """Return the number of processes that `--workers` asks for."""
    import os

    if workers:
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
