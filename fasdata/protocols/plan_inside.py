"""Plans of protocols inside one dataset."""

from __future__ import annotations

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.protocols.grammar import ProtocolName
from fasdata.protocols.inside import InsidePart, InsideRule, Split, inside_rule
from fasdata.protocols.plan import TARGET_ID, Domain, Plan, Role, Take, counts
from fasdata.protocols.recipe import INSIDE, PoolRecipe, Recipe
from fasdata.protocols.recipe_parts import Part
from fasdata.protocols.vocabulary import intra
from fasdata.records import MODALITIES

_PARTS: dict[Role, str] = {"sources": "train", "validation": "val", "target": "test"}


def plan_inside(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol inside one dataset; see `make_plan`."""
    rules, rule = recipe.pool(INSIDE), inside_rule(name)
    if rule.needs or not rule.train or not rule.test:
        raise UserError(f"{name.canonical} needs a list that no path can tell: {rule.needs}")
    slug = intra().datasets[name.dataset].dataset
    card = load_cards().get(slug)
    called = card.name if card else slug
    train = [_take("sources", rules.sources, rule, name, "train", rule.train)]
    if rule.dev:
        train.append(_take("validation", rules.validation, rule, name, "dev", rule.dev))
    else:
        held = Take("val", "validation", (), rules.validation.frames, tuple(rules.validation.on_miss))
        train.append(held)
    test = _take("target", rules.target, rule, name, "test", rule.test)
    return Plan(
        name,
        recipe,
        _with_modalities(rules, list(card.modalities) if card else ["rgb"]),
        (Domain(0, "", slug, called, tuple(train)),),
        (Domain(TARGET_ID, "", slug, called, (test,)),),
        report=rule.report,
        note=rule.note,
    )


def _take(role: Role, part: Part, rule: InsideRule, name: ProtocolName, split: Split, inside: InsidePart) -> Take:
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
