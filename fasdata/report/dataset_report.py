"""The report of extracted datasets: one self-contained file, without a picture of anybody unless asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata import __version__
from fasdata.datasets.verify import Verification
from fasdata.errors import UserError
from fasdata.report.album import gallery, look_first
from fasdata.report.card import Card, Cards
from fasdata.report.duplicates import Duplicates, duplicates, find_duplicates
from fasdata.report.findings import notices
from fasdata.report.holdings import against_release, holdings
from fasdata.report.losses import losses
from fasdata.report.measures import measures
from fasdata.report.origin import origin
from fasdata.report.overview import overview
from fasdata.report.page import Page, Section
from fasdata.report.pixels import PixelSample, sample_pixels
from fasdata.report.recordings import recordings
from fasdata.report.subsection import Contents
from fasdata.report.survey import Survey, survey
from fasdata.report.value import Absent, count, percent
from fasdata.store.reader import Store

SAMPLE = 1000


@dataclass(frozen=True)
class Described:
    """A dataset with everything that its section is written from."""

    survey: Survey
    sample: PixelSample
    release: Verification | None
    found: Duplicates


def write_dataset_report(
    stores: Sequence[Path], out: Path, *, faces: bool = False, sample: int = SAMPLE
) -> list[Described]:
    """Write one HTML file on the stores in these folders and return what it is about.

    Without `faces` no picture is in it. Sharpness and brightness are measured on up to `sample` stored frames of each
    store. The file needs no network and no script, and appears in one step.

    Raises:
        UserError: no store given, or one of them is missing, damaged or empty.
    """
    if not stores:
        raise UserError("no dataset to report on", do="name at least one")
    datasets = [describe(Store.open(folder), sample) for folder in stores]
    dataset_page(datasets, faces=faces).write(out)
    return datasets


def describe(store: Store, sample: int = SAMPLE) -> Described:
    """Read and measure a store.

    Raises:
        UserError: it is damaged, or holds no clip.
    """
    read = survey(store)
    if read.clips.empty:
        raise UserError(f"the store {store.folder} holds no clip", do="extract the dataset first")
    return Described(read, sample_pixels(read, sample), against_release(read), find_duplicates(read))


def dataset_page(datasets: Sequence[Described], *, faces: bool) -> Page:
    """Put the page together: an overview where there are several datasets, then a section each."""
    names = [one.survey.name for one in datasets]
    sections = [overview(datasets)] if len(datasets) > 1 else []
    sections += [_section(one, faces=faces) for one in datasets]
    facts: list[tuple[str, Any]] = [
        ("Datasets", ", ".join(names)),
        ("Library", str(datasets[0].survey.store.folder.parent)),
        ("Pictures of people", "in this file: treat it as the datasets themselves" if faces else "none"),
    ]
    footer = (
        f"Written by fasdata {__version__}. This file is complete in itself: it loads nothing and runs no script. "
        "Clip names are those of the release."
    )
    return Page(f"Faces of {names[0] if len(names) == 1 else f'{len(names)} datasets'}", sections, facts, footer)


def _section(one: Described, *, faces: bool) -> Section:
    read, slug = one.survey, one.survey.slug.replace(".", "-")
    parts = [
        holdings(read, one.release, f"{slug}-holdings"),
        losses(read, f"{slug}-losses"),
        measures(read, one.sample, f"{slug}-measures"),
        look_first(read, one.sample, f"{slug}-first", faces=faces),
        gallery(read, f"{slug}-gallery", faces=faces),
        duplicates(read, one.found, f"{slug}-duplicates", faces=faces),
        recordings(read, f"{slug}-recordings"),
        origin(read, f"{slug}-origin"),
    ]
    about = read.card.about if read.card else "data without a card of its own"
    said = notices(read, one.release, one.sample, one.found)
    return Section(slug, read.name, [_cards(one), *said, Contents(parts), *parts], f"{about[:1].upper()}{about[1:]}.")


def _cards(one: Described) -> Cards:
    clips = one.survey.clips
    usable = clips["status"] == "ok"
    lost = [f"{label}: {_share(clips[clips['label'] == of], 'fta')}" for of, label in _LABELS]
    people = len(set(clips["subject"]) - {""})
    expected = [line.expected for line in one.release.lines] if one.release else []
    known = [number for number in expected if number is not None]
    whole = f"of {count(sum(known))} in the release" if known and len(known) == len(expected) else ""
    unit = one.release.result.layout_spec.unit if one.release else "clip"
    stored = len(one.survey.frames)
    return Cards(
        [
            Card("Clips", count(len(clips)), whole if unit == "clip" else ""),
            Card("Usable", percent(float(usable.mean())), f"{count(int(usable.sum()))} clips with a stored face"),
            Card("No face found", count(int((clips["status"] == "fta").sum())), "; ".join(lost)),
            Card("Failed", count(int((clips["status"] == "failed").sum())), "could not be decoded"),
            Card("Stored frames", count(stored), f"of {count(one.survey.searched)} searched"),
            Card("People", count(people) if people else Absent("not told by the paths")),
        ]
    )


_LABELS = (("bonafide", "bona fide"), ("attack", "attack"))


def _share(clips: Any, status: str) -> str:
    return f"{100 * (clips['status'] == status).mean():.1f} %" if len(clips) else "no clip"
