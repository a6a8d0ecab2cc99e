"""Protocols and recipes as text, without any data at hand."""

from __future__ import annotations

from textwrap import wrap

from fasdata.datasets.registry import load_cards
from fasdata.protocols.grammar import ProtocolName, parse
from fasdata.protocols.plan import BUILDABLE, Plan, make_plan
from fasdata.protocols.recipe import DEFAULT, Part, Recipe, load_recipe, recipes
from fasdata.protocols.text_table import text_table
from fasdata.protocols.vocabulary import IntraDataset, cross, intra, shipped
from fasdata.records import LABELS


def list_text() -> str:
    """Return the letters, the usual protocols with the recipes that can build them, and the recipes."""
    lines = ["letters"]
    for pool, entries in cross().pools.items():
        lines.append(f"  {pool}: " + ", ".join(f"{entry.letter} {entry.name}" for entry in entries.letters))
    for group in shipped().groups:
        lines += ["", group.title]
        lines += text_table(
            ("name", "recipes"), [(name, ", ".join(_able(parse(name))) or "not yet") for name in group.names]
        )
    lines += ["", "inside one dataset (cannot be built yet)"]
    lines += [f"  {dataset}:  {'  '.join(_with_folds(entry))}" for dataset, entry in intra().datasets.items()]
    lines += ["", "recipes"]
    lines += text_table(("name", "what"), [(name, load_recipe(name).title) for name in recipes()])
    return "\n".join(lines)


def show_text(name: str, recipe: str = DEFAULT) -> str:
    """Return what a protocol means in a recipe: canonical name first, then roles, splits, frames and expected counts.

    Raises:
        UserError: the name or the recipe is unknown.
    """
    parsed, chosen = parse(name), load_recipe(recipe)
    given = f"  (given as {parsed.alias})" if parsed.alias != parsed.canonical else ""
    head = f"{parsed.canonical}{given}"
    if parsed.intra:
        lines = _intra_lines(parsed)
    elif parsed.variant in BUILDABLE and parsed.pool in chosen.pools:
        lines = _plan_lines(make_plan(parsed, chosen))
    else:
        lines = _unbuilt_lines(parsed, chosen)
    return "\n".join([head, *lines])


def _plan_lines(plan: Plan) -> list[str]:
    recipe, rules = plan.recipe, plan.rules
    share = f"{rules.validation.share:.0%} of the subjects"
    held = f"where a source has that split, else {share}" if rules.validation.splits else f"{share} of each source"
    roles = (
        ("source", rules.sources, plan.sources),
        ("validation", rules.validation, plan.sources),
        ("target", rules.target, plan.targets),
    )
    rows = [
        (role, one.name, *(getattr(part.expected[one.letter], label) for label in LABELS))
        for role, part, domains in roles
        for one in domains
        if one.letter in part.expected
    ]
    cards = {one.name: load_cards().get(one.dataset) for one in plan.domains}
    return [
        f"recipe      {recipe.name}: {recipe.title}",
        *wrap(recipe.differs, width=108, initial_indent=" " * 12, subsequent_indent=" " * 12),
        f"sources     {', '.join(f'{one.domain_id} = {one.name} ({one.letter})' for one in plan.sources)}",
        f"target      {', '.join(f'{one.name} ({one.letter})' for one in plan.targets)}",
        f"training    {_part(rules.sources)}",
        f"validation  {_part(rules.validation)}; {held}",
        f"test        {_part(rules.target)}",
        f"scoring     by {', then '.join(rules.scoring.units)}; failure to acquire: {rules.scoring.fta}",
        "",
        "expected clips, before any is dropped",
        *text_table(("role", "dataset", *LABELS), rows),
        "",
        "data to have",
        *(
            f"  {name}: {f'{card.owner}; {card.licence}' if card else 'not supported yet'}"
            for name, card in cards.items()
        ),
    ]


def _part(part: Part) -> str:
    splits = f"splits {' + '.join(part.splits)}; " if part.splits else ""
    miss = (
        f"a frame without a face may be {', '.join(part.on_miss)}"
        if part.on_miss
        else "a frame without a face is skipped"
    )
    return f"{splits}frames {part.frames}; {miss}"


def _intra_lines(parsed: ProtocolName) -> list[str]:
    fold = f", fold {parsed.fold}" if parsed.fold else ""
    dataset = intra().datasets[parsed.dataset].dataset
    return [f"dataset     {dataset}", f"protocol    {parsed.protocol}{fold}", "cannot be built yet"]


def _unbuilt_lines(parsed: ProtocolName, recipe: Recipe) -> list[str]:
    pool = cross().pools[parsed.pool]
    why = (
        f"the variant {parsed.variant}"
        if parsed.pool in recipe.pools
        else f"pool {parsed.pool} with the recipe {recipe.name}"
    )
    return [
        f"sources     {', '.join(pool.entry(letter).name for letter in parsed.sources)}",
        f"target      {', '.join(pool.entry(letter).name for letter in parsed.targets)}",
        f"cannot be built yet: {why}",
    ]


def _able(name: ProtocolName) -> list[str]:
    """Return the recipes that can build a protocol with the datasets this version supports."""
    if name.intra or name.variant not in BUILDABLE:
        return []
    datasets = {cross().pools[name.pool].entry(letter).dataset for letter in name.sources + name.targets}
    return [recipe for recipe in recipes() if name.pool in load_recipe(recipe).pools and datasets <= set(load_cards())]


def _with_folds(entry: IntraDataset) -> list[str]:
    return [name + (f".{{{','.join(folds)}}}" if folds else "") for name, folds in entry.protocols.items()]
