"""Compare run folders: one table a protocol, as text, Markdown, LaTeX or HTML (`fastrain compare`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasdata.errors import UserError
from fasdata.store.atomic import write_text
from fastrain.claims.published import Claim, load_published
from fastrain.compare.comparison import ProtocolTable, compared
from fastrain.compare.judged import columns_with
from fastrain.compare.system import ScoredRun, require_same_data, systems_of
from fastrain.compare.text import rendered
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.evaluation.thresholds import named_policy


def compare(
    folders: Sequence[Path],
    *,
    published: bool = False,
    baseline: str | None = None,
    form: str = "text",
    out: Path | None = None,
    different_data: bool = False,
    resamples: int = RESAMPLES,
    thresholds: Sequence[str] = (),
) -> str:
    """Return the comparison in `form` (text, md, latex or html), written to `out` too when that is given.

    Runs that differ in nothing but their seed are one system. `thresholds` are further policies, a column of HTER each.

    Raises:
        UserError: an unfinished run, runs of different data (unless `different_data`), what `compared` or
            `columns_with` raises.
    """
    if not folders:
        raise UserError("no run to compare", expected="two or more run folders")
    columns = columns_with([named_policy(text) for text in thresholds])
    tables: list[ProtocolTable] = []
    warning = ""
    for protocol, systems in systems_of([ScoredRun.read(folder) for folder in folders]).items():
        try:
            require_same_data(protocol, systems)
        except UserError as difference:
            if not different_data:
                raise
            warning = str(difference).partition("; do")[0].split("; train on")[0]
        own = baseline if baseline in [system.name for system in systems] else None
        tables.append(compared(protocol, systems, baseline=own, resamples=resamples, columns=columns))
    if baseline is not None and all(table.baseline != baseline for table in tables):
        raise UserError(f"no system is called {baseline!r}", found=", ".join(t.baseline for t in tables))
    quoted: list[Claim] = load_published() if published else []
    text = _page(tables, quoted, warning) if form == "html" else rendered(tables, quoted, form, warning)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, text if text.endswith("\n") else text + "\n")
    return text


def _page(tables: Sequence[ProtocolTable], quoted: Sequence[Claim], warning: str) -> str:
    from fastrain.compare.page import page

    return page(tables, quoted, warning)
