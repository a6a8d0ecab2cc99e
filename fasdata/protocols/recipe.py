"""Recipes: which splits, frames, extra data and scoring a method's authors mean by a protocol."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from fasdata.datasets.card import Count, Form
from fasdata.datasets.declared import read_declared
from fasdata.errors import UserError, unknown_name
from fasdata.protocols.vocabulary import cross
from fasdata.resources import manifests_dir
from fasdata.sampling import FrameRule

DEFAULT = "standard"
Split = Literal["train", "dev", "test"]
Fallback = Literal["interp", "hold", "given", "shift", "center"]


def _canonical_rule(text: str) -> str:
    try:
        return str(FrameRule.parse(text))
    except UserError as error:
        raise ValueError(str(error)) from None


Rule = Annotated[str, AfterValidator(_canonical_rule)]


class Part(Form):
    """What one part of a manifest takes from a dataset.

    `splits` are official splits pooled, `frames` the frame rule. `on_miss` lists the stand-ins that are accepted for a
    frame without a detected face; an empty list skips the frame. `expected` counts clips, before drops, by letter.
    """

    splits: list[Split]
    frames: Rule
    on_miss: list[Fallback]
    expected: dict[str, Count]


class Sources(Part):
    """Training data. `extra` letters are always added; `domain_order` is, by target letter, the order of domain ids."""

    extra: list[str]
    domain_order: dict[str, list[str]]

    def ordered(self, sources: str, targets: str, pool_order: str) -> list[str]:
        """Return the source letters in the order of their domain ids, extra sources last.

        Letters the recipe does not order, and protocols with several targets, follow the pool's order.
        """
        order = [*self.domain_order.get(targets, []), *pool_order]
        listed = sorted(sources, key=order.index)
        return listed + [letter for letter in self.extra if letter not in sources]


class Validation(Part):
    """Held-out data of the sources: `splits` that training leaves out; without one, a `share` of the subjects."""

    share: float = Field(gt=0, lt=1)


class Scoring(Form):
    """How the recipe's authors score: `units` (the first selects), and what becomes of clips without a usable frame."""

    units: list[Literal["clip", "frame"]] = Field(min_length=1)
    fta: Literal["count", "exclude"]


class PoolRecipe(Form):
    """A recipe in one pool of datasets."""

    sources: Sources
    validation: Validation
    target: Part
    scoring: Scoring

    @model_validator(mode="after")
    def _apart(self) -> PoolRecipe:
        both = set(self.sources.splits) & set(self.validation.splits)
        if both:
            raise ValueError(f"the splits {', '.join(sorted(both))} are in training and in validation")
        if not self.sources.splits or not self.target.splits:
            raise ValueError("sources and target need at least one split")
        return self


class Recipe(Form):
    """A named realisation of protocols; `differs` says in words what is particular about it."""

    name: str
    title: str
    differs: str
    pools: dict[str, PoolRecipe]

    def pool(self, pool: str) -> PoolRecipe:
        """Return the recipe's part for a pool.

        Raises:
            UserError: the recipe says nothing about that pool; names the recipes that do.
        """
        if pool not in self.pools:
            able = [name for name in recipes() if pool in load_recipe(name).pools]
            raise UserError(
                f"the recipe {self.name} says nothing about pool {pool}",
                expected=f"one of {', '.join(able)}"
                if able
                else f"a recipe for pool {pool}, which this version does not have",
            )
        return self.pools[pool]


@cache
def recipes() -> tuple[str, ...]:
    """Return the names of the shipped recipes, the default one first."""
    names = sorted(path.stem for path in (manifests_dir() / "recipes").glob("*.yaml"))
    return tuple(sorted(names, key=lambda name: name != DEFAULT))


@cache
def load_recipe(name: str) -> Recipe:
    """Return a shipped recipe.

    Raises:
        UserError: no such recipe (names the nearest), or its file is malformed.
    """
    if name not in recipes():
        raise unknown_name("recipe", name, recipes())
    path = manifests_dir() / "recipes" / f"{name}.yaml"
    recipe = read_declared(path, Recipe)
    if recipe.name != name:
        raise UserError(f"{path}: the name inside is {recipe.name!r}", expected=repr(name))
    for pool, inside in recipe.pools.items():
        _require_letters(str(path), pool, inside)
    return recipe


def _require_letters(where: str, pool: str, inside: PoolRecipe) -> None:
    if pool not in cross().pools:
        raise unknown_name(f"pool in {where}:", pool, cross().pools)
    orders = inside.sources.domain_order
    used = {*inside.sources.extra, *orders, *(letter for order in orders.values() for letter in order)}
    used.update(*(part.expected for part in (inside.sources, inside.validation, inside.target)))
    for letter in sorted(used):
        if letter not in tuple(cross().pools[pool].order):
            raise unknown_name(f"letter in {where}:", letter, tuple(cross().pools[pool].order))


def frame_rules_for(dataset: str) -> list[str]:
    """Return the frame rules that shipped recipes need of a dataset (slug), dense rules left out, sorted.

    A dataset without a letter in any pool gets the rules of the default recipe.
    """
    pools = {
        pool for pool, entries in cross().pools.items() if any(entry.dataset == dataset for entry in entries.letters)
    }
    every = [load_recipe(name) for name in recipes()]
    inside = [recipe.pools[pool] for recipe in every for pool in pools if pool in recipe.pools] or list(
        load_recipe(DEFAULT).pools.values()
    )
    rules = {part.frames for entry in inside for part in (entry.sources, entry.validation, entry.target)}
    return sorted(rule for rule in rules if not FrameRule.parse(rule).dense)
