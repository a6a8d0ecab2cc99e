"""A protocol name and a recipe, put together: which dataset plays which role."""

from __future__ import annotations

from dataclasses import dataclass

from fasdata.errors import UserError
from fasdata.protocols.grammar import ProtocolName
from fasdata.protocols.recipe import PoolRecipe, Recipe
from fasdata.protocols.vocabulary import cross

BUILDABLE = ("", "all", "limited")  # variants that change nothing but the name
TARGET_ID = -1


@dataclass(frozen=True)
class Domain:
    """A dataset in its role: `domain_id` counts the sources in the recipe's order, the target has -1."""

    domain_id: int
    letter: str
    dataset: str
    name: str


@dataclass(frozen=True)
class Plan:
    """What is to be built: sources in the order of their ids, targets, and the recipe's rules for them."""

    name: ProtocolName
    recipe: Recipe
    rules: PoolRecipe
    sources: tuple[Domain, ...]
    targets: tuple[Domain, ...]

    @property
    def domains(self) -> tuple[Domain, ...]:
        """Sources, then targets."""
        return (*self.sources, *self.targets)


def make_plan(name: ProtocolName, recipe: Recipe) -> Plan:
    """Return the plan of a protocol in a recipe.

    Raises:
        UserError: the protocol stays inside a dataset or has a variant that cannot be built yet, the recipe does not
            cover its pool, or an extra source of the recipe is the target.
    """
    if name.intra:
        raise UserError(
            f"{name.canonical} is a protocol inside one dataset; this version cannot build those yet",
            do="choose a protocol across datasets: 'fasdata protocol list'",
        )
    if name.variant not in BUILDABLE:
        plain = name.canonical.partition("@")[0]
        raise UserError(
            f"the variant {name.variant!r} of {name.canonical} cannot be built yet",
            expected=f"{plain}, or the variants all and limited",
        )
    rules, pool = recipe.pool(name.pool), cross().pools[name.pool]
    both = sorted(set(rules.sources.extra) & set(name.targets))
    if both:
        raise UserError(
            f"the recipe {recipe.name} adds {', '.join(both)} to the sources, which is the target of {name.canonical}",
            do="choose another recipe",
        )
    order = rules.sources.ordered(name.sources, name.targets, pool.order)

    def domain(number: int, letter: str) -> Domain:
        entry = pool.entry(letter)
        return Domain(number, letter, entry.dataset, entry.name)

    sources = tuple(domain(number, letter) for number, letter in enumerate(order))
    return Plan(name, recipe, rules, sources, tuple(domain(TARGET_ID, letter) for letter in name.targets))
