"""What is said of a dataset or a manifest, whatever the form: terms, counts, how it was made, limits, files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata.datasets.kept_card import KeptCard
from fasdata.datasets.registry import load_cards
from fasdata.faces.detectors import DETECTORS, detector_licence
from fasdata.store.info import StoreInfo


@dataclass(frozen=True)
class Terms:
    """A dataset: whose it is and what it may be used for, in words of its card; "" and None where no card says it."""

    slug: str
    name: str
    owner: str = ""
    licence: str = ""
    access: str = ""
    research_only: bool | None = None
    about: str = ""
    people: str = ""
    subject_rule: str = ""
    unconfirmed: tuple[str, ...] = ()

    @property
    def use(self) -> str:
        """What it may be used for, in words."""
        return {True: "research only", False: "not limited to research", None: "not known"}[self.research_only]


@dataclass(frozen=True)
class Group:
    """Clips of one label: of a dataset in an official split, or in a part of a manifest. `lost` have no usable face.

    `frames` are those stored, or those in the manifest.
    """

    dataset: str
    part: str
    label: str
    clips: int
    people: int
    frames: int
    lost: int


@dataclass(frozen=True)
class Column:
    """A column of a table that may be published: its type in words of schema.org, and what it holds."""

    name: str
    kind: str
    about: str


@dataclass(frozen=True)
class File:
    """A file beside the description, by its name there: what it is, its size in bytes and its hash."""

    name: str
    about: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path, about: str) -> File:
        """Describe a file; its hash is taken of its bytes."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return cls(path.name, about, path.stat().st_size, digest.hexdigest())


@dataclass(frozen=True)
class Table:
    """A parquet file whose rows others may read, and its columns; those left out name files of the release."""

    file: File
    name: str
    about: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Facts:
    """Everything that a description says. No path of a machine, no clip, no person and no file of a release is in it.

    `species` counts the clips of each kind of attack; `measures` has (name, unit, quarter, median, three quarters) of
    the stored faces. `collection` to `maintenance` are sentences.
    """

    kind: str
    name: str
    title: str
    version: str
    content: str
    tool_version: str
    terms: tuple[Terms, ...]
    modalities: tuple[str, ...]
    groups: tuple[Group, ...]
    species: tuple[tuple[str, int], ...]
    collection: tuple[str, ...]
    annotation: tuple[str, ...]
    preprocessing: tuple[str, ...]
    tools: tuple[str, ...]
    missing: tuple[str, ...]
    biases: tuple[str, ...]
    limits: tuple[str, ...]
    maintenance: tuple[str, ...]
    tables: tuple[Table, ...]
    measures: tuple[tuple[str, str, float, float, float], ...] = ()

    @property
    def sensitive(self) -> tuple[str, ...]:
        """What is personal in it."""
        return (
            "Pictures of faces of people. A face can tell who somebody is; under the GDPR it is personal data, and "
            "biometric data (a special category) where it is used to identify.",
            "People have the numbers or names that the release gives them, in the tables beside this description; the "
            "description itself names nobody.",
            "Sex, age, skin tone and health of the people are not recorded here.",
        )

    @property
    def uses(self) -> tuple[str, ...]:
        """What it is for."""
        limited = sorted({of.name for of in self.terms if of.research_only})
        return (
            "Training and testing of presentation attack detection (face anti-spoofing). It is not made for face "
            "recognition, nor for telling who somebody is.",
            *([f"Research only, by the terms of {', '.join(limited)}."] if limited else []),
        )


def terms_of(slug: str, folder: Path | None) -> Terms:
    """Return the terms of a dataset: of its shipped card, else of what its store in `folder` keeps of its own card."""
    card = load_cards().get(slug)
    if card is not None:
        return Terms(
            slug, card.name, card.owner, card.licence, card.access, card.research_only, card.about, card.people,
            card.subject_rule, tuple(card.unconfirmed),
        )  # fmt: skip
    kept = KeptCard.known(folder) if folder else None
    if kept is not None:
        return Terms(slug, kept.name, kept.owner, kept.licence, research_only=kept.research_only)
    return Terms(slug, slug)


def semantic_version(format: int, content: str) -> str:
    """Return a version as programs compare it, which changes with the content.

    >>> semantic_version(1, "1a2b3c4d" * 8)
    '1.0.0+1a2b3c4d1a2b'
    """
    return f"{format}.0.0+{content[:12]}"


# -- How faces were found and stored ----------------------------------------------------------------------------------


def extraction(info: StoreInfo) -> tuple[str, ...]:
    """Return how a store was made, in sentences."""
    of = info.config
    kept = (
        f"the smallest region that shows the views {', '.join(map(str, of['views']))}"
        if of.get("views")
        else f"a square of {of.get('context', 2.0):g} times the longer side of the face box"
    )
    limit = f", made smaller where its side passes {of['max_side']} pixels" if of.get("max_side") else ""
    how = f" ({of['codec']})" if of.get("codec") else ""
    sentences = [
        f"Of each chosen frame {kept} is stored in native pixels{limit}{how}; nothing is aligned or resampled."
    ]
    if info.rules:
        sentences.append(f"Frames were chosen by {', '.join(info.rules)}.")
    if of.get("precropped"):
        sentences.append("The release is cropped to the face already; its pictures are taken as they are.")
    if of.get("fallbacks"):
        sentences.append(
            "Where a chosen frame has no face, a neighbour's stands in; the tables say where (face_status)."
        )
    return tuple(sentences)


def detector(config: dict[str, Any]) -> tuple[str, ...]:
    """Return what found the faces, with the hash and the licence of its weights; nothing where it is not known."""
    name = str(config.get("detector") or "")
    if not name:
        return ()
    digest = config.get("detector_weights_sha256")
    looked = "" if name not in DETECTORS or DETECTORS[name].searches else ", which looks at no pixel"
    weights = f", weights of sha256 {str(digest)[:16]}…, {detector_licence(name)}" if digest else ""
    return (f"face detector {name}{looked}{weights}",)


# -- What counts show -------------------------------------------------------------------------------------------------


def imbalance(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return in sentences how many of each label there are, and how many people they are of."""
    of_label = {label: sum(group.clips for group in groups if group.label == label) for label in ("bonafide", "attack")}
    sentences = []
    if all(of_label.values()):
        ratio = of_label["attack"] / of_label["bonafide"]
        sentences.append(
            f"{of_label['bonafide']} bona fide clips against {of_label['attack']} attacks, 1 to {ratio:.1f}."
        )
    few = [group for group in groups if 0 < group.people < 20]
    if few:
        least = min(few, key=lambda group: group.people)
        where = " of ".join(filter(None, [least.part, least.dataset]))
        sentences.append(
            f"Few people: {least.people} of {least.label.replace('bonafide', 'bona fide')} clips"
            f"{f' in {where}' if where else ''}; rates rest on people, not on clips."
        )
    return tuple(sentences)


def losses(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return in sentences how many clips have no usable face, by label; where labels are lost unevenly, rates lean."""
    sentences = []
    for label, name in (("bonafide", "bona fide clips"), ("attack", "attacks")):
        of = [group for group in groups if group.label == label]
        clips, lost = sum(group.clips for group in of), sum(group.lost for group in of)
        if clips:
            sentences.append(f"{lost} of {clips} {name} have no usable face ({lost / clips:.1%}).")
    return tuple(sentences)
