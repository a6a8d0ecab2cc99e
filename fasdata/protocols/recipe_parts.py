"""The parts of a recipe: conditions on clips, what each part of a manifest takes, list files, few-shot, scoring."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from fasdata.datasets.card import Count
from fasdata.datasets.rule import Form, Pattern
from fasdata.errors import UserError
from fasdata.foreign import expression, placed
from fasdata.protocols.sampling import FrameRule
from fasdata.records import LABELS, Clip

# -- Conditions on a clip ---------------------------------------------------------------------------------------------

_OWN = ("split", "label", "attack_type", "pai", "subject", "clip_id", "layout")


class Condition(Form):
    """What `of` (a property of the clip, else one of its fields) must be: one of some values, none, a pattern, a range.

    `label` limits the condition to clips of that label; the others pass. What the path does not tell is "". A range is
    of numbers, such as the measures of a clip's faces (`fasdata.quality`); what is no number lies in none.

    >>> large = Condition(of="face_size", at_least=64)
    >>> [large.holds(Clip("d", "c", {}, fields={"face_size": size})) for size in ("64", "63.9", "")], str(large)
    ([True, False, False], 'face_size at least 64')
    """

    of: str
    any_of: list[str] | None = None
    none_of: list[str] | None = None
    matches: Pattern | None = None
    at_least: float | None = None
    at_most: float | None = None
    label: str | None = Field(default=None, pattern=f"^({'|'.join(LABELS)})$")

    @model_validator(mode="after")
    def _exactly_one_way(self) -> Condition:
        if sum(way is not None for way in (self.any_of, self.none_of, self.matches)) + self._is_range != 1:
            raise ValueError(f"the condition on {self.of} needs exactly one of any_of, none_of, matches, a range")
        return self

    @property
    def _is_range(self) -> bool:
        return self.at_least is not None or self.at_most is not None

    def holds(self, clip: Clip) -> bool:
        """Tell whether the clip meets the condition; one about another label always holds."""
        if self.label is not None and clip.label != self.label:
            return True
        value = getattr(clip, self.of) if self.of in _OWN else clip.fields.get(self.of, "")
        if self.any_of is not None:
            return value in self.any_of
        if self.none_of is not None:
            return value not in self.none_of
        if self._is_range:
            return self._holds_number(value)
        return bool(expression(self.matches or "", any_case=False).search(value))

    def _holds_number(self, value: str) -> bool:
        try:
            number = float(value)
        except ValueError:
            return False
        above, below = self.at_least is None or number >= self.at_least, self.at_most is None or number <= self.at_most
        return above and below

    def filled(self, fold: str) -> Condition:
        """Return the condition with `{fold}` replaced in its values."""

        def put(values: list[str] | None) -> list[str] | None:
            return None if values is None else [value.replace("{fold}", fold) for value in values]

        pattern = None if self.matches is None else placed(self.matches, self.matches.replace("{fold}", fold))
        changed = {"any_of": put(self.any_of), "none_of": put(self.none_of), "matches": pattern}
        return self.model_copy(update=changed)

    def __str__(self) -> str:
        """Return the condition in words."""
        if self.any_of is not None:
            words = f"{self.of} {_words(self.any_of)}"
        elif self.none_of is not None:
            words = f"{self.of} not {_words(self.none_of)}"
        elif self._is_range:
            ends = (("at least", self.at_least), ("at most", self.at_most))
            words = f"{self.of} {' and '.join(f'{word} {end:g}' for word, end in ends if end is not None)}"
        else:
            words = f"{self.of} like {self.matches}"
        return f"{self.label} {words}" if self.label else words


def all_hold(conditions: Iterable[Condition], clip: Clip) -> bool:
    """Tell whether the clip meets every condition."""
    return all(condition.holds(clip) for condition in conditions)


def _words(values: list[str]) -> str:
    return " or ".join(value or "(none)" for value in values)


# -- Parts, list files, few-shot, scoring -----------------------------------------------------------------------------

Split = Literal["train", "dev", "test"]
Fallback = Literal["interp", "hold", "given", "shift", "center"]
Modality = Literal["rgb", "depth", "ir"]
Unsplit = Literal["refuse", "take", "leave"]


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

    `splits` are official splits pooled, `frames` the frame rule; `splits_of` and `frames_of` override them for single
    letters. `keep` are conditions on clips and `lists` list files, by letter. `on_miss` lists the stand-ins that are
    accepted for a frame without a detected face; an empty list skips the frame. `draw`: the authors use `all` frames,
    or one at random each time; the manifest holds all. `expected` counts clips, before drops, by letter, or by letter
    and layout (`S@crop`) where releases of a dataset differ; frames instead for letters in `counted_by_frame`.
    `unsplit`: a clip whose split nobody states is refused, taken like those of `splits`, or left out.
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
    unsplit: Unsplit = "refuse"
    counted_by_frame: list[str] = Field(default_factory=list)

    def letters(self) -> set[str]:
        """Return every letter that this part mentions."""
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

    @property
    def on_target(self) -> bool:
        """Whether the authors select on the target, and so hold nothing of the sources out."""
        return "target" in self.selection
