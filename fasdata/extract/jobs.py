"""Jobs: one clip to extract, the worker that runs it, and the list of those that a store still lacks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

from fasdata.datasets.tree import locate
from fasdata.errors import UserError
from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.clip_record import joined_notes
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import Detector, KnownFaces
from fasdata.faces.detectors import make_detector
from fasdata.faces.given import given_faces
from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import open_source
from fasdata.protocols.own_rules import name_rule
from fasdata.records import Clip, ClipRecord
from fasdata.store import tables
from fasdata.store.info import StoreInfo
from fasdata.store.writer import StoreWriter

MISSING = "the file is missing"  # in the reason of a failed clip, whichever source says it
Result = tuple[ClipRecord, dict[str, bytes]]  # crops by key text, encoded


@dataclass(frozen=True)
class Job:
    """A clip to extract; `earlier` is its record in the store where only some frames are to be added."""

    clip: Clip
    earlier: ClipRecord | None = None


class Worker:
    """Runs jobs one at a time with one detector, on one thread; built in the process (or thread) that uses it.

    The result of a job depends on the recording and the settings alone, whatever runs beside it.
    """

    def __init__(self, settings: ExtractSettings, root: Path, detector: Detector | None = None) -> None:
        """Build the detector, unless a shared one is given.

        Raises:
            UserError: its weights or its device are not there.
        """
        limit_threads(settings)
        for text in settings.rule_code:  # this process does not know yet what the user named
            name_rule(text)
        self._settings, self._root = settings, root
        self.detector = (
            detector if detector is not None else make_detector(settings.detector, settings.detector_request)
        )

    def run(self, job: Job) -> Result:
        """Extract one clip; a recording that cannot be read gives a record of status `failed` with the reason."""
        clip = job.clip
        try:
            paths = {name: locate(self._root, relpath) for name, relpath in clip.relpaths.items()}
            source = open_source(self._settings.form, paths, self._settings.reading)
            detector = self.detector.for_clip(clip, self._root)
        except (UnreadableMedia, UserError) as error:
            return ClipRecord(clip, "failed", str(error)), {}
        given = given_faces(clip, self._root)
        record, crops = ClipExtractor(self._settings, detector).extract(clip, source, given=given, earlier=job.earlier)
        if record.status == "fta" and isinstance(detector, KnownFaces) and detector.why:
            record = replace(record, reason=detector.why)
        return replace(record, notes=joined_notes(given.notes, record.notes)), crops


def limit_threads(settings: ExtractSettings) -> None:
    """Limit OpenCV and torch to one thread: workers are the parallelism, and results do not depend on their number."""
    import cv2

    cv2.setNumThreads(1)
    if settings.uses_torch:
        import torch

        torch.set_num_threads(1)


# -- What a store already holds, and what is left to do ---------------------------------------------------------------


@dataclass(frozen=True)
class StoredClips:
    """The status of each stored clip, the rules whose frames it has, and the rules of the store."""

    status: Mapping[str, str] = field(default_factory=dict)
    answered: Mapping[str, str] = field(default_factory=dict)  # rules joined by " + "
    rules: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # the colour file of each clip
    colour_alone: frozenset[str] = frozenset()  # the clips that depth and infrared were not stored of

    @classmethod
    def of(cls, folder: Path) -> StoredClips:
        """Read it from the tables where the store has them, else from the shards.

        Raises:
            UserError: there is no store, or it is damaged.
        """
        rules = StoreInfo.read(folder).rules
        if (folder / tables.CLIPS).is_file():
            columns = tables.read_columns(folder, "clip_id", "status", "rules", "relpath_rgb", "registered")
            rows = list(zip(*columns.values(), strict=True))
        else:
            rows = [
                (record.clip.clip_id, record.status, " + ".join(sorted(record.selections)),
                 record.clip.relpaths.get("rgb", ""), record.registered)
                for _, record in tables.read_shards(folder)
            ]  # fmt: skip
        return cls(
            {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}, rules, {row[0]: row[3] for row in rows},
            frozenset(row[0] for row in rows if row[1] == "ok" and not row[4]),
        )  # fmt: skip

    def lacks(self, clip_id: str, rules: Collection[str]) -> bool:
        """Tell whether a clip lacks frames of one of `rules` and can be given them: it was decoded before."""
        if self.status.get(clip_id, "failed") == "failed":
            return False
        return not set(rules) <= set(self.answered[clip_id].split(" + "))


class JobList(Sequence[Job]):
    """The clips that are not in the store, then stored ones that lack frames of a rule of the store.

    The record of a stored clip is read when its job is taken, so that memory does not grow with the store.
    """

    def __init__(
        self, clips: Iterable[Clip], writer: StoreWriter, *, retry_failed: bool = False, absent: Collection[str] = ()
    ) -> None:
        """List what is left to do; a clip whose file was missing is tried again once it is no longer `absent`."""
        self._writer = writer
        gone = set(absent)
        rules, new, wider = frozenset(writer.info.rules), [], []
        for clip in clips:
            status = writer.done.get(clip.clip_id)
            came = status == "failed" and not gone.intersection(clip.relpaths.values()) and self._was_missing(clip)
            if status is None or came or (status == "failed" and retry_failed):
                new.append(clip)
            elif status != "failed" and not writer.rules[clip.clip_id] >= rules:
                wider.append(clip)
        self.new, self.wider = len(new), len(wider)
        self._clips = [*new, *writer.by_shard(wider)]

    def _was_missing(self, clip: Clip) -> bool:
        return MISSING in self._writer.record(clip.clip_id).reason

    def __len__(self) -> int:
        return len(self._clips)

    @overload
    def __getitem__(self, place: int) -> Job: ...

    @overload
    def __getitem__(self, place: slice) -> list[Job]: ...

    def __getitem__(self, place: int | slice) -> Job | list[Job]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        clip = self._clips[place]
        return Job(clip, self._writer.record(clip.clip_id) if place >= self.new else None)
