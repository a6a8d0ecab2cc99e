"""A dataset with everything that its section of a report is written from."""

from __future__ import annotations

from dataclasses import dataclass

from fasdata.datasets.verify import Verification
from fasdata.errors import UserError
from fasdata.report.duplicates import Duplicates, find_duplicates
from fasdata.report.holdings import against_release
from fasdata.report.pixels import PixelSample, sample_pixels
from fasdata.report.survey import Survey, survey
from fasdata.store.reader import Store

SAMPLE = 1000


@dataclass(frozen=True)
class Described:
    """A dataset with everything that its section is written from."""

    survey: Survey
    sample: PixelSample
    release: Verification | None
    found: Duplicates


def describe(store: Store, sample: int = SAMPLE) -> Described:
    """Read and measure a store.

    Raises:
        UserError: it is damaged, or holds no clip.
    """
    read = survey(store)
    if read.clips.empty:
        raise UserError(f"the store {store.folder} holds no clip", do="extract the dataset first")
    return Described(read, sample_pixels(read, sample), against_release(read), find_duplicates(read))
