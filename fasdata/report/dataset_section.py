"""Read and measure one dataset, and put its section of a report together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fasdata.datasets.verify import Verification
from fasdata.errors import UserError
from fasdata.page.page import Contents, Section
from fasdata.page.parts import Card, Cards, Notice
from fasdata.page.spelling import Absent, begun, count, percent
from fasdata.records import ATTACK, BONAFIDE
from fasdata.report.duplicates import Duplicates, duplicates, find_duplicates
from fasdata.report.gallery import gallery, look_first
from fasdata.report.holdings import against_release, holdings, origin
from fasdata.report.measures import measures
from fasdata.report.pixels import PixelSample, sample_pixels
from fasdata.report.recordings import losses, recordings
from fasdata.report.survey import LABEL_NAMES, Survey, survey
from fasdata.store.reader import Store

SAMPLE = 1000


@dataclass(frozen=True)
class DatasetSummary:
    """The data of a section. `release` is None where the dataset cannot be compared with its release."""

    survey: Survey
    sample: PixelSample
    release: Verification | None
    duplicates: Duplicates


def summarise(store: Store, sample: int = SAMPLE) -> DatasetSummary:
    """Read a store, and measure up to `sample` of its stored frames.

    Raises:
        UserError: it is damaged, or has no clip.
    """
    read = survey(store)
    if read.clips.empty:
        raise UserError(f"the store {store.folder} holds no clip", do="extract the dataset first")
    return DatasetSummary(read, sample_pixels(read, sample), against_release(read), find_duplicates(read))


def dataset_section(summary: DatasetSummary, boxes: Sequence[Notice], *, faces: bool) -> Section:
    """Return the section of a dataset: key figures and its notices, `boxes`, first, then its tables and charts."""
    read, slug = summary.survey, summary.survey.slug.replace(".", "-")
    parts = [
        holdings(read, summary.release, f"{slug}-holdings"),
        losses(read, f"{slug}-losses"),
        measures(read, summary.sample, f"{slug}-measures"),
        look_first(read, summary.sample, f"{slug}-first", faces=faces),
        gallery(read, f"{slug}-gallery", faces=faces),
        duplicates(read, summary.duplicates, f"{slug}-duplicates", faces=faces),
        recordings(read, f"{slug}-recordings"),
        origin(read, f"{slug}-origin"),
    ]
    about = read.card.about if read.card else "data without a dataset card"
    lead = f"{begun(about)}."
    return Section(slug, read.name, [_cards(summary), *boxes, Contents(parts), *parts], lead)


def _cards(summary: DatasetSummary) -> Cards:
    clips = summary.survey.clips
    usable = clips["status"] == "ok"
    rates = [f"{LABEL_NAMES[label]}: {_fta_rate(clips[clips['label'] == label])}" for label in (BONAFIDE, ATTACK)]
    people = len(set(clips["subject"]) - {""})
    expected = [line.expected for line in summary.release.lines] if summary.release else []
    total = sum(number or 0 for number in expected)
    against = f"of {count(total)} in the release" if expected and None not in expected else ""
    unit = summary.release.result.layout_spec.unit if summary.release else "clip"
    stored = len(summary.survey.frames)
    return Cards(
        [
            Card("Clips", count(len(clips)), against if unit == "clip" else ""),
            Card("Usable", percent(float(usable.mean())), f"{count(int(usable.sum()))} clips with a stored face"),
            Card("No face found", count(int((clips["status"] == "fta").sum())), "; ".join(rates)),
            Card("Failed", count(int((clips["status"] == "failed").sum())), "could not be decoded"),
            Card("Stored frames", count(stored), f"of {count(summary.survey.searched)} searched"),
            Card("People", count(people) if people else Absent("the paths do not name them")),
        ]
    )


def _fta_rate(clips: Any) -> str:
    return f"{100 * (clips['status'] == 'fta').mean():.1f} %" if len(clips) else "no clip"
