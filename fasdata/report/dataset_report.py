"""Write the report of extracted datasets: one self-contained file, without pictures of people unless asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasdata import __version__
from fasdata.datasets.registry import stored_slug
from fasdata.errors import UserError, unknown_name
from fasdata.library import Library
from fasdata.page.page import Page
from fasdata.report.answer import dataset_answer
from fasdata.report.dataset_section import SAMPLE, DatasetSummary, dataset_section, summarise
from fasdata.report.notices import notices
from fasdata.report.overview import overview
from fasdata.store.reader import Store


def asked_stores(library: Library, names: Sequence[str]) -> list[Path]:
    """Return the folders of the stores for dataset names in any spelling; no name means all stores of the library.

    Raises:
        UserError: the library is missing or empty, a dataset is unknown, or its store is missing or unfinished.
    """
    if not library.stores():
        what = "holds no store" if library.root.is_dir() else "does not exist"
        raise UserError(f"the library {library.root} {what}", do="run 'fasdata extract' first or pass --data")
    slugs = [_slug(library, name) for name in names] or library.stores()
    return [library.require_store(slug) for slug in dict.fromkeys(slugs)]


def _slug(library: Library, name: str) -> str:
    """Return the slug of a dataset; own data have the name that they were extracted under."""
    try:
        return stored_slug(library, name)
    except UserError:
        raise unknown_name("dataset", name, library.stores()) from None


def write_dataset_report(
    stores: Sequence[Path], out: Path, *, faces: bool = False, sample: int = SAMPLE
) -> list[DatasetSummary]:
    """Write one HTML file on the stores in these folders and return the summaries in it.

    Without `faces` it has no picture. Sharpness and brightness are measured on up to `sample` stored frames of each
    store. The file needs no network and no script, and appears in one step.

    Raises:
        UserError: no store is given, or one of them is missing, damaged or empty.
    """
    if not stores:
        raise UserError("no dataset to report on", do="name at least one")
    datasets = [summarise(Store.open(folder), sample) for folder in stores]
    dataset_page(datasets, faces=faces).write(out)
    return datasets


def dataset_page(datasets: Sequence[DatasetSummary], *, faces: bool) -> Page:
    """Return the page: an overview where there are several datasets, then a section each."""
    names = [dataset.survey.name for dataset in datasets]
    sections = [overview(datasets)] if len(datasets) > 1 else []
    boxes = [notices(of.survey, of.release, of.sample, of.duplicates) for of in datasets]
    sections += [dataset_section(dataset, own, faces=faces) for dataset, own in zip(datasets, boxes, strict=True)]
    facts: list[tuple[str, Any]] = [
        ("Datasets", ", ".join(names)),
        ("Library", str(datasets[0].survey.store.folder.parent)),
        ("Pictures of people", "in this file: handle it like the datasets themselves" if faces else "none"),
    ]
    footer = (
        f"Written by fasdata {__version__}. This file is self-contained: it loads nothing and runs no script. "
        "Clip names are those of the release."
    )
    title = f"Faces of {names[0] if len(names) == 1 else f'{len(names)} datasets'}"
    return Page(title, sections, facts, footer, dataset_answer(datasets, boxes))
