"""The unit of work that every executor runs: one clip in, its record and its new crops out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fasdata.clipnotes import joined_notes
from fasdata.clipwork import ClipWork
from fasdata.datasets.walk import locate
from fasdata.errors import UserError
from fasdata.faces.chosen import make_detector
from fasdata.faces.detector import Detector
from fasdata.faces.given_faces import given_faces
from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import open_source
from fasdata.records import Clip, ClipRecord
from fasdata.settings import ExtractSettings

Result = tuple[ClipRecord, dict[str, bytes]]  # crops by key text, encoded


@dataclass(frozen=True)
class Job:
    """A clip to extract; `earlier` is its record in the store where only some frames are to be added."""

    clip: Clip
    earlier: ClipRecord | None = None


class Unit:
    """Runs jobs one at a time with one detector, on one thread; made in the process (or thread) that works.

    The result of a job depends on the recording and the settings alone, whatever runs beside it.
    """

    def __init__(self, settings: ExtractSettings, root: Path, detector: Detector | None = None) -> None:
        """Build the detector, unless a shared one is given.

        Raises:
            UserError: its weights or its device are not there.
        """
        limit_threads(settings)
        self._settings, self._root = settings, root
        self.detector = detector if detector is not None else make_detector(settings)

    def run(self, job: Job) -> Result:
        """Extract one clip; what cannot be read gives a record of status `failed` that says why."""
        clip = job.clip
        try:
            paths = {name: locate(self._root, relpath) for name, relpath in clip.relpaths.items()}
            source = open_source(self._settings.form, paths)
            detector = self.detector.for_clip(clip, self._root)
        except (UnreadableMedia, UserError) as error:
            return ClipRecord(clip, "failed", str(error)), {}
        given = given_faces(clip, self._root)
        record, crops = ClipWork(self._settings, detector).extract(clip, source, given=given, earlier=job.earlier)
        return replace(record, notes=joined_notes(given.notes, record.notes)), crops


def limit_threads(settings: ExtractSettings) -> None:
    """One thread a worker: processes are the parallelism, and the numbers do not depend on how many."""
    import cv2

    cv2.setNumThreads(1)
    if settings.uses_torch:
        import torch

        torch.set_num_threads(1)
