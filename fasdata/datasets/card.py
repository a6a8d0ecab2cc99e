"""The dataset card: what a dataset is, who owns it, how it is laid out, and what its paths mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Literal, cast

from pydantic import Field, PrivateAttr, model_validator

from fasdata.datasets.own_table import Table, read_table
from fasdata.datasets.rule import Form, PathRule, Pattern, Value, placeholders, template
from fasdata.datasets.tree import clip_id
from fasdata.errors import UserError
from fasdata.foreign import whole_number
from fasdata.records import MODALITIES

SLUG = re.compile(r"^[a-z0-9][a-z0-9.-]*$")
_RANGE = re.compile(r"^(\d+)\.\.(\d+)$")
MOST_CLIPS = 10_000_000  # of a release: a card may claim any number, and its clips are counted one by one
# The readers of list files, in `list_forms`, that a card may name as its hook.
HOOKS = ("casia_surf", "casia_surf_cefa", "celeba_spoof", "hifimask", "hq_wmca", "padisi_face", "siw_mv2",
         "uniattackdata", "uniattackdata_plus", "wmca")  # fmt: skip

Split = Literal["train", "dev", "test", "all"]
Modality = Literal["rgb", "depth", "ir"]


class Count(Form):
    """The number of clips (or frames) of each label."""

    bonafide: int = Field(ge=0)
    attack: int = Field(ge=0)


class Enumerated(Form):
    """Clips that a complete copy must hold: the template `tail` with every combination of the values in `over`.

    `1..20` counts; `000..199` counts with the width kept.
    """

    tail: str
    over: dict[str, list[str]]

    @model_validator(mode="after")
    def _closed(self) -> Enumerated:
        strange = set(placeholders(self.tail)) ^ set(self.over)
        if strange:
            raise ValueError(f"{{{sorted(strange)[0]}}} is in only one of tail and over")
        if prod(sum(len(_counted(text)) for text in values) for values in self.over.values()) > MOST_CLIPS:
            raise ValueError(f"over: more than {MOST_CLIPS:,} clips")
        return self

    def clip_ids(self) -> Iterator[str]:
        """Yield the ids of the clips."""
        choices = [[value for text in values for value in _spelt(text)] for values in self.over.values()]
        fill = template(self.tail)
        for combination in product(*choices):
            yield clip_id(fill(dict(zip(self.over, combination, strict=True))))


class Layout(Form):
    """One way in which the dataset is laid out on disk. `examples` are real relative paths, shown when nothing matches.

    `modality` names the modalities in a path's file, one word or several (`depth ir`). `reader` is what opens the file;
    the reader `frames` takes a single image for a folder of one frame. `registered` says how depth and infrared lie on
    the colour image: pixel by pixel, after scaling to its size, or not at all. `unit` is what `counts` counts.
    `ids: path` makes the ids of clips of the tail and the file's ending: two endings are two recordings; in a release
    (`tail`) they are one. A layout with `words_in` is recognised only where every value of that group names an attack
    in a word of the field; else it has to be asked for.
    """

    name: str
    aliases: list[str] = Field(default_factory=list)
    about: str = ""
    reader: Literal["video", "frames", "image", "wmca-hdf5", "3dmad-hdf5", "hqwmca-hdf5", "padisi-npz"] = "video"
    registered: Literal["exact", "scaled", "none"] = "exact"
    precropped: bool = False
    depth_unit: Literal["", "relative", "mm", "scaled-65535"] = ""
    examples: list[str] = Field(min_length=1)
    rules: list[PathRule] = Field(min_length=1)
    modality: Value = "rgb"
    keep_case: bool = False
    ids: Literal["tail", "path"] = "tail"
    words_in: str = ""
    unit: Literal["clip", "frame"] = "clip"
    counts: dict[Split, Count] | None = None
    complete: list[Enumerated] = Field(default_factory=list)
    _table: Table | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _consistent(self) -> Layout:
        strange = [word for word in self.modality_words if word not in MODALITIES]
        if strange:
            raise ValueError(f"modality {strange[0]!r} is not one of {', '.join(MODALITIES)}")
        for rule in self.rules:
            for name in placeholders(self.modality):
                if name not in rule.groups and name not in rule.derive:
                    raise ValueError(f"modality: {{{name}}} is not a group of the pattern")
        if self.words_in and not any(self.words_in in rule.groups for rule in self.rules):
            raise ValueError(f"words_in: {self.words_in} is not a group of a pattern")
        return self

    @classmethod
    def of_table(cls, table: Table) -> Layout:
        """Return the layout of data whose paths stand in a table, row by row."""
        paths = list(table.holds)
        modalities = {modality for clip in table.clips.values() for modality in clip.relpaths}
        split_known = all(clip.split for clip in table.clips.values())
        labels: dict[Split, list[str]] = {}
        for clip in table.clips.values():
            labels.setdefault(cast(Split, clip.split) if split_known else "all", []).append(clip.label)
        counts = {
            split: Count(bonafide=words.count("bonafide"), attack=words.count("attack"))
            for split, words in labels.items()
        }
        nothing = PathRule(pattern="(?!)", tail="")
        layout = cls(
            name="table", reader=table.reader, registered="scaled", examples=paths[:3], rules=[nothing], ids="path",
            modality=" ".join(modality for modality in MODALITIES if modality in modalities), counts=counts,
        )  # fmt: skip
        layout._table = table
        return layout

    @property
    def table(self) -> Table | None:
        """The table that replaces the rules, or None."""
        return self._table

    @property
    def modality_words(self) -> tuple[str, ...]:
        """The modalities of a complete clip of this layout."""
        texts = [self.modality] if isinstance(self.modality, str) else self.modality.values()
        words = {word for text in texts for word in text.split()}
        return tuple(sorted(words, key=lambda word: (word not in MODALITIES, (*MODALITIES, word).index(word))))


class Claim(Form):
    """The letter that a dataset takes in a pool of protocol names, in the libraries that hold it."""

    pool: str
    letter: str = Field(pattern="^[A-Z]$")


class SubjectSplit(Form):
    """A split by subject, read from list files with one number a line; without the files `table` gives it."""

    files: dict[Literal["train", "dev", "test"], str]
    table: dict[Literal["train", "dev", "test"], list[int]]


class Card(Form):
    """The description of a dataset. `pools` gives its letter in protocol names, `counts` its clips by split.

    `hook` names the reader of the release's list files, `lists` says what only they state. `media` matches recordings
    whose ending does not show that they are. What `redact` matches in a path is replaced by `*` before anything else
    sees the path. `table` is a CSV beside the card with the facts of every path; it replaces the layouts. `protocol`
    claims a letter for data of one's own: with `{pool: mcio, letter: L}` a library that holds them reads `CIO2L`.
    `unconfirmed` says what of the card nobody here has seen in the release or in a list of its owners.
    """

    name: str
    aliases: list[str] = Field(default_factory=list)
    pools: dict[str, str] = Field(default_factory=dict)
    owner: str
    licence: str
    access: str = ""
    research_only: bool = True
    modalities: list[Modality] = Field(min_length=1)
    relation: str = ""
    subject_rule: str
    about: str = ""
    people: str = ""
    counts: dict[Split, Count] = Field(default_factory=dict)
    layouts: list[Layout] = Field(default_factory=list)
    rejects: dict[Literal["excluded-enroll", "protocol-file", "sidecar"], list[Pattern]] = Field(default_factory=dict)
    media: list[Pattern] = Field(default_factory=list)
    redact: list[Pattern] = Field(default_factory=list)
    subject_split: SubjectSplit | None = None
    hook: str = ""
    lists: str = ""
    table: str = ""
    unconfirmed: list[str] = Field(default_factory=list)
    protocol: Claim | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        if not SLUG.fullmatch(self.slug):
            raise ValueError(f"the name {self.name!r} does not make a folder name")
        words = {word for layout in self.layouts for word in layout.modality_words}
        strange = sorted(words - set(self.modalities))
        if strange:
            raise ValueError(f"a layout holds {strange[0]}, which is not among the modalities")
        if bool(self.layouts) == bool(self.table):
            raise ValueError("layouts: a card has layouts or a table, one of the two")
        if self.hook and self.hook not in HOOKS:
            raise ValueError(f"hook is not one of {', '.join(HOOKS)}")
        return self

    @property
    def slug(self) -> str:
        """The name in lower case: the store's folder and the value of `dataset` everywhere."""
        return self.name.lower()

    def with_table(self, folder: Path, bonafide_is: str = "") -> Card:
        """Return the card with the layout made of its table in `folder`; a card without a table is returned as is.

        `bonafide_is` is the word for bona fide in the table's column label.

        Raises:
            UserError: the table is malformed.
        """
        if not self.table:
            if bonafide_is:
                raise UserError("--bonafide-is means nothing here", expected="a card that is, or has, a table")
            return self
        layout = Layout.of_table(read_table(folder / self.table, self.slug, bonafide_is))
        return self.model_copy(update={"layouts": [layout], "modalities": list(layout.modality_words)})

    def counts_of(self, layout: Layout) -> dict[Split, Count]:
        """Return the expected counts of a layout: its own, or those of the card."""
        return self.counts if layout.counts is None else layout.counts


def spelling_key(name: str) -> str:
    """Return what all spellings of a name of a dataset or layout share: its letters and digits, in lower case.

    >>> spelling_key("Casia_MFSD") == spelling_key("CASIA-MFSD")
    True
    """
    return "".join(character for character in name.casefold() if character.isalnum())


def _counted(text: str) -> range:
    """Return the numbers of a range such as `1..20` or `000..199`; of any other text a range of one.

    Raises:
        ValueError: it has an end that no release has.
    """
    match = _RANGE.fullmatch(text)
    if not match:
        return range(1)
    first, last = (whole_number(end) for end in match.groups())
    if first is None or last is None or last > MOST_CLIPS:
        raise ValueError(f"{text[:40]}: more than {MOST_CLIPS:,} clips")
    return range(first, last + 1)


def _spelt(text: str) -> list[str]:
    """Return the numbers of a range with the width of its first one; any other text stands for itself."""
    width = len(text.partition("..")[0])
    return [str(number).zfill(width) for number in _counted(text)] if _RANGE.fullmatch(text) else [text]
