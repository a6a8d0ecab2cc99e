"""The folder of a sweep: its runs by name, what each was asked for, their logs, and why some failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from fasdata.claims import Claim, claim
from fasdata.errors import UserError, unknown_name
from fasdata.foreign import read_json, validated
from fasdata.store.atomic import require_writable, write_text
from fastrain.rundir.facts import Count, Facts, KeptRequest
from fastrain.rundir.folder import RunDir

SWEEP = "sweep.json"
FORMAT = 1
MemberState = Literal["finished", "running", "stopped", "failed", "waiting"]


class MemberFacts(Facts):
    """A run of a sweep as it was asked for; `varied` are the settings that the sweep tried values of."""

    method: str
    protocol: str
    """The canonical name."""
    recipe: str
    seed: Count
    settings: str
    """The short hash of everything else that decides the result; runs that differ in their seed alone share it."""
    varied: list[str] = Field(default_factory=list)
    request: KeptRequest = KeptRequest()


class SweepFacts(Facts):
    """What `sweep.json` says: the runs by their names."""

    format: Literal[1]
    runs: dict[str, MemberFacts]


class Failure(Facts):
    """Why a run of a sweep failed, and how many times it was tried."""

    reason: str
    attempts: Count = 1
    at: str = ""


@dataclass(frozen=True)
class SweepDir:
    """Paths, reading and writing of a sweep's folder; every file is replaced whole."""

    path: Path

    @classmethod
    def is_one(cls, folder: Path) -> bool:
        """Tell whether a folder is that of a sweep."""
        return (folder / SWEEP).is_file()

    def run(self, name: str) -> RunDir:
        """Return the folder of a run."""
        return RunDir(self.path / "runs" / name)

    def log(self, name: str) -> Path:
        """Return the file that has all that a run prints."""
        return self.path / "logs" / f"{name}.log"

    def facts(self) -> SweepFacts:
        """Return what `sweep.json` says.

        Raises:
            UserError: there is none, or it is damaged.
        """
        file = self.path / SWEEP
        if not file.is_file():
            raise UserError(f"{self.path} is no sweep", expected=f"a folder with {SWEEP}", do="fastrain sweep --out")
        return validated(SweepFacts, read_json(file), str(file), do="give the command of the sweep again")

    def member(self, name: str) -> str:
        """Return the name of the one run that `name`, which may be a part of it, means.

        Raises:
            UserError: none does, or several do.
        """
        names = list(self.facts().runs)
        fitting = [name] if name in names else [each for each in names if name in each]
        if not fitting:
            raise unknown_name("run of the sweep", name, names)
        if len(fitting) > 1:
            raise UserError(f"{name!r} means several runs", expected="one", found=", ".join(fitting[:4]))
        return fitting[0]

    def state(self, name: str) -> MemberState:
        """Return how a run stands; what somebody is working on counts as running, whoever that is.

        Raises:
            UserError: its folder holds something else, or is damaged.
        """
        run = self.run(name)
        state = run.state()
        if state == "finished":
            return "finished"
        if run.holder():
            return "running"
        if self.failure(name):
            return "failed"
        return "stopped" if state == "unfinished" else "waiting"

    def failure(self, name: str) -> Failure | None:
        """Return why a run failed, None where it did not."""
        file = self._failure(name)
        return validated(Failure, read_json(file), str(file), do="remove that file") if file.is_file() else None

    def note_failure(self, name: str, reason: str, at: str) -> None:
        """Write down that a run failed."""
        before = self.failure(name)
        self._failure(name).parent.mkdir(parents=True, exist_ok=True)
        facts = {"reason": reason, "attempts": (before.attempts if before else 0) + 1, "at": at}
        write_text(self._failure(name), json.dumps(facts, indent=2) + "\n")

    def clear_failure(self, name: str) -> None:
        """Forget that a run failed before."""
        self._failure(name).unlink(missing_ok=True)

    def require_fit(self) -> None:
        """Check, and write nothing, that the folder is a sweep's or can become one.

        Raises:
            UserError: it holds something else, or cannot be written.
        """
        there = [path.name for path in self.path.glob("*")] if self.path.is_dir() else []
        if there and not self.is_one(self.path) and set(there) - {".lock"}:
            raise UserError(f"{self.path} is no sweep", found=", ".join(there[:3]), do="give another --out")
        require_writable(self.path)

    def locked(self) -> Claim:
        """Keep the sweep to this process.

        Raises:
            UserError: another process carries it out.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        return claim(
            self.path / ".lock",
            f"another process carries out the sweep {self.path}",
            do=f"wait for it to end, or look at it: fastrain sweep status {self.path}",
        )

    def add(self, members: Mapping[str, MemberFacts]) -> None:
        """Write `sweep.json` with these runs beside those that it has."""
        known = self.facts().runs if self.is_one(self.path) else {}
        runs = {name: facts.tree() for name, facts in {**known, **members}.items()}
        text = json.dumps({"format": FORMAT, "runs": runs}, indent=1)
        write_text(self.path / SWEEP, text + "\n")

    def _failure(self, name: str) -> Path:
        return self.path / "failed" / f"{name}.json"
