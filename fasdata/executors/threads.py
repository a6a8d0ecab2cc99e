"""One process, one detector, many clips at once: threads decode, and their frames meet in one batch on the GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fasdata.executors.bounded import bounded
from fasdata.executors.unit import Job, Result, Unit
from fasdata.faces.chosen import make_detector
from fasdata.settings import ExtractSettings


def extract_together(jobs: Sequence[Job], root: Path, settings: ExtractSettings, clips: int) -> Iterator[Result]:
    """Yield (record, encoded crops) for every job, `clips` of them in work at once, on the detector's device.

    Works on any device; it pays where detection is so quick that decoding has to come from several clips.

    Raises:
        UserError: the detector's weights or device are not there.
    """
    from fasdata.faces.batching import BatchingDetector

    clips = max(1, min(clips, len(jobs)))
    unit = Unit(settings, root, BatchingDetector(make_detector(settings), clips=clips))
    pool = ThreadPoolExecutor(clips, thread_name_prefix="clip")
    try:
        yield from bounded(pool, unit.run, jobs, clips)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
