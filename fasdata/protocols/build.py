"""A protocol's manifest, from the stores of a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fasdata import __version__
from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.manifest.columns import PARTS
from fasdata.manifest.fingerprint import table_fingerprint
from fasdata.manifest.leakage import require_no_crossing
from fasdata.manifest.meta import FORMAT, Deviation, Meta, Validation
from fasdata.manifest.meta import Domain as DomainMeta
from fasdata.protocols.assign import MODES, UNUSED, Assignment, assign
from fasdata.protocols.collect import Collected, StoreLike, collect
from fasdata.protocols.describe import describe
from fasdata.protocols.expected import deviations, require_expected
from fasdata.protocols.frame_columns import FrameColumns
from fasdata.protocols.grammar import parse
from fasdata.protocols.plan import Plan, make_plan
from fasdata.protocols.recipe import DEFAULT, load_recipe
from fasdata.protocols.rows import make_table
from fasdata.protocols.tallies import Placed, left_out, losses, missed_frames, tally

__all__ = ["assemble", "build_protocol", "describe"]


def build_protocol(
    name: str, *, recipe: str = DEFAULT, library: Library, validation: str = "auto", seed: int = 0, strict: bool = False
) -> Manifest:
    """Build a protocol's manifest, write it into the library and return it.

    Raises:
        UserError: name, recipe or validation rule unknown; a store missing or without the frames the recipe needs;
            leakage; a part with one label only; with `strict`, counts more than 2 % off the full datasets.
    """
    from fasdata.store.reader import Store

    plan = make_plan(parse(name), load_recipe(recipe))
    _require_known(plan)
    folders = {domain.dataset: library.require_store(domain.dataset) for domain in plan.domains}
    stores = {dataset: Store.open(folder) for dataset, folder in folders.items()}
    manifest = assemble(plan, stores, validation=validation, seed=seed, strict=strict)
    return replace(manifest, path=manifest.write(library.protocol_dir(plan.name.canonical, plan.recipe.name)))


def assemble(
    plan: Plan, stores: Mapping[str, StoreLike], *, validation: str = "auto", seed: int = 0, strict: bool = False
) -> Manifest:
    """Return the manifest of a plan from opened stores, by slug; writes nothing (`Manifest.write` checks invariants).

    Raises:
        UserError: as `build_protocol`.
    """
    if validation not in MODES:
        raise unknown_name("validation rule", validation, MODES)
    columns = FrameColumns()
    collected = [collect(plan, domain, stores[domain.dataset], columns) for domain in plan.domains]
    assigned = [assign(plan, one.domain, [entry.clip for entry in one.entries], validation, seed) for one in collected]
    off = [
        deviation
        for one in collected
        for deviation in deviations(plan, one.domain, [entry.clip for entry in one.entries], validation)
    ]
    if strict:
        require_expected(plan, off)
    placed = _place(collected, assigned)
    _require_no_leak(placed)
    table = make_table(plan, placed, columns, {one.domain.dataset: one.detector for one in collected})
    meta = _meta(plan, collected, assigned, placed, off, validation, seed)
    return Manifest(table, {**meta, "fingerprint": table_fingerprint(table)})


def _require_known(plan: Plan) -> None:
    unknown = [domain for domain in plan.domains if domain.dataset not in load_cards()]
    if unknown:
        raise UserError(
            f"{plan.name.canonical} needs datasets that this version cannot read",
            expected=f"datasets among {', '.join(card.name for card in load_cards().values())}",
            found=", ".join(domain.name for domain in unknown),
            do="choose another protocol: 'fasdata protocol list'",
        )


def _place(collected: list[Collected], assigned: list[Assignment]) -> list[Placed]:
    """Return the clips of all datasets, part by part, in the order of rows."""
    by_part: dict[str, list[Placed]] = {part: [] for part in PARTS}
    for one, made in zip(collected, assigned, strict=True):
        for entry, part in zip(one.entries, made.parts, strict=True):
            if part == UNUSED:
                continue
            chosen = entry.chosen[part]
            if chosen.error:
                raise chosen.error
            by_part[part].append(Placed(part, one.domain.domain_id, entry, chosen))
    return [item for part in PARTS for item in by_part[part]]


def _require_no_leak(placed: list[Placed]) -> None:
    """Stop where a clip, a person or the content of a clip stands in two parts."""
    parts = [item.part for item in placed]
    clips = [item.entry.clip for item in placed]
    names = [f"{clip.dataset}/{clip.clip_id}" for clip in clips]
    require_no_crossing("clip", names, parts)
    people = [f"{clip.dataset}/{clip.subject}" if clip.subject else "" for clip in clips]
    require_no_crossing("person", people, parts)
    # Without a usable frame there is no content to compare.
    contents = [item.entry.pixel_hash if item.frames else "" for item in placed]
    require_no_crossing("content", contents, parts, names)


def _meta(
    plan: Plan,
    collected: list[Collected],
    assigned: list[Assignment],
    placed: list[Placed],
    off: list[Deviation],
    validation: str,
    seed: int,
) -> dict[str, Any]:
    rules = plan.rules
    held = [made.held_out for made in assigned if made.held_out]
    clips = [[entry.clip for entry in one.entries] for one in collected]
    warnings = [
        f"{one.dataset}: no validation clips, {one.why}" for one in held if one.rule == "none" and validation != "none"
    ]
    meta = Meta(
        format=FORMAT,
        canonical=plan.name.canonical,
        alias=plan.name.alias,
        pool=plan.name.pool,
        recipe=plan.recipe.model_dump(mode="json"),
        domains=[_domain(one) for one in plan.sources],
        target=[_domain(one) for one in plan.targets],
        frame_rules={"train": rules.sources.frames, "val": rules.validation.frames, "test": rules.target.frames},
        validation=Validation(mode=validation, seed=seed, share=rules.validation.share, datasets=held),  # type: ignore[arg-type]
        counts=tally(placed),
        drops=losses(placed, kept=False),
        fta=losses(placed, kept=True),
        missed_frames=missed_frames(placed),
        left_out=[one for made, of in zip(assigned, clips, strict=True) for one in left_out(made, of)],
        deviations=off,
        warnings=warnings,
        stores={one.domain.dataset: one.content_hash for one in collected},
        fingerprint="",
        tool_version=__version__,
    )
    return meta.model_dump(mode="json")


def _domain(one: Any) -> DomainMeta:
    return DomainMeta(
        domain_id=one.domain_id, domain=one.dataset, dataset=one.dataset, letter=one.letter, name=one.name
    )
