"""Settle a sweep: the name and the plan of every run, what is there already, and what has to be packed first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError, naming
from fasdata.library import Library
from fasdata.manifests.meta import recipe_key
from fasdata.protocols.find_manifest import ManifestFile
from fastrain.config import RunConfig, config_hash
from fastrain.methods.registry import name_method
from fastrain.run.plan import RunPlan, check_settings, make_plan, manifest_of
from fastrain.run.request import RunRequest
from fastrain.rundir.facts import KeptRequest
from fastrain.rundir.sweep_dir import MemberFacts, MemberState, SweepDir
from fastrain.sweep.grid import Grid, Wish, spread
from fastrain.sweep.run_process import Task

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.packs.make import PackPlan


@dataclass(frozen=True)
class Common:
    """What is the same for all runs of a sweep: the options of `fastrain run` that are on no axis of the grid."""

    data: str | None = None
    frames: str | None = None
    test_frames: str | None = None
    val: str | None = None
    precision: str | None = None
    accelerator: str | None = None
    devices: str | None = None
    threads: int | None = None
    track: str | None = None
    faces: bool = False
    report: bool = True
    allow_changed_data: bool = False


@dataclass(frozen=True)
class Member:
    """A run of the sweep: its task, what `sweep.json` says of it, and how it stands."""

    task: Task
    facts: MemberFacts
    state: MemberState

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.task.name


@dataclass(frozen=True)
class SweepPlan:
    """A checked sweep: its runs, and the packs that its waiting runs share and that are not there yet."""

    folder: SweepDir
    members: tuple[Member, ...]
    packs: tuple[PackPlan, ...]
    notes: tuple[str, ...]

    def to_do(self, *, retry_failed: bool) -> list[Task]:
        """Return the tasks that are left: not what is finished or at work, what failed only on demand."""
        wanted = {"waiting", "stopped", *(["failed"] if retry_failed else [])}
        return [member.task for member in self.members if member.state in wanted]


def plan_sweep(grid: Grid, common: Common, out: Path, *, dry_run: bool = False, pack: bool = True) -> SweepPlan:
    """Check every run of a grid as `fastrain run` would, manifests built once; a dry run builds, and saves nothing.

    Raises:
        UserError: as `spread`, or a run would be refused; names it.
    """
    folder = SweepDir(out)
    folder.require_fit()
    library = Library.locate(Path(common.data) if common.data else None)
    manifests: dict[tuple[str, str], ManifestFile] = {}
    systems: dict[str, RunPlan] = {}
    members: dict[str, Member] = {}
    for wish in spread(grid):
        request = _request(wish, common, dry_run)
        with naming(f"{wish.method} on {wish.protocol}, recipe {wish.recipe}"):
            config = check_settings(request)
            key = wish.protocol, wish.recipe
            if key not in manifests:
                manifests[key] = manifest_of(request, library)
            meta = manifests[key].manifest.meta
            settings = _settings(config, request)
            system = f"{config.method}-{_safe(meta['canonical'])}-{recipe_key(meta['recipe'])}"
            name = f"{system}-seed{wish.seed}-{settings}"
            if name in members:
                raise UserError(f"the run {name} is in the grid twice", do="take the second name of one thing out")
            request = replace(request, out=str(folder.run(name).path))
            if f"{system}-{settings}" not in systems or folder.run(name).path.is_dir():  # seeds differ in nothing else
                systems[f"{system}-{settings}"] = make_plan(request, config, manifests[key])
        facts = MemberFacts(
            method=config.method, protocol=meta["canonical"], recipe=recipe_key(meta["recipe"]), seed=wish.seed,
            settings=settings, varied=list(wish.varied), request=KeptRequest.model_validate(request.kept()),
        )  # fmt: skip
        rules = tuple(text for text in (common.frames, common.test_frames) if text)
        task = Task(folder.path, name, replace(request, dry_run=False), (wish.method,), rules)
        members[name] = Member(task, facts, folder.state(name))
    waiting = Counter(
        f"{member.facts.method}-{_safe(member.facts.protocol)}-{member.facts.recipe}-{member.facts.settings}"
        for member in members.values()
        if member.state in ("waiting", "stopped")
    )
    packs, notes = _packs(systems, waiting, library) if pack else ((), ())
    return SweepPlan(folder, tuple(members.values()), packs, notes)


def _request(wish: Wish, common: Common, dry_run: bool) -> RunRequest:
    from fasdata.protocols.own_rules import name_rule

    options = asdict(common)
    for name in ("frames", "test_frames"):
        options[name] = name_rule(options[name]) if options[name] else None
    return RunRequest(
        method=name_method(wish.method), protocol=wish.protocol, recipe=wish.recipe, preset=wish.preset,
        overrides=(*wish.overrides, f"train.seed={wish.seed}"), dry_run=dry_run, **options,
    )  # fmt: skip


def _settings(config: RunConfig, request: RunRequest) -> str:
    """Return the short hash of what decides a result beside method, protocol, recipe and seed."""
    seedless = config.model_copy(update={"train": config.train.model_copy(update={"seed": 0})})
    rest = [request.val, request.devices or "1", request.precision or "32-true"]
    return sha256(json.dumps([config_hash(seedless), *rest]).encode()).hexdigest()[:8]


def _safe(canonical: str) -> str:
    return canonical.replace(":", "-")


# -- Packs that several runs share -------------------------------------------------------------------------------------


def _packs(
    systems: Mapping[str, RunPlan], waiting: Counter[str], library: Library
) -> tuple[tuple[PackPlan, ...], tuple[str, ...]]:
    """Return the packs that two or more waiting runs would read and that are not there, and why others are not made."""
    from fasdata.packs.make import plan_pack

    wanted: Counter[tuple[str, str, View]] = Counter()
    for system, plan in systems.items():
        meta = plan.manifest_file.manifest.meta
        missing = plan.images.pack is None and plan.config.data.images == "auto"
        if missing and plan.manifest_file.manifest.path:
            wanted[meta["canonical"], recipe_key(meta["recipe"]), plan.view] += waiting[system]
    packs, notes = [], []
    for (canonical, recipe, view), runs in wanted.items():
        if runs < 2:
            continue
        try:
            packs.append(plan_pack(canonical, recipe, library, view, "raw"))
        except UserError as error:
            notes.append(f"views of {canonical}, {view} are warped from the stores by each run: {error}")
    return tuple(packs), tuple(notes)


def share(packs: Sequence[PackPlan], library: Library, workers: int) -> list[str]:
    """Make packs; return a line on each. A pack that cannot be made stops nothing: runs then warp their views."""
    from fasdata.packs.make import describe_report, make_pack

    lines: list[str] = []
    for plan in packs:
        try:
            with plan.manifest.in_use(library):
                lines.append(describe_report(plan, make_pack(plan, workers=workers)))
        except UserError as error:
            lines.append(f"note: not packed, so each run warps its views from the stores: {error}")
    return lines


def kept(members: Sequence[Member]) -> dict[str, Any]:
    """Return what `sweep.json` is to say of the runs."""
    return {member.name: member.facts for member in members}
