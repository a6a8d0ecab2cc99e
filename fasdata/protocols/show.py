"""Describe protocols and recipes as text, without any data."""

from __future__ import annotations

from textwrap import wrap

from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.page.spelling import text_table
from fasdata.protocols.dataset_names import OWN, Names
from fasdata.protocols.grammar import ProtocolName, parse
from fasdata.protocols.parameters import UNCHANGED, Parameters
from fasdata.protocols.plan import Domain, Plan, Take
from fasdata.protocols.planning import make_plan
from fasdata.protocols.protocol_name import judges_each
from fasdata.protocols.recipe import DEFAULT, INSIDE, Recipe, load_recipe, recipes
from fasdata.protocols.vocabulary import IntraDataset, intra, shipped
from fasdata.records import LABELS

_WIDTH = 108


def list_text(library: Library | None = None) -> str:
    """List the letters, the usual protocols with the recipes that can build them, own datasets, and the recipes.

    Raises:
        UserError: two datasets of the library claim one letter.
    """
    names = Names.of(library)
    lines = ["letters"]
    for pool, entries in names.pools.items():
        lines.append(f"  {pool}: " + ", ".join(f"{entry.letter} {entry.name}" for entry in entries.letters))
    for group in shipped().groups:
        lines += ["", group.title]
        by_recipes: dict[str, list[str]] = {}
        for name in group.names:
            by_recipes.setdefault(", ".join(recipes_for(parse(name))) or "none", []).append(name)
        lines += text_table(
            ("names", "recipes"), [row for by, names_ in by_recipes.items() for row in _rows_of_six(names_, by)]
        )
    lines += ["", f"inside one dataset (recipe {', '.join(r for r in recipes() if INSIDE in load_recipe(r).pools)})"]
    for dataset, entry in intra().datasets.items():
        lines.append(f"  {dataset}:  {'  '.join(_with_folds(entry))}")
    own = [member.dataset for member in names.datasets.values() if member.own]
    lines += [
        "  any dataset, own ones too:  official (its split)  split  cv<k>.<i>  (by people)  LOO_<species>",
        "",
        f"any datasets (recipe {', '.join(r for r in recipes() if OWN in load_recipe(r).pools)})",
        "  'CASIA-FASD + OULU-NPU to mylab', canonical own:casia-fasd+oulu-npu_to_mylab; or a file: my.yaml",
        "",
        "one to many: train once, judge each target on its own and their mean",
        "  B2C+I+O+M, 'CelebA-Spoof to each of CASIA-FASD, mylab' (own:celeba-spoof_to_each_casia-fasd+mylab);",
        "  B2CIOM and own:…_to_a+b judge the clips of all targets together",
        *([f"  own datasets of {library.root}: {', '.join(own)}"] if library and own else []),
        "",
        "variants: @miss-D @miss-I @miss-DI (modalities taken away at test), @shot<k> (few clips of the target train)",
    ]
    lines += ["", "recipes"]
    lines += text_table(("name", "what"), [(name, load_recipe(name).title) for name in recipes()])
    return "\n".join(lines)


def recipes_text() -> str:
    """List the recipes with the pools of datasets that each covers."""
    rows = [(name, load_recipe(name).title, _pools(load_recipe(name))) for name in recipes()]
    return "\n".join(text_table(("name", "what", "pools"), rows, indent=""))


def recipe_text(name: str) -> str:
    """Describe a recipe: in each pool what trains, validates and is tested, and how its authors score.

    Raises:
        UserError: it is unknown.
    """
    recipe = load_recipe(name)
    lines = [f"{recipe.name}: {recipe.title}", *wrap(recipe.differs, width=_WIDTH)]
    for pool, rules in recipe.pools.items():
        lines += ["", _POOL_WORDS.get(pool, f"pool {pool}") + (f" ({', '.join(rules.covers)})" if rules.covers else "")]
        lines += [f"  modalities  {', '.join(rules.modalities)}"]
        for word, part in (("sources", rules.sources), ("validation", rules.validation), ("target", rules.target)):
            taken = f"{' + '.join(part.splits) or 'people held out of the sources'}; frames {part.frames}"
            others = ", ".join(f"{letter} {rule}" for letter, rule in part.frames_of.items())
            lines += _folded(word, taken + (f" ({others})" if others else ""))
        scoring = rules.scoring
        lines += _folded("scoring", f"by {', then '.join(scoring.units)}; failure to acquire: {scoring.fta}")
        lines += _folded("authors", f"select {scoring.selection}; threshold {scoring.threshold}")
        lines += _folded("note", rules.note)
    return "\n".join(lines)


def _folded(word: str, text: str) -> list[str]:
    return wrap(text, width=_WIDTH, initial_indent=f"  {word:<12}", subsequent_indent=" " * 14)


_POOL_WORDS = {INSIDE: "inside one dataset", OWN: "any datasets"}


def _pools(recipe: Recipe) -> str:
    return ", ".join(_POOL_WORDS.get(pool, pool) for pool in recipe.pools)


def recipes_for(name: ProtocolName) -> list[str]:
    """Return the recipes that can build a protocol."""
    able = []
    for recipe in recipes():
        try:
            make_plan(name, load_recipe(recipe))
        except UserError:
            continue
        able.append(recipe)
    return able


def show_text(
    name: str, recipe: str = DEFAULT, *, library: Library | None = None, parameters: Parameters = UNCHANGED
) -> str:
    """Describe a protocol in a recipe: canonical name first, then roles, splits, frames and expected counts.

    Raises:
        UserError: the name or the recipe is unknown.
    """
    parsed, rules = parse(name, names=Names.of(library)), load_recipe(recipe).used_with(parameters)
    given = f"  (given as {parsed.alias})" if parsed.alias != parsed.canonical else ""
    try:
        lines = _plan_lines(make_plan(parsed, rules), parameters.val)
    except UserError as error:
        lines = [*_named_lines(parsed), *wrap(f"cannot be built: {error}", width=_WIDTH)]
    return "\n".join([f"{parsed.canonical}{given}", *lines])


