"""How training draws its items: what the configuration says, and the recipe where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasdata.errors import unknown_name
from fastrain.config import RunConfig

if TYPE_CHECKING:
    from fastrain.data.streams import Sampler

_MIXES: dict[str, Sampler] = {"alike": "groups", "by_length": "sources"}


@dataclass(frozen=True)
class Drawing:
    """A settled sampler, whether items are clips, how often each source counts, and what to tell of it.

    `notes` say what the recipe made of the defaults; `deviations` what it states and this run does not do.
    """

    sampler: Sampler
    clips: bool
    repeats: tuple[int, ...]
    notes: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: RunConfig, meta: Mapping[str, Any], *, apart: bool) -> Drawing:
        """Settle what the configuration leaves to the recipe of a manifest (its description is `meta`).

        `apart`: the method draws its domains apart from each other, so that it has to have `groups`.

        Raises:
            UserError: `data.source_weights` names what is no source of the manifest.
        """
        rules = _sources(meta)
        one, mixed = rules.get("draw", "all") == "one", _MIXES[rules.get("mix", "alike")]
        clips = one if config.data.items == "recipe" else config.data.items == "clips"
        sampler: Sampler = config.data.sampler if config.data.sampler != "recipe" else "groups" if apart else mixed
        repeats = _repeats(config.data.source_weights, meta["domains"])
        notes, deviations = [], []
        if one and clips:
            notes.append("each clip gives one frame, drawn at random at every visit, as the recipe has it")
        elif one:
            deviations.append("the recipe trains on one random frame of a clip at every visit; here on every frame")
        if mixed == sampler == "sources":
            often = [f"{d['name']} {n} times" for d, n in zip(meta["domains"], repeats, strict=True) if n > 1]
            counted = f" ({', '.join(often)})" if often else ""
            notes.append(f"sources are drawn by their length{counted}, labels by turns, as the recipe has it")
        elif mixed == "sources":
            why = ", which the method needs" if apart else ""
            deviations.append(f"the recipe draws its sources by their length; here data.sampler={sampler}{why}")
        if one and config.evaluate.frames == "all":
            notes.append(
                "a clip's score is the mean over its frames; the recipe's authors score one at random "
                "(evaluate.frames=random_one)"
            )
        return cls(sampler, clips, repeats, tuple(notes), tuple(deviations))


def _repeats(weights: Mapping[str, int], domains: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Return how often each source counts: as its letter's weight says, else as the recipe does."""
    letters = [str(domain.get("letter", "")) for domain in domains]
    strange = sorted(set(weights) - set(letters))
    if strange:
        raise unknown_name("source in data.source_weights", strange[0], filter(None, letters))
    recipe = [int(domain.get("repeats", 1)) for domain in domains]
    return tuple(weights.get(letter, times) for letter, times in zip(letters, recipe, strict=True))


def _sources(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rules about sources in the part of the recipe that the manifest was built by."""
    pools = meta["recipe"].get("pools", {})
    return pools.get(meta["pool"], pools.get("inside", {})).get("sources", {})
