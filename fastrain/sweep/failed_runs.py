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
        return without_folders(self.failure.reason)


def without_folders(words: str) -> str:
    """Return words in which the folders of absolute paths are left out.

    >>> without_folders("no file /tank/nets/w.pth, see a/b")
    'no file …/w.pth, see a/b'
    """
    return _FOLDERS.sub("…/", words)


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


def failed_section(failed: Sequence[FailedRun], aliases: Mapping[str, str]) -> Section:
    """Return a section on these runs, seeds of one fate together; `aliases` are what the page calls protocols."""
    seeds: dict[tuple[str, ...], list[str]] = {}
    for run in failed:
        facts, attempts = run.facts, run.failure.attempts
        on = f"{facts.method} on {aliases.get(facts.protocol, facts.protocol)}"
        about = ", ".join([on, f"recipe {facts.recipe}", *facts.varied])
        tries = f" ({attempts} attempts)" if attempts > 1 else ""
        seeds.setdefault((about, run.reason + tries), []).append(str(facts.seed))
    rows = [Row([about, ", ".join(of), reason], "muted") for (about, reason), of in seeds.items()]
    note = "They have no number in any table. 'fastrain sweep … --retry-failed' tries them again."
    table = Table("Runs that failed", [Column("Run"), Column("Seeds"), Column("Reason")], rows, note)
    return Section(ANCHOR, f"Failed: {len(failed)} run{'s' * (len(failed) > 1)}", [table])
