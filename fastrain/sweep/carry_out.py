"""`fastrain sweep`: carry out what is left of a grid, and say how it stands."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Protocol

from fasdata.cores import usable_cores
from fasdata.library import Library
from fasdata.stopping import Stopped, leave, stop_requested, stoppable
from fastrain.sweep.grid import Grid
from fastrain.sweep.plan_sweep import Common, SweepPlan, kept, plan_sweep, share
from fastrain.sweep.run_process import Outcome, Task
from fastrain.sweep.standing import described, estimate_text


class Executor(Protocol):
    """Where runs are carried out; the scheduling is its own business."""

    def outcomes(self, tasks: Sequence[Task]) -> Generator[Outcome]:
        """Yield how each run ended, as they end; fewer once a stop is requested."""


def sweep(
    grid: Grid,
    common: Common,
    out: Path,
    executor: Executor,
    *,
    places: int,
    dry_run: bool = False,
    retry_failed: bool = False,
    pack: bool = True,
) -> list[Outcome]:
    """Carry out the runs of a grid that are not finished; return how each of them ended.

    Whatever ends a run stops no other. `places` are how many go on at once, for the estimate of time alone.

    Raises:
        UserError: as `plan_sweep`; another process carries out this sweep.
        StoppedExit: a stop was requested; the runs at work are saved.
    """
    plan = plan_sweep(grid, common, out, dry_run=dry_run, pack=pack)
    tasks = plan.to_do(retry_failed=retry_failed)
    print(described(plan, tasks, places))
    if dry_run:
        print("nothing was written")
        return []
    if not tasks:
        return []
    outcomes: list[Outcome] = []
    with plan.folder.locked(), stoppable():
        plan.folder.add(kept(plan.members))
        for line in share(plan.packs, Library.locate(Path(common.data) if common.data else None), usable_cores()):
            print(line)
        try:
            _each(plan, tasks, executor, outcomes, places)
        except Stopped as stopped:
            leave(stopped, "the same command")
    return outcomes


def _each(plan: SweepPlan, tasks: Sequence[Task], executor: Executor, outcomes: list[Outcome], places: int) -> None:
    left = {task.name: task for task in tasks}
    for outcome in executor.outcomes(tasks):
        outcomes.append(outcome)
        del left[outcome.name]
        words = [f"[{len(outcomes)}/{len(tasks)}] {outcome.name} {outcome.state}", outcome.reason]
        print(": ".join(filter(None, words)), flush=True)
        if left and (time_left := estimate_text(plan.folder, list(left.values()), places)):
            print(f"left: {time_left}", flush=True)
    if by := stop_requested():
        raise Stopped(by, sum(outcome.state == "finished" for outcome in outcomes), "runs")
    failed = sum(outcome.state == "failed" for outcome in outcomes)
    if failed:
        print(
            f"{failed} of {len(outcomes)} runs failed; their reasons: fastrain sweep status {plan.folder.path}; once "
            "more: the same command with --retry-failed",
            file=sys.stderr,
        )
