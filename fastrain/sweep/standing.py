"""How a sweep stands: the runs and their states, the best so far, and the time that is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.page.spelling import is_number, ratio, text_table
from fastrain.rundir import read_log
from fastrain.rundir.sweep_dir import MemberFacts, MemberState, SweepDir

if TYPE_CHECKING:
    from fastrain.sweep.plan_sweep import SweepPlan
    from fastrain.sweep.run_process import Task

STATES: tuple[MemberState, ...] = ("finished", "running", "stopped", "waiting", "failed")


@dataclass(frozen=True)
class Standing:
    """A run of a sweep: its state, iterations done and wanted, best validation AUC so far, seconds, why it failed."""

    name: str
    state: MemberState
    iteration: int
    iterations: int | None
    best: float | None
    seconds: float | None
    reason: str


def standing(folder: SweepDir, name: str) -> Standing:
    """Return how a run stands, as far as its files tell.

    Raises:
        UserError: a file of its folder is damaged.
    """
    run, state = folder.run(name), folder.state(name)
    lines = read_log(run.file("metrics.jsonl")) if run.file("metrics.jsonl").is_file() else []
    validated = [line.values.get("auc") for line in lines if line.kind == "val"]
    wanted = run.config().train.max_iterations if run.file("config.yaml").is_file() else None
    seconds = spent(folder, name) if state == "finished" else None
    failure = folder.failure(name) if state == "failed" else None
    best = max((float(auc) for auc in validated if auc is not None and is_number(auc)), default=None)
    return Standing(
        name, state, lines[-1].iteration if lines else 0, wanted, best, seconds, failure.reason if failure else ""
    )


def status_text(folder: SweepDir) -> str:
    """Return a table of the runs of a sweep, and how many are in which state.

    Raises:
        UserError: it is no sweep.
    """
    members = folder.facts().runs
    rows, states = [], Counter[str]()
    for name in members:
        try:
            stands = standing(folder, name)
        except UserError as error:
            rows.append([name, "damaged", "", "", "", str(error)])
            states["damaged"] += 1
            continue
        states[stands.state] += 1
        done = f"{stands.iteration}/{stands.iterations}" if stands.iterations else ""
        spent_text = duration(stands.seconds) if stands.seconds is not None else ""
        best = str(ratio(stands.best)) if stands.best is not None else ""
        rows.append([name, stands.state, done, best, spent_text, stands.reason])
    head = ["run", "state", "iterations", "best AUC on sources", "device time", "reason"]
    counted = ", ".join(f"{states[state]} {state}" for state in (*STATES, "damaged") if states[state])
    left = [name for name in members if states["damaged"] or folder.state(name) not in ("finished", "failed")]
    time_left = _estimate(folder, [members[name] for name in left], max(1, states["running"]))
    lines = [*text_table(head, rows, indent=""), "", f"{len(members)} runs: {counted}"]
    return "\n".join([*lines, *([f"left: {time_left}"] if time_left else [])])


def described(plan: SweepPlan, tasks: Sequence[Task], places: int) -> str:
    """Return what a sweep is about to do: its runs and how they stand, what is packed first, and how long it takes."""
    from fasdata.packs.make import describe_plan

    states = Counter(member.state for member in plan.members)
    lines = [f"{member.state:9} {member.name}" for member in plan.members]
    lines.append(f"{len(plan.members)} runs in {plan.folder.path}: {', '.join(f'{n} {s}' for s, n in states.items())}")
    lines += [f"packed first, once for all runs that see them:\n{describe_plan(pack)}" for pack in plan.packs]
    lines += [f"note: {note}" for note in plan.notes]
    left = estimate_text(plan.folder, tasks, places, plan)
    return "\n".join([*lines, f"to do: {len(tasks)} runs{left and f', {left}'}"])


# -- Time: that of finished runs is taken for those to come ------------------------------------------------------------


def spent(folder: SweepDir, name: str) -> float | None:
    """Return the seconds of device time that a finished run took, None where it does not say."""
    about = folder.run(name).facts()
    return about.cost.device_seconds if about.cost.device_seconds is not None else about.train_seconds


def estimate_text(folder: SweepDir, tasks: Sequence[Task], places: int, plan: SweepPlan | None = None) -> str:
    """Return how long the tasks take, in words; "" where no run is finished to tell by."""
    members = {member.name: member.facts for member in plan.members} if plan else folder.facts().runs
    return _estimate(folder, [members[task.name] for task in tasks], places)


def _estimate(folder: SweepDir, wanted: Sequence[MemberFacts], places: int) -> str:
    known = folder.facts().runs if SweepDir.is_one(folder.path) else {}
    by_system: dict[tuple[str, ...], list[float]] = {}
    finished = 0
    for name, facts in known.items():
        if folder.run(name).state() != "finished" or (seconds := spent(folder, name)) is None:
            continue
        finished += 1
        for key in (_system(facts), (facts.method, facts.protocol), (facts.method,)):
            by_system.setdefault(key, []).append(seconds)
    total, unknown = 0.0, 0
    for facts in wanted:
        keys = (_system(facts), (facts.method, facts.protocol), (facts.method,))
        times = next((by_system[key] for key in keys if key in by_system), None)
        total, unknown = (total, unknown + 1) if times is None else (total + sum(times) / len(times), unknown)
    if not finished or unknown == len(wanted):
        return ""
    rest = f", and {unknown} runs of methods that none is finished of" if unknown else ""
    return f"about {duration(total / places)} with {places} at once, going by {finished} finished runs{rest}"


def _system(facts: MemberFacts) -> tuple[str, ...]:
    return facts.method, facts.protocol, facts.recipe, facts.settings


def duration(seconds: float) -> str:
    """Spell a time.

    >>> duration(42), duration(4000), duration(90000)
    ('42 s', '1 h 07 min', '25 h 00 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
