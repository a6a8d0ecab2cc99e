"""Build the manifest of a protocol from the stores of a library."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fasdata import __version__
from fasdata.errors import unknown_name
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.manifest import TABLE
from fasdata.manifests.meta import FORMAT, Deviation, KeptCode, KeptRecipe, Leakage, Meta, Validation
from fasdata.manifests.meta import Domain as DomainMeta
from fasdata.manifests.table import PARTS, PartName, table_fingerprint
from fasdata.protocols.assign import MODES, UNUSED, Assignment, assign
from fasdata.protocols.collect import CollectedStore, FrameColumns, StoreLike, collect, take_key
from fasdata.protocols.dataset_names import Names
from fasdata.protocols.gate import check_leakage, deviations, label_warnings, require_expected
from fasdata.protocols.grammar import parse
from fasdata.protocols.own_rules import is_own, require_named
from fasdata.protocols.parameters import Parameters
from fasdata.protocols.plan import Domain, Plan, Take
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import DEFAULT, load_recipe
from fasdata.protocols.recipe_lists import ListSelection, select_clips
from fasdata.protocols.rows import make_table
from fasdata.protocols.sampling import FrameRule
from fasdata.protocols.tallies import PlacedClip, losses, missed_frames, tally, unused_clips
from fasdata.records import Clip
from fasdata.store.atomic import require_writable


@dataclass(frozen=True)
class Options:
    """How to build. `validation` is `auto` or `none`; `strict` stops on counts more than 2 % off the full datasets.

    `lists` is the folder with the recipe's list files. `allow_leakage` is the reason for letting leakage through; it
    goes into the manifest. `frames` (of training) and `test_frames` (of validation and test) stand in for the recipe's.
    """

    validation: str = "auto"
    seed: int = 0
    strict: bool = False
    lists: Path | None = None
    allow_leakage: str = ""
    frames: str = ""
    test_frames: str = ""

    @property
    def parameters(self) -> Parameters:
        """What deviates from the recipe.

        Raises:
            UserError: a frame rule or the validation rule is none.
        """
        return Parameters(self.frames, self.test_frames, self.validation, self.seed)


DEFAULTS = Options()


def planned(name: str, recipe: str, library: Library | None, options: Options = DEFAULTS) -> Plan:
    """Return the plan of a protocol in a recipe with the parameters of `options`; own datasets are the library's.

    Raises:
        UserError: as `parse` and `make_plan`.
    """
    return make_plan(parse(name, names=Names.of(library)), load_recipe(recipe).used_with(options.parameters))


def build_protocol(
    name: str,
    *,
    recipe: str = DEFAULT,
    library: Library,
    validation: str = "auto",
    seed: int = 0,
    strict: bool = False,
    lists: Path | None = None,
    allow_leakage: str = "",
    frames: str = "",
    test_frames: str = "",
    write: bool = True,
    reuse: bool = False,
) -> Manifest:
    """Build a protocol's manifest, write it into the library and return it; see `Options`.

    Without `write` it is built and checked all the same, and nothing is written. With `reuse` a manifest that stands
    there by now is returned as it is, and another process that builds it is waited for.

    Raises:
        UserError: another process builds it, or removes a person from a dataset; name, recipe or validation rule
            unknown; a store missing or without the frames the recipe needs; a list missing; leakage; a part with one
            label only; with `strict`, counts off the full datasets.
    """
    from fasdata.store.deriving import keep_frames
    from fasdata.store.reader import Store

    options = Options(validation, seed, strict, lists, allow_leakage, frames, test_frames)
    plan = planned(name, recipe, library, options)
    names = (plan.name.canonical, plan.recipe.key)
    folder = library.protocol_dir(*names)
    folders = {dataset: library.require_store(dataset) for dataset in plan.datasets}
    require_writable(folder)
    # Claims are files too: who writes nothing makes none.
    with (
        library.in_use(plan.datasets) if write else nullcontext(),
        library.building(*names, wait=reuse) if write else nullcontext(),
    ):
        if reuse and (folder / TABLE).is_file():
            return Manifest.read(folder)
        stores = {dataset: Store.open(folder) for dataset, folder in folders.items()}
        if write:
            for folder_of in folders.values():
                keep_frames(folder_of)
        manifest = assemble(plan, stores, options)
        if write:
            return replace(manifest, path=manifest.write(folder))
        manifest.check()
        return manifest


def assemble(plan: Plan, stores: Mapping[str, StoreLike], options: Options = DEFAULTS) -> Manifest:
    """Return the manifest of a plan from opened stores, by slug; writes nothing (`Manifest.write` checks invariants).

    Raises:
        UserError: as `build_protocol`.
    """
    if options.validation not in MODES:
        raise unknown_name("validation rule", options.validation, MODES)
    with room_for_millions():
        return _assembled(plan, stores, options)


@contextmanager
def room_for_millions() -> Iterator[None]:
    """Suit Python and Arrow to very many objects and rows, until the block ends.

    Python does not search for cycles again and again, since the objects of clips have none. Arrow's columns come from
    jemalloc, where it has that: with its own choice a fifth of the time goes into page faults.
    """
    import pyarrow as pa

    enabled, pool = gc.isenabled(), pa.default_memory_pool()
    gc.disable()
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        if enabled:
            gc.enable()


def _assembled(plan: Plan, stores: Mapping[str, StoreLike], options: Options) -> Manifest:
    code = _code(plan)
    columns = FrameColumns()
    collected = {dataset: collect(plan, dataset, stores[dataset], columns) for dataset in plan.datasets}
    clips = {dataset: [member.clip for member in store.clips] for dataset, store in collected.items()}
    selection = select_clips(plan, clips, options.lists, options.seed)
    assigned = assign_all(plan, clips, options, selection)
    frames = {dataset: [member.n_frames for member in store.clips] for dataset, store in collected.items()}
    deviating = all_deviations(assigned, clips, frames, options.validation)
    if options.strict:
        require_expected(plan, deviating)
    placed = _place(plan, collected, assigned)
    leakage = check_leakage(placed, options.allow_leakage)
    table = make_table(plan, placed, columns, {dataset: store.detector for dataset, store in collected.items()})
    meta = _meta(plan, collected, assigned, placed, deviating, selection, leakage, options, code)
    return Manifest(table, {**meta, "fingerprint": table_fingerprint(table)})


def assign_all(
    plan: Plan, clips: Mapping[str, Sequence[Clip]], options: Options, selection: ListSelection
) -> dict[str, list[Assignment]]:
    """Assign the clips of every dataset to parts."""
    return {
        dataset: assign(plan, dataset, of, options.validation, options.seed, selection.clips)
        for dataset, of in clips.items()
    }


def all_deviations(
    assigned: Mapping[str, Sequence[Assignment]],
    clips: Mapping[str, Sequence[Clip]],
    frames: Mapping[str, Sequence[int]],
    validation: str,
) -> list[Deviation]:
    """Return the counts of every dataset that are not those of the full datasets."""
    return [
        deviation
        for dataset, assignments in assigned.items()
        for assignment in assignments
        for deviation in deviations(assignment, clips[dataset], frames[dataset], validation)
    ]


def _place(
    plan: Plan, collected: Mapping[str, CollectedStore], assigned: Mapping[str, list[Assignment]]
) -> list[PlacedClip]:
    """Return the clips of all datasets, part by part, in the order of rows."""
    by_part: dict[str, list[PlacedClip]] = {part: [] for part in PARTS}
    by_role = {
        (assignment.domain.domain_id, dataset): assignment
        for dataset, assignments in assigned.items()
        for assignment in assignments
    }
    for domain in plan.domains:
        takes: dict[str, Take] = {take.part: take for take in domain.takes}
        keys = {part: take_key(take) for part, take in takes.items()}
        parts = by_role[domain.domain_id, domain.dataset].parts
        for clip, part in zip(collected[domain.dataset].clips, parts, strict=True):
            if part == UNUSED:
                continue
            usable = clip.usable[keys[part]]
            if usable.error:
                raise usable.error
            by_part[part].append(PlacedClip.of(domain, takes[part], clip, usable))
    return [member for part in PARTS for member in by_part[part]]


def _meta(
    plan: Plan,
    collected: Mapping[str, CollectedStore],
    assigned: Mapping[str, list[Assignment]],
    placed: list[PlacedClip],
    deviating: list[Deviation],
    selection: ListSelection,
    leakage: Leakage | None,
    options: Options,
    code: list[KeptCode],
) -> dict[str, Any]:
    order = [domain.dataset for domain in plan.sources]
    held = [of.held_out for assignments in assigned.values() for of in assignments if of.held_out]
    held.sort(key=lambda held_out: order.index(held_out.dataset))
    meta = Meta(
        format=FORMAT,
        canonical=plan.name.canonical,
        alias=plan.name.alias,
        pool=plan.name.pool,
        recipe=_kept_recipe(plan),
        domains=[domain_meta(domain) for domain in plan.sources],
        target=[domain_meta(domain) for domain in plan.targets],
        frame_rules=frame_rules(plan),
        modalities=list(plan.modalities),
        masked=list(plan.masked),
        shots=plan.shots,
        notes=[note for note in (plan.note, plan.report and f"report {plan.report}", selection.sides) if note],
        lists=list(selection.notes),
        code=code,
        file=plan.name.file.content() if plan.name.file else {},
        validation=Validation(
            mode=options.validation,  # type: ignore[arg-type]
            seed=options.seed,
            share=plan.rules.validation.share,
            datasets=held,
        ),
        counts=tally(placed),
        drops=losses(placed, kept=False),
        fta=losses(placed, kept=True),
        missed_frames=missed_frames(placed),
        left_out=[
            unused
            for dataset, assignments in assigned.items()
            for unused in unused_clips(assignments, [member.clip for member in collected[dataset].clips])
        ],
        deviations=deviating,
        warnings=[
            *(
                f"{held_out.dataset}: no validation clips, {held_out.why}"
                for held_out in held
                if held_out.rule == "none" and options.validation != "none"
            ),
            *selection.warnings,
            *label_warnings(placed),
        ],
        leakage=leakage,
        stores={dataset: store.content_hash for dataset, store in collected.items()},
        fingerprint="",
        tool_version=__version__,
    )
    return meta.model_dump(mode="json")


def _code(plan: Plan) -> list[KeptCode]:
    """Return what a manifest keeps of the frame rules from outside; they have to be named where it is built."""
    kinds = {FrameRule.parse(take.frames).kind for domain in plan.domains for take in domain.takes}
    facts = {kind: require_named(kind).code.facts() for kind in sorted(kinds) if is_own(kind)}
    return [KeptCode(what="frame rule", name=kind, **of) for kind, of in facts.items()]


def _kept_recipe(plan: Plan) -> KeptRecipe:
    kept = plan.recipe.model_dump(mode="json")
    if not kept["parameters"]:
        del kept["parameters"]
    return KeptRecipe.model_validate(kept)


def domain_meta(domain: Domain) -> DomainMeta:
    """Describe a dataset in its role, as a manifest holds it."""
    return DomainMeta(
        domain_id=domain.domain_id,
        domain=domain.label,
        dataset=domain.dataset,
        letter=domain.letter,
        name=f"{domain.name} (shots)" if domain.shots else domain.name,
        repeats=domain.repeats,
    )


def frame_rules(plan: Plan) -> dict[PartName, str]:
    """Return the frame rule of each part; where datasets differ, by dataset."""
    texts: dict[PartName, str] = {}
    for part in PARTS:
        rules = {domain.dataset: take.frames for domain in plan.domains if (take := domain.take(part))}
        same = set(rules.values())
        texts[part] = same.pop() if len(same) == 1 else ", ".join(f"{name} {rule}" for name, rule in rules.items())
    return texts
