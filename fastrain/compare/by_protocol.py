"""The table of a paper: methods by protocols, a number each, with their average over the protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fastrain.compare.chosen import Tried
from fastrain.compare.comparison import Cell, ProtocolTable
from fastrain.compare.system import System
from fastrain.evaluation.statistics.proportions import mean_of_many

AVERAGE = "average"


@dataclass(frozen=True)
class GridRow:
    """A system: its cell on each protocol (None where it has no run) and their average, None where one is missing."""

    name: str
    seeds: str
    tried: str
    cells: tuple[Cell | None, ...]
    average: Cell | None


@dataclass(frozen=True)
class ByProtocol:
    """One number of all systems of a recipe on all protocols; `metric` is its name, `title` how a table heads it."""

    recipe: str
    title: str
    metric: str
    protocols: tuple[str, ...]
    rows: tuple[GridRow, ...]
    baseline: str


def by_protocol(recipe: str, tables: Sequence[ProtocolTable], tried: Sequence[Tried]) -> list[ByProtocol]:
    """Return a table for each number that the tables of the protocols have; they show the same numbers.

    Of the average there is an interval over people and seeds, and no test: the protocols' people are others.
    """
    names = list(dict.fromkeys(line.system.name for table in tables for line in table.lines))
    grids = []
    for place, (title, metric, _) in enumerate(tables[0].columns):
        rows = []
        for name in names:
            systems = [_system(table, name) for table in tables]
            cells = [_cell(table, name, place) for table in tables]
            seeds = [", ".join(str(run.about.seed) for run in system.runs) for system in systems if system]
            counts = [str(_settings(tried, system)) for system in systems if system]
            rows.append(GridRow(name, _once(seeds), _once(counts), tuple(cells), _average(cells, systems, tables)))
        baselines = dict.fromkeys(table.baseline for table in tables)
        protocols = tuple(table.alias for table in tables)
        grids.append(ByProtocol(recipe, title, metric, protocols, tuple(rows), " or ".join(baselines)))
    return grids


def _system(table: ProtocolTable, name: str) -> System | None:
    return next((line.system for line in table.lines if line.system.name == name), None)


def _cell(table: ProtocolTable, name: str, place: int) -> Cell | None:
    return next((line.cells[place] for line in table.lines if line.system.name == name), None)


def _once(values: Sequence[str]) -> str:
    """Return what protocols agree in, else each of them."""
    return values[0] if len(set(values)) == 1 else "; ".join(values)


def _settings(tried: Sequence[Tried], system: System) -> int:
    about = system.about
    own = [each.settings for each in tried if (each.protocol, each.method) == (about.protocol, about.method)]
    return max(own, default=1)


def _average(
    cells: Sequence[Cell | None], systems: Sequence[System | None], tables: Sequence[ProtocolTable]
) -> Cell | None:
    """Return the mean over the protocols; its deviation is over the seeds that all of them have."""
    if len(cells) < 2:
        return None
    known = [(cell, system) for cell, system in zip(cells, systems, strict=True) if cell and system]
    rates = [(cell.value, cell.interval) for cell, _ in known if cell.value is not None and cell.interval is not None]
    if len(rates) < len(cells):
        return None
    of_seeds = [dict(zip((run.about.seed for run in system.runs), cell.by_run, strict=True)) for cell, system in known]
    shared = [seed for seed in of_seeds[0] if all(seed in values for values in of_seeds)]
    means = [float(np.mean([values[seed] for values in of_seeds])) for seed in shared]
    sd = float(np.std(means, ddof=1)) if len(means) > 1 else None
    people = _whose([_target(system) for _, system in known])
    return Cell(float(np.mean([rate for rate, _ in rates])), sd, mean_of_many(rates, people))


def _target(system: System) -> set[str]:
    """Return the datasets whose people a protocol is tested on; those of an unknown target may be anybody."""
    target = system.runs[0].manifest.target
    return {str(role.get("dataset")) for role in target} if target else {"unknown"}


def _whose(targets: Sequence[set[str]]) -> list[int]:
    """Return a number for each target, the same where they share a dataset, by way of a third one too."""
    whose = list(range(len(targets)))
    for first, second in combinations(range(len(targets)), 2):
        if targets[first] & targets[second]:
            whose = [whose[first] if number == whose[second] else number for number in whose]
    return whose