def _plan_lines(plan: Plan, val: str) -> list[str]:
    recipe, rules = plan.recipe, plan.rules
    share = f"{rules.validation.share:.0%} of the subjects"
    held = (
        "none: all train"
        if val == "none"
        else f"official dev where a source has it, else {share}"
        if _has_dev(plan)
        else f"{share} of each source"
    )
    cards = {domain.name: load_cards().get(domain.dataset) for domain in plan.domains}
    scoring = rules.scoring
    lines = [
        f"recipe      {recipe.text}: {recipe.title}",
        *wrap(recipe.differs, width=_WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 12),
        f"sources     {', '.join(map(domain_text, plan.sources))}"
        + ("; mixed by their length" if rules.sources.mix == "by_length" else ""),
        f"target      {', '.join(map(domain_text, plan.targets))}{judged_text(plan.name.canonical, len(plan.targets))}",
        f"modalities  {', '.join(plan.modalities)}"
        + (f"; {', '.join(plan.masked)} taken away at test" if plan.masked else ""),
        f"validation  {held}",
        f"scoring     by {', then '.join(scoring.units)}; failure to acquire: {scoring.fta}",
        f"authors     select {scoring.selection}; threshold {scoring.threshold}",
        *wrap(_replication(plan), width=_WIDTH, initial_indent="replicate   ", subsequent_indent=" " * 12),
        *wrap(plan.note, width=_WIDTH, initial_indent="note        ", subsequent_indent=" " * 12),
        *([f"report      {plan.report}"] if plan.report else []),
        *(f"needs list  {need.what}: {', '.join(need.files)}" for need in plan.lists().values()),
        "",
        "what each part takes; expected before any is dropped",
        *text_table(
            ("part", "dataset", "splits", "frames", "no face", *LABELS),
            [row for domain in plan.domains for take in domain.takes for row in _take_rows(domain, take)],
        ),
    ]
    only = [
        f"  {domain.name} in {take.part}: {condition}"
        for domain in plan.domains
        for take in domain.takes
        for condition in take.where
    ]
    lines += (["", "only clips with"] if only else []) + only
    return [
        *lines,
        "",
        "data to have",
        *(
            f"  {name}: {f'{card.owner}; {card.licence}' if card else 'own data: as their owner decides'}"
            for name, card in cards.items()
        ),
    ]


def _replication(plan: Plan) -> str:
    """Say which validation the authors train with; empty for the recipe that is ours."""
    if plan.recipe.name == DEFAULT:
        return ""
    if plan.rules.scoring.on_target:
        return (
            "with --val none every subject of the sources' splits trains, as the authors do; the default holds some "
            "out, so that selection and threshold need not look at the target"
        )
    return "with --val auto, the default: the authors have a validation list, which is the official dev split here"


def domain_text(domain: Domain) -> str:
    """Return a dataset in its role: id, name, letter, and how often it counts."""
    number = "" if domain.domain_id < 0 else f"{domain.domain_id} = "
    letter = f" ({domain.letter})" if domain.letter else ""
    times = f" x{domain.repeats}" if domain.repeats > 1 else ""
    return f"{number}{domain.name}{letter}{' shots' if domain.shots else ''}{times}"


def judged_text(canonical: str, targets: int) -> str:
    """Return how several targets are judged; "" for a single one."""
    if targets < 2:
        return ""
    return "; each judged on its own, and their mean" if judges_each(canonical) else "; judged together, as one target"


def splits_text(take: Take) -> str:
    """Return the splits a take goes by."""
    return "all" if take.every_split else "+".join(take.splits) or "by subject"


def _rows_of_six(names: list[str], by: str) -> list[tuple[str, str]]:
    """Return rows of six names; the recipes stand in the first."""
    rows = [names[place : place + 6] for place in range(0, len(names), 6)]
    return [("  ".join(row), "" if place else by) for place, row in enumerate(rows)]


def _take_rows(domain: Domain, take: Take) -> list[tuple[object, ...]]:
    draw = " (one at random)" if take.draw == "one" else ""
    frames = take.frames + draw + (f", before frame {take.within}" if take.within else "")
    head = (take.part, domain.name, splits_text(take), frames, "+".join(take.on_miss) or "skipped")
    layouts = list(dict.fromkeys(layout for layout, _, _ in take.expected))
    unit = " frames" if take.unit == "frame" else ""
    rows: list[tuple[object, ...]] = []
    for layout in layouts or [""]:
        wanted = take.wanted(layout)
        of = f" ({layout})" if layout else ""
        cells = [f"{wanted[label]:,}{unit}{of}" if label in wanted else "" for label in LABELS]
        rows.append((*(head if not rows else ("",) * len(head)), *cells))
    return rows


def _has_dev(plan: Plan) -> bool:
    return any(take.part == "val" and take.splits for domain in plan.sources for take in domain.takes)


def _named_lines(parsed: ProtocolName) -> list[str]:
    if parsed.intra:
        fold = f", fold {parsed.fold}" if parsed.fold else ""
        return [f"dataset     {parsed.target_sets[0].dataset}", f"protocol    {parsed.protocol}{fold}"]
    return [
        f"sources     {', '.join(member.name for member in parsed.source_sets) or 'none'}",
        f"target      {', '.join(member.name for member in parsed.target_sets) or 'unknown'}",
    ]


def _with_folds(entry: IntraDataset) -> list[str]:
    return [name + (f".{{{','.join(folds)}}}" if folds else "") for name, folds in entry.protocols.items()]
