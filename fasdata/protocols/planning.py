"""Make the plan of a protocol in a recipe: across datasets, or inside one."""

from __future__ import annotations

from collections.abc import Mapping

from fasdata.datasets.card import Count
from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.manifest.table import PartName
from fasdata.protocols.grammar import ProtocolName
from fasdata.protocols.inside import InsidePart, InsideRule, Split, inside_rule
from fasdata.protocols.plan import TARGET_ID, Domain, Plan, Role, Take
from fasdata.protocols.recipe import INSIDE, PoolRecipe, Recipe, extra_letter
from fasdata.protocols.recipe_parts import Part
from fasdata.protocols.vocabulary import Letter, cross, intra
from fasdata.records import LABELS, MODALITIES


def make_plan(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol in a recipe.

    Raises:
        UserError: the recipe does not cover the protocol's pool or variant, the protocol needs list files that this
            version cannot read, or an extra source of the recipe is the target.
    """
    return plan_inside(name, recipe) if name.intra else plan_across(name, recipe)


# -- Across datasets --------------------------------------------------------------------------------------------------

MASKS: dict[str, tuple[str, ...]] = {"miss-D": ("depth",), "miss-I": ("ir",), "miss-DI": ("depth", "ir")}
_PARTS: dict[Role, PartName] = {"sources": "train", "validation": "val", "target": "test"}


def plan_across(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol across datasets; see `make_plan`."""
    rules, pool = recipe.pool(name.pool), cross().pools[name.pool]
    extras = [extra_letter(name.pool, text).dataset for text in rules.sources.extra]
    in_both = [letter for letter in name.targets if pool.entry(letter).dataset in extras]
    if in_both:
        raise UserError(
            f"the recipe {recipe.name} adds {', '.join(in_both)}, the target of {name.canonical}, to the sources",
            do="choose another recipe",
        )
    short = f"{name.sources}2{name.targets}"
    if rules.covers and short not in rules.covers:
        raise UserError(
            f"the recipe {recipe.name} does not cover {name.canonical}",
            expected=f"one of {', '.join(f'{name.pool}:{covered}' for covered in rules.covers)}",
        )
    masked = MASKS.get(name.variant, ())
    _require_modalities(name, recipe, rules, masked)
    shots = _shots(name, recipe, rules)
    entries = _sources(name, rules)
    repeats = rules.sources.repeats.get(name.targets, {})
    sources = [
        _domain(number, entry, _source_takes(rules, entry), repeats.get(entry.letter, 1))
        for number, entry in enumerate(entries)
    ]
    targets = [pool.entry(letter) for letter in name.targets]
    if shots:
        times = rules.shots.repeats if rules.shots else 1
        sources += [
            _domain(len(sources) + number, entry, (_shot_take(rules, entry),), times, shots=True)
            for number, entry in enumerate(targets)
        ]
    tested = [_domain(TARGET_ID, entry, (_take_across("target", rules.target, entry.letter),)) for entry in targets]
    return Plan(name, recipe, rules, tuple(sources), tuple(tested), masked, shots, note=rules.note)


def _require_modalities(name: ProtocolName, recipe: Recipe, rules: PoolRecipe, masked: tuple[str, ...]) -> None:
    """Stop where a variant takes away what the recipe does not use anyway."""
    lacking = [modality for modality in masked if modality not in rules.modalities]
    if lacking:
        raise UserError(
            f"{name.canonical} takes away {' and '.join(lacking)}, which the recipe {recipe.name} does not use",
            expected=f"a variant about {', '.join(rules.modalities)}",
            do="choose a recipe with several modalities, or leave the variant out",
        )


def _domain(number: int, entry: Letter, takes: tuple[Take, ...], repeats: int = 1, shots: bool = False) -> Domain:
    return Domain(number, entry.letter, entry.dataset, entry.name, takes, repeats, shots)


def _sources(name: ProtocolName, rules: PoolRecipe) -> list[Letter]:
    order = rules.sources.ordered(name.sources, name.targets, cross().pools[name.pool].order)
    return [extra_letter(name.pool, letter) for letter in order]


def _source_takes(rules: PoolRecipe, entry: Letter) -> tuple[Take, ...]:
    return (
        _take_across("sources", rules.sources, entry.letter),
        _take_across("validation", rules.validation, entry.letter),
    )


def _take_across(role: Role, part: Part, letter: str) -> Take:
    return Take(
        part=_PARTS[role],
        role=role,
        splits=tuple(part.splits_of.get(letter, part.splits)),
        frames=part.frames_of.get(letter, part.frames),
        on_miss=tuple(part.on_miss),
        where=tuple(part.keep.get(letter, ())),
        draw=part.draw,
        lists=part.lists.get(letter),
        expected=_expected_counts(
            {key[len(letter) + 1 :]: count for key, count in part.expected.items() if key.split("@")[0] == letter}
        ),
        unit="frame" if letter in part.counted_by_frame else "clip",
    )


def _shot_take(rules: PoolRecipe, entry: Letter) -> Take:
    """Return what training takes of the target's few clips: frames by the sources' rule, clips as the target takes."""
    target = rules.target
    return Take(
        part="train",
        role="sources",
        splits=tuple(target.splits_of.get(entry.letter, target.splits)),
        frames=rules.sources.frames_of.get(entry.letter, rules.sources.frames),
        on_miss=tuple(rules.sources.on_miss),
        where=tuple(target.keep.get(entry.letter, ())),
        draw=rules.sources.draw,
        lists=rules.shots.lists.get(entry.letter) if rules.shots else None,
    )


def _shots(name: ProtocolName, recipe: Recipe, rules: PoolRecipe) -> int:
    asked = int(name.variant.removeprefix("shot")) if name.variant.startswith("shot") else 0
    if rules.shots and asked not in (0, rules.shots.clips):
        raise UserError(
            f"{name.canonical} asks for {asked} shots", expected=f"{rules.shots.clips}, as the recipe {recipe.name} has"
        )
    return rules.shots.clips if rules.shots else asked


def _expected_counts(expected: Mapping[str, Count]) -> tuple[tuple[str, str, int], ...]:
    """Return counts by layout ("" for any) as `Take.expected` holds them."""
    return tuple((layout, label, getattr(count, label)) for layout, count in expected.items() for label in LABELS)


# -- Inside one dataset -----------------------------------------------------------------------------------------------


def plan_inside(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol inside one dataset; see `make_plan`."""
    rules, rule = recipe.pool(INSIDE), inside_rule(name)
    if rule.needs or not rule.train or not rule.test:
        raise UserError(
            f"{name.canonical} needs {rule.needs}", do="choose another protocol: this version cannot read that list"
        )
    slug = intra().datasets[name.dataset].dataset
    card = load_cards().get(slug)
    title = card.name if card else slug
    source = [_take_inside("sources", rules.sources, rule, name, "train", rule.train)]
    if rule.dev:
        source.append(_take_inside("validation", rules.validation, rule, name, "dev", rule.dev))
    else:
        source.append(Take("val", "validation", (), rules.validation.frames, tuple(rules.validation.on_miss)))
    test = _take_inside("target", rules.target, rule, name, "test", rule.test)
    return Plan(
        name,
        recipe,
        _with_modalities(rules, list(card.modalities) if card else ["rgb"]),
        (Domain(0, "", slug, title, tuple(source)),),
        (Domain(TARGET_ID, "", slug, title, (test,)),),
        report=rule.report,
        note=rule.note,
    )


def _take_inside(
    role: Role, part: Part, rule: InsideRule, name: ProtocolName, split: Split, inside: InsidePart
) -> Take:
    fold = rule.values.get(name.fold, name.fold)
    return Take(
        part=_PARTS[role],
        role=role,
        splits=tuple(inside.splits),
        frames=part.frames,
        on_miss=tuple(part.on_miss),
        where=tuple(condition.filled(fold) for condition in inside.keep),
        split_field=inside.split_field.replace("{fold}", fold),
        within=inside.within,
        draw=part.draw,
        expected=_expected_counts({"": count} if (count := rule.count(name.fold, split)) else {}),
        unit=rule.unit,
    )


def _with_modalities(rules: PoolRecipe, modalities: list[str]) -> PoolRecipe:
    """Return the rules with the modalities of the dataset: one dataset need not agree with others."""
    return rules.model_copy(update={"modalities": [modality for modality in MODALITIES if modality in modalities]})
