"""What a recipe is made of: parts, list files, few-shot, scoring."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fasdata.datasets.card import Count, Form
from fasdata.errors import UserError
from fasdata.protocols.condition import Condition
from fasdata.sampling import FrameRule

Split = Literal["train", "dev", "test"]
Fallback = Literal["interp", "hold", "given", "shift", "center"]
Modality = Literal["rgb", "depth", "ir"]


def _canonical_rule(text: str) -> str:
    try:
        return str(FrameRule.parse(text))
    except UserError as error:
        raise ValueError(str(error)) from None


Rule = Annotated[str, AfterValidator(_canonical_rule)]


class ListNeed(Form):
    """List files of a paper that say which clips are meant; `what` names them in one line.

    `use`: `only` the listed clips, or all `except` them. `first` counts lines of each file. Without an `optional`
    list the recipe falls back on its own rules.
    """

    files: list[str] = Field(min_length=1)
    format: Literal["metapattern", "flip", "columns", "bob"]
    bonafide_is: Literal[0, 1]
    use: Literal["only", "except"]
    what: str
    first: int | None = Field(default=None, ge=1)
    optional: bool = False


class Part(Form):
    """What one part of a manifest takes from a dataset.

    `splits` are official splits pooled, `frames` the frame rule; `splits_of` and `frames_of` say otherwise for single
    letters. `keep` are conditions on clips and `lists` list files, by letter. `on_miss` lists the stand-ins that are
    accepted for a frame without a detected face; an empty list skips the frame. `draw`: the authors use `all` frames,
    or one at random each time; the manifest holds all. `expected` counts clips, before drops, by letter, or by letter
    and layout (`S@crop`) where releases of a dataset differ; frames instead for letters in `counted_by_frame`.
    """

    splits: list[Split]
    frames: Rule
    on_miss: list[Fallback]
    expected: dict[str, Count]
    splits_of: dict[str, list[Split]] = Field(default_factory=dict)
    frames_of: dict[str, Rule] = Field(default_factory=dict)
    keep: dict[str, list[Condition]] = Field(default_factory=dict)
    lists: dict[str, ListNeed] = Field(default_factory=dict)
    draw: Literal["all", "one"] = "all"
    counted_by_frame: list[str] = Field(default_factory=list)

    def letters(self) -> set[str]:
        """Return every letter it mentions."""
        counted = {key.partition("@")[0] for key in self.expected}
        return {*counted, *self.counted_by_frame, *self.splits_of, *self.frames_of, *self.keep, *self.lists}


class Sources(Part):
    """Training data. `extra` letters are always added (`mcio:B`: a letter of another pool).

    By target letter, `domain_order` is the order of domain ids and `repeats` how often a source is listed. `mix`: the
    authors draw as much from each source (`alike`), or from all together, so that a source counts `by_length`.
    """

    extra: list[str]
    domain_order: dict[str, list[str]]
    repeats: dict[str, dict[str, int]] = Field(default_factory=dict)
    mix: Literal["alike", "by_length"] = "alike"

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


class Shots(Form):
    """Few-shot: `clips` a label of the target join the training as a source of their own, `repeats` times.

    `lists` gives them by target letter; the first `clips` lines of each file count.
    """

    clips: int = Field(ge=1)
    repeats: int = Field(ge=1)
    lists: dict[str, ListNeed]


class Scoring(Form):
    """How the recipe's authors score: `units` (the first selects), and what becomes of clips without a usable frame.

    `selection` and `threshold` say in words how they choose the model and where they take the threshold from.
    """

    units: list[Literal["clip", "frame"]] = Field(min_length=1)
    fta: Literal["count", "exclude"]
    selection: str
    threshold: str
