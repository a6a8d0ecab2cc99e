"""The report of extracted datasets: one self-contained file, without a picture of anybody unless asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasdata import __version__
from fasdata.datasets.registry import find_card
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.page.page import Contents, Page, Section
from fasdata.page.parts import Card, Cards
from fasdata.page.spelling import Absent, count, percent
from fasdata.report.described import SAMPLE, Described, describe
from fasdata.report.duplicates import duplicates
from fasdata.report.gallery import gallery, look_first
from fasdata.report.holdings import holdings, origin
from fasdata.report.measures import measures
from fasdata.report.notices import notices
from fasdata.report.overview import overview
from fasdata.report.recordings import losses, recordings
from fasdata.store.reader import Store

# -- Which stores a report was asked for ------------------------------------------------------------------------------


def asked_stores(library: Library, names: Sequence[str]) -> list[Path]:
    """Return the stores' folders for dataset names in any spelling; no name means every store of the library.

    Raises:
        UserError: the library is missing or empty, a dataset is unknown, or its store is missing or unfinished.
    """
    if not library.stores():
        what = "holds no store" if library.root.is_dir() else "does not exist"
        raise UserError(f"the library {library.root} {what}", do="run 'fasdata extract' first or pass --data")
    slugs = [_slug(library, name) for name in names] or library.stores()
    return [library.require_store(slug) for slug in dict.fromkeys(slugs)]


def _slug(library: Library, name: str) -> str:
    """Return the slug of a dataset; own data go by the name that they were extracted under."""
    if name.lower() in library.stores():
        return name.lower()
    try:
        return find_card(name).slug
    except UserError:
        raise unknown_name("dataset", name, library.stores()) from None


# -- The report of extracted datasets: one self-contained file, without a picture of anybody unless asked for ---------


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
