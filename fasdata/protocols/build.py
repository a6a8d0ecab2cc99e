"""A protocol's manifest, from the stores of a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fasdata import __version__
from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.manifest.meta import FORMAT, Deviation, Leakage, Meta, Validation
from fasdata.manifest.meta import Domain as DomainMeta
from fasdata.manifest.table import PARTS, table_fingerprint
from fasdata.protocols.assign import MODES, UNUSED, Assignment, assign
from fasdata.protocols.collect import Collected, FrameColumns, StoreLike, collect
from fasdata.protocols.describe import describe
from fasdata.protocols.gate import deviations, pass_gate, require_expected, warn_about
from fasdata.protocols.grammar import parse
from fasdata.protocols.plan import Domain, Plan
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import DEFAULT, load_recipe
from fasdata.protocols.recipe_lists import ListedClips, resolve_lists
from fasdata.protocols.rows import make_table
from fasdata.protocols.tallies import Placed, left_out, losses, missed_frames, tally
from fasdata.records import Clip

__all__ = ["Options", "assemble", "build_protocol", "describe"]


@dataclass(frozen=True)
class Options:
    """How to build. `validation` is `auto` or `none`; `strict` stops on counts more than 2 % off the full datasets.

    `lists` is the folder with the recipe's list files. `allow_leakage` is the reason for letting leakage through; it
    goes into the manifest.
    """

    validation: str = "auto"
    seed: int = 0
    strict: bool = False
    lists: Path | None = None
    allow_leakage: str = ""


DEFAULTS = Options()


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
) -> Manifest:
    """Build a protocol's manifest, write it into the library and return it; see `Options`.

    Raises:
        UserError: name, recipe or validation rule unknown; a store missing or without the frames the recipe needs; a
            list missing; leakage; a part with one label only; with `strict`, counts off the full datasets.
    """
    from fasdata.store.reader import Store

    options = Options(validation, seed, strict, lists, allow_leakage)
    plan = make_plan(parse(name), load_recipe(recipe))
    require_cards(plan)
    folders = {dataset: library.require_store(dataset) for dataset in plan.datasets}
    stores = {dataset: Store.open(folder) for dataset, folder in folders.items()}
    manifest = assemble(plan, stores, options)
    return replace(manifest, path=manifest.write(library.protocol_dir(plan.name.canonical, plan.recipe.name)))


def assemble(plan: Plan, stores: Mapping[str, StoreLike], options: Options = DEFAULTS) -> Manifest:
    """Return the manifest of a plan from opened stores, by slug; writes nothing (`Manifest.write` checks invariants).

    Raises:
        UserError: as `build_protocol`.
    """
    if options.validation not in MODES:
        raise unknown_name("validation rule", options.validation, MODES)
    columns = FrameColumns()
    collected = {dataset: collect(plan, dataset, stores[dataset], columns) for dataset in plan.datasets}
    clips = {dataset: [entry.clip for entry in one.entries] for dataset, one in collected.items()}
    listed = resolve_lists(plan, clips, options.lists)
    assigned = assign_all(plan, clips, options, listed)
    frames = {dataset: [entry.n_frames for entry in one.entries] for dataset, one in collected.items()}
    off = off_counts(assigned, clips, frames, options.validation)
    if options.strict:
        require_expected(plan, off)
    placed = _place(plan, collected, assigned)
    leakage = pass_gate(placed, options.allow_leakage)
    table = make_table(plan, placed, columns, {dataset: one.detector for dataset, one in collected.items()})
    meta = _meta(plan, collected, assigned, placed, off, listed, leakage, options)
    return Manifest(table, {**meta, "fingerprint": table_fingerprint(table)})


def require_cards(plan: Plan) -> None:
    """Stop where the plan needs a dataset that this version cannot read."""
    unknown = [domain for domain in plan.domains if domain.dataset not in load_cards()]
    if unknown:
        raise UserError(
            f"{plan.name.canonical} needs datasets that this version cannot read",
            expected=f"datasets among {', '.join(card.name for card in load_cards().values())}",
            found=", ".join(domain.name for domain in unknown),
            do="choose another protocol: 'fasdata protocol list'",
        )


def assign_all(
    plan: Plan, clips: Mapping[str, Sequence[Clip]], options: Options, listed: ListedClips
) -> dict[str, list[Assignment]]:
    """Return where the clips of every dataset go."""
    return {
        dataset: assign(plan, dataset, of, options.validation, options.seed, listed.clips)
        for dataset, of in clips.items()
    }


def off_counts(
    assigned: Mapping[str, Sequence[Assignment]],
    clips: Mapping[str, Sequence[Clip]],
    frames: Mapping[str, Sequence[int]],
    validation: str,
) -> list[Deviation]:
    """Return all counts that are not those of the full datasets."""
    return [
        deviation
        for dataset, made in assigned.items()
        for one in made
        for deviation in deviations(one, clips[dataset], frames[dataset], validation)
    ]


def _place(plan: Plan, collected: Mapping[str, Collected], assigned: Mapping[str, list[Assignment]]) -> list[Placed]:
    """Return the clips of all datasets, part by part, in the order of rows."""
    by_part: dict[str, list[Placed]] = {part: [] for part in PARTS}
    made = {(one.domain.domain_id, one.domain.dataset): one for every in assigned.values() for one in every}
    for domain in plan.domains:
        takes = {take.part: take for take in domain.takes}
        parts = made[domain.domain_id, domain.dataset].parts
        for entry, part in zip(collected[domain.dataset].entries, parts, strict=True):
            if part == UNUSED:
                continue
            chosen = entry.of(takes[part])  # type: ignore[index]
            if chosen.error:
                raise chosen.error
            by_part[part].append(Placed(domain, takes[part], entry, chosen))  # type: ignore[index]
    return [item for part in PARTS for item in by_part[part]]


def _meta(
    plan: Plan,
    collected: Mapping[str, Collected],
    assigned: Mapping[str, list[Assignment]],
    placed: list[Placed],
    off: list[Deviation],
    listed: ListedClips,
    leakage: Leakage | None,
    options: Options,
) -> dict[str, Any]:
    held = [one.held_out for made in assigned.values() for one in made if one.held_out]
    order = [domain.dataset for domain in plan.sources]
    held.sort(key=lambda one: order.index(one.dataset))
    meta = Meta(
        format=FORMAT,
        canonical=plan.name.canonical,
        alias=plan.name.alias,
        pool=plan.name.pool,
        recipe=plan.recipe.model_dump(mode="json"),
        domains=[domain_meta(one) for one in plan.sources],
        target=[domain_meta(one) for one in plan.targets],
        frame_rules=frame_rules(plan),  # type: ignore[arg-type]
        modalities=list(plan.modalities),
        masked=list(plan.masked),
        shots=plan.shots,
        notes=[note for note in (plan.note, plan.report and f"report {plan.report}") if note],
        lists=list(listed.said),
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
            one
            for dataset, made in assigned.items()
            for one in left_out(made, [entry.clip for entry in collected[dataset].entries])
        ],
        deviations=off,
        warnings=[
            *(
                f"{one.dataset}: no validation clips, {one.why}"
                for one in held
                if one.rule == "none" and options.validation != "none"
            ),
            *listed.warnings,
            *warn_about(placed),
        ],
        leakage=leakage,
        stores={dataset: one.content_hash for dataset, one in collected.items()},
        fingerprint="",
        tool_version=__version__,
    )
    return meta.model_dump(mode="json")


def domain_meta(one: Domain) -> DomainMeta:
    """Return what a manifest says of a dataset in its role."""
    return DomainMeta(
        domain_id=one.domain_id,
        domain=one.label,
        dataset=one.dataset,
        letter=one.letter,
        name=f"{one.name} (shots)" if one.shots else one.name,
        repeats=one.repeats,
    )


def frame_rules(plan: Plan) -> dict[str, str]:
    """Return the frame rule of each part; where datasets differ, by dataset."""
    said = {}
    for part in PARTS:
        rules = {domain.dataset: take.frames for domain in plan.domains if (take := domain.take(part))}
        same = set(rules.values())
        said[part] = same.pop() if len(same) == 1 else ", ".join(f"{name} {rule}" for name, rule in rules.items())
    return said
