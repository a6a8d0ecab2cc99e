"""Make the plan of a protocol in a recipe: across datasets, from a file, or inside one dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fasdata.datasets.card import Count
from fasdata.errors import UserError
from fasdata.manifests.table import PartName
from fasdata.protocols.dataset_names import FILE, OWN, Member
from fasdata.protocols.inside import InsidePart, InsideRule, Split, inside_rule
from fasdata.protocols.plan import TARGET_ID, Domain, Plan, Role, Take
from fasdata.protocols.protocol_file import Entry
from fasdata.protocols.protocol_name import ProtocolName
from fasdata.protocols.recipe import INSIDE, PoolRecipe, Recipe, extra_letter
from fasdata.protocols.recipe_parts import Part, Unsplit
from fasdata.protocols.vocabulary import cross
from fasdata.records import LABELS, MODALITIES, SPLITS


def make_plan(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol in a recipe.

    Raises:
        UserError: the recipe does not cover the protocol's pool or variant, its datasets have no modality in common,
            its file is not here, or an extra source of the recipe is the target.
    """
    if name.intra:
        return plan_inside(name, recipe)
    if name.pool == FILE:
        return plan_from_file(name, recipe)
    return plan_own(name, recipe) if name.pool == OWN else plan_across(name, recipe)


# -- Across the datasets of a pool ------------------------------------------------------------------------------------

MASKS: dict[str, tuple[str, ...]] = {"miss-D": ("depth",), "miss-I": ("ir",), "miss-DI": ("depth", "ir")}
_PARTS: dict[Role, PartName] = {"sources": "train", "validation": "val", "target": "test"}


