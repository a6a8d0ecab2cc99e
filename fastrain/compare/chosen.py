"""Choose among the settings that a sweep tried, on source validation alone, and count how many were tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError
from fastrain.compare.system import ScoredRun
from fastrain.evaluation.results_lookup import VAL
from fastrain.rundir import RunDir
from fastrain.rundir.sweep_dir import MemberFacts, SweepDir

# By what settings are compared, at clip level on held-out people of the sources; the second breaks ties of the first.
COMPARED = (("auc", "", 1), ("eer", "", -1))


@dataclass(frozen=True)
class Tried:
    """How many settings of a method a sweep tried on a protocol, in a recipe, and what was chosen by what."""

    protocol: str
    recipe: str
    method: str
    settings: int
    chosen: str = ""

    @property
    def text(self) -> str:
        """In words, as a table's note has it."""
        if self.settings == 1:
            return f"{self.method} on {self.protocol}: one setting"
        how = f"the best of {self.settings} settings on source validation" if self.chosen else "none was chosen"
        return f"{self.method} on {self.protocol}: {how}" + (f" ({self.chosen})" if self.chosen else "")


@dataclass(frozen=True)
class Gathered:
    """The runs to compare, what was tried for them, and notes on what is not there yet."""

    runs: tuple[ScoredRun, ...]
    tried: tuple[Tried, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_sweep(self) -> bool:
        """Tell whether a sweep is among what was gathered."""
        return bool(self.tried)


def gathered(folders: Sequence[Path], *, choose: bool = True) -> Gathered:
    """Read runs and the finished runs of sweeps; of several settings of a method in a sweep the best one is kept.

    Settings are compared by the mean over their seeds of the clip-level AUC on held-out people of the sources; the
    target has no part in it. Without `choose` all of them stay.

    Raises:
        UserError: a folder is neither run nor sweep, a sweep has no finished run, or settings have no validation part
            to be chosen on.
    """
    runs: list[ScoredRun] = []
    tried: list[Tried] = []
    notes: list[str] = []
    for folder in folders:
        if not SweepDir.is_one(folder):
            runs.append(ScoredRun.read(folder))
            continue
        sweep = SweepDir(folder)
        members = sweep.facts().runs
        finished = {name: facts for name, facts in members.items() if sweep.run(name).state() == "finished"}
        if not finished:
            raise UserError(f"the sweep {folder} has no finished run", do=f"fastrain sweep status {folder}")
        if len(finished) < len(members):
            failed = sum(sweep.failure(name) is not None for name in members if name not in finished)
            words = f"; {failed} failed: fastrain sweep status {folder}" if failed else ""
            notes.append(
                f"{folder}: {len(finished)} of {len(members)} runs are finished, the others are not shown{words}"
            )
        for number in _numbers(sweep, members, finished, choose):
            tried.append(number[0])
            runs += [ScoredRun.read(sweep.run(name).path) for name in number[1]]
    return Gathered(tuple(runs), tuple(tried), tuple(notes))


def _numbers(
    sweep: SweepDir, members: dict[str, MemberFacts], finished: dict[str, MemberFacts], choose: bool
) -> list[tuple[Tried, list[str]]]:
    """Return what was tried for each method, protocol and recipe, with the names of the runs that stand for it."""
    numbers = []
    groups = dict.fromkeys((facts.protocol, facts.recipe, facts.method) for facts in finished.values())
    for group in groups:
        asked = {facts.settings for facts in members.values() if _group(facts) == group}
        settings: dict[str, list[str]] = {}
        for name, facts in finished.items():
            if _group(facts) == group:
                settings.setdefault(facts.settings, []).append(name)
        if len(settings) == 1 or not choose:
            chosen = _words(finished, *settings) if len(asked) > 1 and choose else ""
            numbers.append((Tried(*group, len(asked), chosen), [name for names in settings.values() for name in names]))
            continue
        best = max(settings, key=lambda each: _validated(sweep, settings[each]))
        numbers.append((Tried(*group, len(asked), _words(finished, best)), settings[best]))
    return numbers


def _group(facts: MemberFacts) -> tuple[str, str, str]:
    return facts.protocol, facts.recipe, facts.method


def _words(finished: dict[str, MemberFacts], settings: str) -> str:
    facts = next(facts for facts in finished.values() if facts.settings == settings)
    return ", ".join(facts.varied) or facts.request.preset or "defaults"


def _validated(sweep: SweepDir, names: Sequence[str]) -> tuple[float, ...]:
    """Return what settings are compared by, higher is better: means over their seeds."""
    return tuple(
        sign * sum(_metric(sweep.run(name), metric, policy) for name in names) / len(names)
        for metric, policy, sign in COMPARED
    )


def _metric(run: RunDir, metric: str, policy: str) -> float:
    for row in run.results().metrics:
        wanted = (row.part, row.level, row.metric, row.threshold_policy) == (VAL, "clip", metric, policy)
        if wanted and row.value is not None:
            return row.value
    raise UserError(
        f"several settings were tried, and {run.path} has no validation scores to choose among them",
        do="see all of them side by side with --all-settings; picking one by these numbers is selecting on the target",
    )
