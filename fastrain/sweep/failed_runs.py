"""The runs of sweeps that failed, with their reasons, for the pages of a leaderboard."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.page.page import Section
from fasdata.page.parts import Column, Row, Table
from fastrain.rundir.sweep_dir import Failure, MemberFacts, SweepDir

ANCHOR = "failed"
_FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/:;,'\"]+/)+")


@dataclass(frozen=True)
class FailedRun:
    """A run that failed: its name, what it was asked for, and why it ended."""

    name: str
    facts: MemberFacts
    failure: Failure

    @property
    def reason(self) -> str:
        """Why it failed, without the folders of this machine: pages go to others."""
        return _FOLDERS.sub("…/", self.failure.reason)


def failed_runs(sweeps: Sequence[Path]) -> list[FailedRun]:
    """Return the runs of these sweeps whose last attempt failed; folders of other kinds have none.

    Raises:
        UserError: the file of a sweep is damaged.
    """
    folders = [SweepDir(path) for path in sweeps if SweepDir.is_one(path)]
    return [
        FailedRun(name, facts, failure)
        for folder in folders
        for name, facts in folder.facts().runs.items()
        if folder.state(name) == "failed" and (failure := folder.failure(name))
    ]


def failed_section(failed: Sequence[FailedRun], aliases: Mapping[str, str], methods: bool = True) -> Section:
    """Return a section with a row for each of these runs; `aliases` are what protocols are called on the page."""
    rows = []
    for run in failed:
        settings = ", ".join(run.facts.varied) or "as all"
        about = [aliases.get(run.facts.protocol, run.facts.protocol), run.facts.recipe, str(run.facts.seed), settings]
        rows.append(
            Row([*([run.facts.method] if methods else []), *about, str(run.failure.attempts), run.reason], "muted")
        )
    titles = [*(["Method"] if methods else []), "Protocol", "Recipe", "Seed", "Settings", "Attempts", "Reason"]
    note = "They have no number in any table. 'fastrain sweep … --retry-failed' tries them again."
    table = Table("Runs that failed", [Column(title) for title in titles], rows, note)
    return Section(ANCHOR, f"Failed: {len(failed)} run{'s' * (len(failed) > 1)}", [table])
