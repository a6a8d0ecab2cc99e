"""Put a protocol name and a recipe together into a plan: across datasets, and inside one."""

from __future__ import annotations

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.protocols.grammar import ProtocolName
from fasdata.protocols.inside import InsidePart, InsideRule, Split, inside_rule
from fasdata.protocols.plan import TARGET_ID, Domain, Plan, Role, Take, counts, require_modality
from fasdata.protocols.recipe import INSIDE, PoolRecipe, Recipe, extra_letter
from fasdata.protocols.recipe_parts import Part
from fasdata.protocols.vocabulary import Letter, cross, intra
from fasdata.records import MODALITIES


def make_plan(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol in a recipe.

    Raises:
        UserError: the recipe does not cover the protocol's pool or variant, the protocol needs list files that this
            version cannot read, or an extra source of the recipe is the target.
    """
    return plan_inside(name, recipe) if name.intra else plan_across(name, recipe)


# -- Plans of protocols across datasets -------------------------------------------------------------------------------


MASKS = {"miss-D": ("depth",), "miss-I": ("ir",), "miss-DI": ("depth", "ir")}
_PARTS: dict[Role, str] = {"sources": "train", "validation": "val", "target": "test"}


def plan_across(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol across datasets; see `make_plan`."""
    rules, pool = recipe.pool(name.pool), cross().pools[name.pool]
    extras = [extra_letter(name.pool, text).dataset for text in rules.sources.extra]
    both = [letter for letter in name.targets if pool.entry(letter).dataset in extras]
    if both:
        raise UserError(
            f"the recipe {recipe.name} adds {', '.join(both)} to the sources, which is the target of {name.canonical}",
            do="choose another recipe",
        )
    short = f"{name.sources}2{name.targets}"
    if rules.covers and short not in rules.covers:
        raise UserError(
            f"the recipe {recipe.name} says nothing about {name.canonical}",
            expected=f"one of {', '.join(f'{name.pool}:{one}' for one in rules.covers)}",
        )
    masked = MASKS.get(name.variant, ())
    require_modality(name, recipe, rules, masked)
    shots = _shots(name, recipe, rules)
    entries = _sources(name, rules)
    repeats = rules.sources.repeats.get(name.targets, {})
    sources = [
        Domain(number, entry.letter, entry.dataset, entry.name, _source(rules, entry), repeats.get(entry.letter, 1))
        for number, entry in enumerate(entries)
    ]
    targets = [pool.entry(letter) for letter in name.targets]
    if shots:
        times = rules.shots.repeats if rules.shots else 1
        sources += [
            Domain(len(sources) + number, entry.letter, entry.dataset, entry.name, (_shot(rules, entry),), times, True)
            for number, entry in enumerate(targets)
        ]
    tested = [
        Domain(TARGET_ID, entry.letter, entry.dataset, entry.name, (_take("target", rules.target, entry.letter),))
        for entry in targets
    ]
    return Plan(name, recipe, rules, tuple(sources), tuple(tested), masked, shots, note=rules.note)


def _sources(name: ProtocolName, rules: PoolRecipe) -> list[Letter]:
    order = rules.sources.ordered(name.sources, name.targets, cross().pools[name.pool].order)
    return [extra_letter(name.pool, letter) for letter in order]


def _source(rules: PoolRecipe, entry: Letter) -> tuple[Take, ...]:
    return (
        _take("sources", rules.sources, entry.letter),
        _take("validation", rules.validation, entry.letter),
    )


def _take(role: Role, part: Part, letter: str) -> Take:
    return Take(
        part=_PARTS[role],  # type: ignore[arg-type]
        role=role,
        splits=tuple(part.splits_of.get(letter, part.splits)),
        frames=part.frames_of.get(letter, part.frames),
        on_miss=tuple(part.on_miss),
        where=tuple(part.keep.get(letter, ())),
        draw=part.draw,
        lists=part.lists.get(letter),
        expected=counts(
            {key[len(letter) + 1 :]: count for key, count in part.expected.items() if key.split("@")[0] == letter}
        ),
        unit="frame" if letter in part.counted_by_frame else "clip",
    )


def _shot(rules: PoolRecipe, entry: Letter) -> Take:
    """Return what training takes of the target's few clips: its frame rule, of the clips that may be tested."""
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


# -- Plans of protocols inside one dataset ----------------------------------------------------------------------------


def plan_inside(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol inside one dataset; see `make_plan`."""
    rules, rule = recipe.pool(INSIDE), inside_rule(name)
    if rule.needs or not rule.train or not rule.test:
        raise UserError(f"{name.canonical} needs a list that no path can tell: {rule.needs}")
    slug = intra().datasets[name.dataset].dataset
    card = load_cards().get(slug)
    called = card.name if card else slug
    train = [_taken("sources", rules.sources, rule, name, "train", rule.train)]
    if rule.dev:
        train.append(_taken("validation", rules.validation, rule, name, "dev", rule.dev))
    else:
        held = Take("val", "validation", (), rules.validation.frames, tuple(rules.validation.on_miss))
        train.append(held)
    test = _taken("target", rules.target, rule, name, "test", rule.test)
    return Plan(
        name,
        recipe,
        _with_modalities(rules, list(card.modalities) if card else ["rgb"]),
        (Domain(0, "", slug, called, tuple(train)),),
        (Domain(TARGET_ID, "", slug, called, (test,)),),
        report=rule.report,
        note=rule.note,
    )


def _taken(role: Role, part: Part, rule: InsideRule, name: ProtocolName, split: Split, inside: InsidePart) -> Take:
    fold = rule.values.get(name.fold, name.fold)
    return Take(
        part=_PARTS[role],  # type: ignore[arg-type]
        role=role,
        splits=tuple(inside.splits),
        frames=part.frames,
        on_miss=tuple(part.on_miss),
        where=tuple(condition.filled(fold) for condition in inside.keep),
        split_field=inside.split_field.replace("{fold}", fold),
        within=inside.within,
        draw=part.draw,
        expected=counts({"": expected} if (expected := rule.count(name.fold, split)) else {}),
        unit=rule.unit,
    )


def _with_modalities(rules: PoolRecipe, modalities: list[str]) -> PoolRecipe:
    """Return the rules with the modalities of the dataset: inside one there is nothing to agree on."""
    return rules.model_copy(update={"modalities": [one for one in MODALITIES if one in modalities]})