def plan_across(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol across the datasets of a pool; see `make_plan`."""
    rules = recipe.pool(name.pool)
    extras = [extra_letter(name.pool, text).dataset for text in rules.sources.extra] if name.sources else []
    in_both = [member.letter for member in name.target_sets if member.dataset in extras]
    if in_both:
        raise UserError(
            f"the recipe {recipe.name} adds {', '.join(in_both)}, the target of {name.canonical}, to the sources",
            do="choose another recipe",
        )
    _require_covered(name, recipe, rules)
    masked = MASKS.get(name.variant, ())
    _require_modalities(name, recipe, rules, masked)
    shots = _shots(name, recipe, rules)
    repeats = rules.sources.repeats.get(name.targets, {})
    sources = [
        _domain(number, member, _source_takes(rules, member), repeats.get(member.letter, 1))
        for number, member in enumerate(_sources(name, rules))
    ]
    if shots:
        times = rules.shots.repeats if rules.shots else 1
        sources += [
            _domain(len(sources) + number, member, (_shot_take(rules, member),), times, shots=True)
            for number, member in enumerate(name.target_sets)
        ]
    tested = [
        _domain(TARGET_ID, member, (_take_across("target", rules.target, member),)) for member in name.target_sets
    ]
    return Plan(name, recipe, rules, tuple(sources), tuple(tested), masked, shots, note=rules.note)


def _require_covered(name: ProtocolName, recipe: Recipe, rules: PoolRecipe) -> None:
    """Stop where a recipe is for certain protocols alone, and this is none of them."""
    shorts = [f"{name.sources}2{target}" for target in (name.targets if name.each else [name.targets])]
    covered = all(
        any(known == short or (not name.sources and known.endswith(short)) for known in rules.covers)
        for short in shorts
    )
    if rules.covers and not covered:
        raise UserError(
            f"the recipe {recipe.name} does not cover {name.canonical}",
            expected=f"one of {', '.join(f'{name.pool}:{known}' for known in rules.covers)}",
        )


def _require_modalities(name: ProtocolName, recipe: Recipe, rules: PoolRecipe, masked: tuple[str, ...]) -> None:
    """Stop where a variant takes away what the recipe does not use anyway."""
    lacking = [modality for modality in masked if modality not in rules.modalities]
    if lacking:
        raise UserError(
            f"{name.canonical} takes away {' and '.join(lacking)}, which the recipe {recipe.name} does not use",
            expected=f"a variant about {', '.join(rules.modalities)}",
            do="choose a recipe with several modalities, or leave the variant out",
        )


def _domain(number: int, member: Member, takes: tuple[Take, ...], repeats: int = 1, shots: bool = False) -> Domain:
    return Domain(number, member.letter, member.dataset, member.name, takes, repeats, shots)


def _sources(name: ProtocolName, rules: PoolRecipe) -> list[Member]:
    if not name.sources:
        return []
    members = {member.letter: member for member in name.source_sets}
    known = "".join(dict.fromkeys(cross().pools[name.pool].order + name.sources))  # letters that own data claim, last
    order = rules.sources.ordered(name.sources, name.targets, known)
    return [members.get(letter) or _extra(name.pool, letter) for letter in order]


def _extra(pool: str, text: str) -> Member:
    entry = extra_letter(pool, text)
    return Member(entry.dataset, entry.name, entry.letter)


def _source_takes(rules: PoolRecipe, entry: Member) -> tuple[Take, ...]:
    return (
        _take_across("sources", rules.sources, entry),
        _take_across("validation", rules.validation, entry),
    )


def _take_across(role: Role, part: Part, member: Member) -> Take:
    """Return what a part takes of a dataset; own data need not state a split, and then all of them count."""
    letter = member.letter
    of_own: Unsplit = "leave" if role == "validation" else "take"
    return Take(
        part=_PARTS[role],
        role=role,
        splits=tuple(part.splits_of.get(letter, part.splits)),
        frames=part.frames_of.get(letter, part.frames),
        on_miss=tuple(part.on_miss),
        where=tuple(part.keep.get(letter, ())),
        draw=part.draw,
        unsplit=of_own if member.own else part.unsplit,
        lists=part.lists.get(letter),
        expected=_expected_counts(
            {key[len(letter) + 1 :]: count for key, count in part.expected.items() if key.split("@")[0] == letter}
        ),
        unit="frame" if letter in part.counted_by_frame else "clip",
    )


def _shot_take(rules: PoolRecipe, entry: Member) -> Take:
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
        unsplit="take" if entry.own else target.unsplit,
        lists=rules.shots.lists.get(entry.letter) if rules.shots else None,
    )


def _shots(name: ProtocolName, recipe: Recipe, rules: PoolRecipe) -> int:
    asked = int(name.variant.removeprefix("shot")) if name.variant.startswith("shot") else 0
    if not name.source_sets:  # nothing trains, so no few clips join it
        if asked:
            raise UserError(
                f"{name.canonical} names what is only tested on: there is no training that {asked} clips could join",
                do="name the sources too, or leave the variant out",
            )
        return 0
    if name.each and (rules.shots or asked):
        raise UserError(
            f"{name.canonical} tests one network on each of several targets, and few clips of each would train it",
            do="name one target, or choose a recipe and a variant without shots",
        )
    if rules.shots and asked not in (0, rules.shots.clips):
        raise UserError(
            f"{name.canonical} asks for {asked} shots", expected=f"{rules.shots.clips}, as the recipe {recipe.name} has"
        )
    return rules.shots.clips if rules.shots else asked


def _expected_counts(expected: Mapping[str, Count]) -> tuple[tuple[str, str, int], ...]:
    """Return counts by layout ("" for any) as `Take.expected` holds them."""
    return tuple((layout, label, getattr(count, label)) for layout, count in expected.items() for label in LABELS)


# -- Across any datasets ----------------------------------------------------------------------------------------------


def plan_own(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol across datasets of any pool or none; see `make_plan`."""
    members = (*name.source_sets, *name.target_sets)
    rules, note = _common(name, recipe.pool(OWN), members)
    masked = MASKS.get(name.variant, ())
    _require_modalities(name, recipe, rules, masked)
    shots = _shots(name, recipe, rules)
    sources = [_domain(number, member, _source_takes(rules, member)) for number, member in enumerate(name.source_sets)]
    if shots:
        sources += [
            _domain(len(sources) + number, member, (_shot_take(rules, member),), shots=True)
            for number, member in enumerate(name.target_sets)
        ]
    tested = [
        _domain(TARGET_ID, member, (_take_across("target", rules.target, member),)) for member in name.target_sets
    ]
    return Plan(name, recipe, rules, tuple(sources), tuple(tested), masked, shots, note=note)


def plan_from_file(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol that a file describes; see `make_plan`."""
    file = name.file
    if file is None:
        raise UserError(
            f"{name.canonical} comes from a file", do="give the file in place of the name: --protocol my.yaml"
        )
    rules, note = _common(name, recipe.pool(OWN), (*name.source_sets, *name.target_sets))
    sources = []
    for number, member in enumerate(name.source_sets):
        held = file.validation.get(member.dataset)
        validation = (
            _take_entry("validation", rules.validation, held)
            if held
            else Take("val", "validation", (), rules.validation.frames, tuple(rules.validation.on_miss))
        )
        sources.append(
            _domain(number, member, (_take_entry("sources", rules.sources, file.sources[member.dataset]), validation))
        )
    tested = [
        _domain(TARGET_ID, member, (_take_entry("target", rules.target, file.targets[member.dataset]),))
        for member in name.target_sets
    ]
    title = "; ".join(text for text in (file.parts.title, note) if text)
    return Plan(name, recipe, rules, tuple(sources), tuple(tested), note=title)


def _take_entry(role: Role, part: Part, entry: Entry) -> Take:
    return Take(
        part=_PARTS[role],
        role=role,
        splits=tuple(entry.splits) or SPLITS,
        frames=part.frames,
        on_miss=tuple(part.on_miss),
        where=entry.conditions(),
        draw=part.draw,
    )


def _common(name: ProtocolName, rules: PoolRecipe, members: Sequence[Member]) -> tuple[PoolRecipe, str]:
    """Return the rules with the modalities that all datasets have, and a note where some have more.

    Raises:
        UserError: there is no such modality.
    """
    known = {member.name: member.modalities for member in members if member.modalities}
    common = [kind for kind in rules.modalities if all(kind in held for held in known.values())]
    if not common:
        raise UserError(
            f"the datasets of {name.canonical} have no modality in common",
            found=", ".join(f"{member}: {' '.join(held)}" for member, held in known.items()),
        )
    more = [
        f"{member} has {' and '.join(kind for kind in held if kind not in common)} too"
        for member, held in known.items()
        if set(held) - set(common)
    ]
    note = f"used are {', '.join(common)}, which all datasets have; {', '.join(more)}" if more else ""
    return rules.model_copy(update={"modalities": common}), note


# -- Inside one dataset -----------------------------------------------------------------------------------------------


def plan_inside(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol inside one dataset; see `make_plan`."""
    rules, rule, member = recipe.pool(INSIDE), inside_rule(name), name.target_sets[0]
    source = [_take_inside("sources", rules.sources, rule, name, "train", rule.train)]
    if rule.dev:
        source.append(_take_inside("validation", rules.validation, rule, name, "dev", rule.dev))
    else:
        source.append(Take("val", "validation", (), rules.validation.frames, tuple(rules.validation.on_miss)))
    test = _take_inside("target", rules.target, rule, name, "test", rule.test)
    return Plan(
        name,
        recipe,
        _with_modalities(rules, list(member.modalities) or ["rgb"]),
        (Domain(0, "", member.dataset, member.name, tuple(source)),),
        (Domain(TARGET_ID, "", member.dataset, member.name, (test,)),),
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
        unsplit=inside.unsplit,
        expected=_expected_counts({"": count} if (count := rule.count(name.fold, split)) else {}),
        unit=rule.unit,
    )


def _with_modalities(rules: PoolRecipe, modalities: list[str]) -> PoolRecipe:
    """Return the rules with the modalities of the dataset: one dataset need not agree with others."""
    return rules.model_copy(update={"modalities": [modality for modality in MODALITIES if modality in modalities]})
