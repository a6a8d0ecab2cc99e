"""Load recipes: the splits, frames, extra data and scoring that a method's authors mean by a protocol."""

from __future__ import annotations

from functools import cache

from pydantic import Field, model_validator

from fasdata.datasets.card import Claim
from fasdata.datasets.rule import Form
from fasdata.errors import UserError, unknown_name
from fasdata.foreign import read_declared
from fasdata.manifests.meta import recipe_key, recipe_text
from fasdata.protocols.dataset_names import OWN
from fasdata.protocols.parameters import Parameters
from fasdata.protocols.recipe_parts import Modality, Part, Scoring, Shots, Sources, Validation
from fasdata.protocols.sampling import FrameRule
from fasdata.protocols.vocabulary import Letter, cross, intra
from fasdata.records import MODALITIES
from fasdata.resources import manifests_dir

DEFAULT = "standard"
INSIDE = "inside"  # the part of a recipe for protocols inside one dataset


class PoolRecipe(Form):
    """A recipe in one pool of datasets, or inside one dataset.

    `covers` names the only protocols it applies to (`CS2W`); empty: any. `note` says what it replaces and why.
    """

    covers: list[str] = Field(default_factory=list)
    modalities: list[Modality] = Field(min_length=1)
    sources: Sources
    validation: Validation
    target: Part
    scoring: Scoring
    shots: Shots | None = None
    note: str = ""

    def used_with(self, parameters: Parameters) -> PoolRecipe:
        """Return the rules with other frames where `parameters` ask for them, in every dataset."""
        rules = {"sources": parameters.frames, "validation": parameters.test_frames, "target": parameters.test_frames}
        return self.model_copy(
            update={
                part: getattr(self, part).model_copy(update={"frames": rule, "frames_of": {}})
                for part, rule in rules.items()
                if rule
            }
        )

    @model_validator(mode="after")
    def _apart(self) -> PoolRecipe:
        shared = set(self.sources.splits) & set(self.validation.splits)
        if shared:
            raise ValueError(f"the splits {', '.join(sorted(shared))} are in training and in validation")
        if not self.sources.splits or not self.target.splits:
            raise ValueError("sources and target need at least one split")
        if self.modalities != [modality for modality in MODALITIES if modality in self.modalities]:
            raise ValueError(f"modalities stand in the order {', '.join(MODALITIES)}, each once")
        return self


class Recipe(Form):
    """A named realisation of protocols; `differs` says in words how it differs from others.

    `parameters` say where it is used otherwise than its file has it, by the name of the option.
    """

    name: str
    title: str
    differs: str
    pools: dict[str, PoolRecipe]
    parameters: dict[str, str] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """The canonical name, parameters included."""
        return recipe_key({"name": self.name, "parameters": self.parameters})

    @property
    def text(self) -> str:
        """The name with the parameters, as tables write it."""
        return recipe_text({"name": self.name, "parameters": self.parameters})

    def used_with(self, parameters: Parameters) -> Recipe:
        """Return the recipe with other frames where `parameters` ask for them."""
        return self.model_copy(
            update={
                "parameters": parameters.texts(),
                "pools": {name: pool.used_with(parameters) for name, pool in self.pools.items()},
            }
        )

    def pool(self, pool: str) -> PoolRecipe:
        """Return the recipe's part for a pool, or for protocols inside one dataset (`inside`).

        Raises:
            UserError: the recipe does not cover it; names the recipes that do.
        """
        if pool not in self.pools:
            able = [name for name in recipes() if pool in load_recipe(name).pools]
            where = {INSIDE: "protocols inside one dataset", OWN: "protocols of any datasets"}.get(pool, f"pool {pool}")
            raise UserError(
                f"the recipe {self.name} does not cover {where}",
                expected=f"one of {', '.join(able)}" if able else "a recipe that does; this version has none",
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


def extra_letter(pool: str, text: str) -> Letter:
    """Return the dataset of an extra source: a letter of the pool, or `<pool>:<letter>`."""
    other, _, letter = text.rpartition(":")
    return cross().pools[other or pool].entry(letter)


def _require_letters(where: str, pool: str, inside: PoolRecipe) -> None:
    if pool not in (INSIDE, OWN, *cross().pools):
        raise unknown_name(f"pool in {where}:", pool, cross().pools)
    known = tuple(cross().pools[pool].order) if pool in cross().pools else ()
    foreign = {text.rpartition(":")[2] for text in inside.sources.extra if ":" in text}
    orders, repeats = inside.sources.domain_order, inside.sources.repeats
    used = {*orders, *(letter for order in orders.values() for letter in order)}
    used.update(repeats, *repeats.values(), (text for text in inside.sources.extra if ":" not in text))
    used.update(*(part.letters() for part in (inside.sources, inside.validation, inside.target)))
    used.update(inside.shots.lists if inside.shots else ())
    for letter in sorted(used - foreign):
        if letter not in known:
            raise unknown_name(f"letter in {where}:", letter, known)


def frame_rules_for(dataset: str, claim: Claim | None = None) -> list[str]:
    """Return the frame rules that shipped recipes need of a dataset (slug), sorted; the costly ones are left out.

    Costly are dense rules, and those that need every frame of a clip searched for a face: they are asked for with
    `--frames`. A dataset without a letter in any pool gets the rules of the default recipe; a letter that its card
    claims is one.
    """
    letters = {
        pool: entry.letter for pool, of in cross().pools.items() for entry in of.letters if entry.dataset == dataset
    }
    if claim:
        letters[claim.pool] = claim.letter
    rules: set[str] = set()
    for recipe in map(load_recipe, recipes()):
        for pool, inside in recipe.pools.items():
            letter = letters.get(pool, "")
            if letter or (pool == INSIDE and _has_own_protocols(dataset)) or (not letters and recipe.name == DEFAULT):
                parts = (inside.sources, inside.validation, inside.target)
                rules.update(part.frames_of.get(letter, part.frames) for part in parts)
    return sorted(rule for rule in rules if not _costly(FrameRule.parse(rule)))


def _has_own_protocols(dataset: str) -> bool:
    return any(entry.dataset == dataset for entry in intra().datasets.values())


def _costly(rule: FrameRule) -> bool:
    return rule.dense or (rule.on == "with_face" and len(rule.missing(1000, {})) == 1000)
