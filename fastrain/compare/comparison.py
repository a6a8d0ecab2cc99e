"""Compute the numbers of a comparison: every system on a protocol, with intervals, and against the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fasdata.errors import unknown_name
from fastrain.compare.judged import COLUMNS, Columns, Judged
from fastrain.compare.pairing import LinedUp, line_up, notes_on
from fastrain.compare.pairwise import Verdict, better_of, enough_people, sentence, verdicts
from fastrain.compare.system import System
from fastrain.evaluation.statistics.clusters import affordable
from fastrain.evaluation.statistics.intervals import RESAMPLES
from fastrain.evaluation.statistics.proportions import Interval

BASELINE = "erm"


@dataclass(frozen=True)
class Cell:
    """One number: the mean over seeds and its deviation (None with one seed), its interval, its test.

    `value` is None where it is undefined; `verdict` is None for the baseline itself and where nothing can be compared.
    `best`: better than every other system of the table, distinguishably. `by_run` are the values of each run.
    """

    value: float | None
    sd: float | None
    interval: Interval | None
    verdict: Verdict | None = None
    best: bool = False
    by_run: tuple[float, ...] = ()

    @property
    def mark(self) -> str:
        """Return `▲` where it is better than the baseline, `▼` where worse, "" where that cannot be told."""
        return self.verdict.mark if self.verdict else ""


@dataclass(frozen=True)
class Line:
    """A system in the table of a protocol."""

    system: System
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ProtocolTable:
    """The comparison on one protocol.

    `people` says how many subjects the intervals rest on; `tests` are sentences on pairs of systems.
    """

    protocol: str
    alias: str
    baseline: str
    lines: tuple[Line, ...]
    people: str
    resamples: int
    tests: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """On scores from outside: what is not known of them."""
    columns: Columns = COLUMNS
    metric: str = ""
    """Of a table with a column a target: the number that all of its columns are."""
    each: tuple[ProtocolTable, ...] = ()
    """Of a one-to-many protocol, whose own cells are means over targets: for each column a table of all targets."""

    @property
    def shown(self) -> tuple[ProtocolTable, ...]:
        """Return the tables that a reader sees."""
        return self.each or (self,)


def compared(
    protocol: str,
    systems: Sequence[System],
    *,
    baseline: str | None = None,
    resamples: int = RESAMPLES,
    columns: Columns = COLUMNS,
) -> ProtocolTable:
    """Compute the table of a protocol at clip level; failures to acquire count as errors.

    The interval of a mean over seeds is over people, the same for all seeds, and seeds. Each system is tested against
    the baseline (`erm` if it is among them, else the first system; `--baseline` names another) by exchanging the two
    for some people; p-values are corrected for all tests of the table.

    Raises:
        UserError: the runs scored different clips, or no system is called `baseline`.
    """
    lined_up = line_up(systems)
    resamples = affordable(resamples, len(lined_up.reference.frame))
    judged = {system.name: Judged.of(system, lined_up, resamples, columns) for system in systems}
    return table_of(protocol, systems, judged, lined_up, baseline=baseline, resamples=resamples)


def table_of(
    protocol: str,
    systems: Sequence[System],
    judged: Mapping[str, Judged],
    lined_up: LinedUp,
    *,
    baseline: str | None,
    resamples: int,
    metric: str = "",
) -> ProtocolTable:
    """Return the table of systems that are judged, with all tests of it.

    Raises:
        UserError: no system is called `baseline`.
    """
    names = [system.name for system in systems]
    if baseline is not None and baseline not in names:
        raise unknown_name("baseline", baseline, names)
    base = baseline or next((system.name for system in systems if system.about.method == BASELINE), names[0])
    columns = judged[names[0]].columns
    against = next(system for system in systems if system.name == base)
    apart = {system.name: lined_up.apart(system) or lined_up.apart(against) for system in systems}
    tested = [name for name in names if name != base and not apart[name]]
    places = range(len(columns))
    each = [(judged[name], judged[base], column) for name in tested for column in places]
    all_verdicts = verdicts(each, resamples)
    of_system = {name: all_verdicts[at * len(columns) : (at + 1) * len(columns)] for at, name in enumerate(tested)}
    comparable = {name: judged[name] for name in names if not lined_up.apart(_named(systems, name))}
    best = [_best(comparable, base, of_system, column, resamples) for column in places]
    lines = [Line(system, _cells(system.name, judged[system.name], of_system, best)) for system in systems]
    tests = [
        sentence((name, base), columns, of_system[name], lined_up.clusters)
        if name in of_system
        else f"{name} against {base}: not tested, {apart[name]}"
        for name in names
        if name != base
    ]
    alias = next((run.about.protocol_alias for s in systems for run in s.runs if run.about.protocol_alias), protocol)
    people = lined_up.clusters.basis()
    notes = tuple(notes_on(systems, lined_up))
    return ProtocolTable(protocol, alias, base, tuple(lines), people, resamples, tuple(tests), notes, columns, metric)


def _named(systems: Sequence[System], name: str) -> System:
    return next(system for system in systems if system.name == name)


def _cells(
    name: str, judged: Judged, of_system: Mapping[str, Sequence[Verdict | None]], best: Sequence[str]
) -> tuple[Cell, ...]:
    cells = []
    for column in range(len(judged.columns)):
        values, interval = judged.by_run[column], judged.intervals[column]
        if interval is None:
            cells.append(Cell(None, None, None))
            continue
        sd = float(values.std(ddof=1)) if len(values) > 1 else None
        verdict = of_system[name][column] if name in of_system else None
        cells.append(Cell(float(values.mean()), sd, interval, verdict, best[column] == name, tuple(values.tolist())))
    return tuple(cells)


def _best(
    judged: Mapping[str, Judged],
    base: str,
    of_system: Mapping[str, Sequence[Verdict | None]],
    column: int,
    draws: int,
) -> str:
    """Return the system that is distinguishably better than every other one in a column; "" where none is.

    The tests against the baseline are there already; those against the others are made, and corrected, together.
    """
    names = [name for name, own in judged.items() if own.intervals[column] is not None]
    if len(names) < 2 or not enough_people(*(part.clusters for part in judged[names[0]].on[column])):
        return ""
    metric = judged[names[0]].columns[column][1]
    first = names[better_of([float(judged[name].by_run[column].mean()) for name in names], metric)]
    rivals = [name for name in names if name not in (first, base)]
    against_base = [of_system[name][column] for name in (rivals if first == base else [first]) if name in of_system]
    if not against_base or not all(verdict and verdict.distinguishable for verdict in against_base):
        return ""
    if first == base:
        return first if all(verdict and verdict.better < 0 for verdict in against_base) else ""
    others = verdicts([(judged[first], judged[name], column) for name in rivals], draws)
    return first if all(verdict and verdict.distinguishable for verdict in others) else ""
