"""Compare run folders and sweeps: one table a protocol, of sweeps one of all (`fastrain compare`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError, unknown_name
from fasdata.protocols.protocol_name import judges_each
from fasdata.store.atomic import write_text
from fastrain.claims.published import Claim, load_published
from fastrain.compare.by_protocol import ByProtocol, by_protocol
from fastrain.compare.chosen import Gathered, Tried, gathered
from fastrain.compare.comparison import ProtocolTable, compared
from fastrain.compare.grid_text import csv_text, grid_text
from fastrain.compare.judged import Columns, columns_with, families_told_apart
from fastrain.compare.one_to_many import compared_each
from fastrain.compare.system import ScoredRun, require_same_data, systems_of
from fastrain.compare.text import FORMS, rendered, warned
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.evaluation.thresholds import named_policy


@dataclass(frozen=True)
class Block:
    """What is compared together: the runs of one recipe where sweeps are compared, else all of them."""

    recipe: str
    tables: tuple[ProtocolTable, ...]
    grids: tuple[ByProtocol, ...]
    tried: tuple[Tried, ...]


@dataclass(frozen=True)
class Comparison:
    """The blocks of a comparison, what has to be read first, and notes on what is not there yet."""

    blocks: tuple[Block, ...]
    warning: str
    notes: tuple[str, ...]

    @property
    def tables(self) -> list[ProtocolTable]:
        """Return the tables of all blocks."""
        return [table for block in self.blocks for table in block.tables]


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
    choose: bool = True,
) -> str:
    """Return the comparison in `form` (text, md, latex, html or csv), written to `out` too when that is given.

    Runs that differ in nothing but their seed are one system. `thresholds` are further policies, a column of HTER each.
    Of a sweep the runs that `gathered` chooses are compared, recipe by recipe, and methods by protocols.

    Raises:
        UserError: an unfinished run, runs of different data (unless `different_data`), no such form, what `gathered`,
            `compared` or `columns_with` raises.
    """
    if form not in (*FORMS, "html", "csv"):
        raise unknown_name("form of a comparison", form, (*FORMS, "html", "csv"))
    comparison = comparison_of(
        folders, baseline=baseline, different_data=different_data, resamples=resamples, thresholds=thresholds,
        choose=choose,
    )  # fmt: skip
    text = written(comparison, load_published() if published else [], form)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, text if text.endswith("\n") else text + "\n")
    return text


def comparison_of(
    folders: Sequence[Path],
    *,
    baseline: str | None = None,
    different_data: bool = False,
    resamples: int = RESAMPLES,
    thresholds: Sequence[str] = (),
    choose: bool = True,
) -> Comparison:
    """Compute a comparison; see `compare`."""
    if not folders:
        raise UserError("no run to compare", expected="two or more run folders, or a sweep")
    policies = [named_policy(text) for text in thresholds]
    columns_with(policies)  # a wrong policy is told before anything is read
    whole = gathered(folders, choose=choose)
    columns = columns_with(policies, families_told_apart([run.scores for run in whole.runs]))
    warnings: list[str] = []
    blocks = []
    for recipe, runs in _by_recipe(whole).items():
        tables = _tables(runs, baseline, different_data, resamples, columns, warnings)
        tried = tuple(each for each in whole.tried if each.recipe == recipe)
        grids = tuple(by_protocol(recipe, tables, tried)) if whole.is_sweep else ()
        blocks.append(Block(recipe, tuple(tables), grids, tried))
    comparison = Comparison(tuple(blocks), warnings[-1] if warnings else "", whole.notes)
    if baseline is not None and all(table.baseline != baseline for table in comparison.tables):
        raise UserError(
            f"no system is called {baseline!r}", found=", ".join(table.baseline for table in comparison.tables)
        )
    return comparison


def _by_recipe(whole: Gathered) -> dict[str, list[ScoredRun]]:
    blocks: dict[str, list[ScoredRun]] = {}
    for run in whole.runs:
        blocks.setdefault(str(run.about.recipe or "") if whole.is_sweep else "", []).append(run)
    return blocks


def _tables(
    runs: Sequence[ScoredRun], baseline: str | None, different_data: bool, resamples: int, columns: Columns,
    warnings: list[str],
) -> list[ProtocolTable]:  # fmt: skip
    tables = []
    for protocol, systems in systems_of(runs).items():
        try:
            require_same_data(protocol, systems)
        except UserError as difference:
            if not different_data:
                raise
            warnings.append(str(difference).partition("; do")[0].split("; train on")[0])
        own = baseline if baseline in [system.name for system in systems] else None
        judge = compared_each if judges_each(protocol) else compared
        tables.append(judge(protocol, systems, baseline=own, resamples=resamples, columns=columns))
    return tables


def written(comparison: Comparison, quoted: Sequence[Claim], form: str) -> str:
    """Return a comparison in a form, with the published claims `quoted` below each protocol."""
    if form == "html":
        return _page(comparison, quoted)
    if form == "csv":
        return csv_text([(block.recipe, block.tables, _grids(block)) for block in comparison.blocks])
    return _text(comparison, quoted, form)


def _grids(block: Block) -> Sequence[ByProtocol]:
    return block.grids or by_protocol(block.recipe, block.tables, block.tried)


def _text(comparison: Comparison, quoted: Sequence[Claim], form: str) -> str:
    parts = [warned(words, form) for words in (comparison.warning, *comparison.notes) if words]
    for block in comparison.blocks:
        if block.grids:
            parts.append(grid_text(block.grids, block.tried, form))
        parts.append(rendered(block.tables, quoted, form))
    return "\n\n".join(parts)


def _page(comparison: Comparison, quoted: Sequence[Claim]) -> str:
    from fastrain.compare.page import page

    blocks = [(block.recipe, block.tables, block.grids, block.tried) for block in comparison.blocks]
    return page(blocks, quoted, comparison.warning, comparison.notes)
