"""One clip: decode, search for faces, fall back, crop. A pure function of the recording and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fasdata.faces.detector import Detector, pick_face
from fasdata.faces.fallback import Outcome, fall_back, neighbours
from fasdata.faces.region import crop_region, cut
from fasdata.media.frame import Frame, FrameSource, UnreadableMedia
from fasdata.media.video import turn
from fasdata.records import Box, Clip, ClipRecord, CropRecord, Face, FaceStatus, FrameRecord
from fasdata.settings import ExtractSettings
from fasdata.store.codec import encode
from fasdata.store.keys import crop_key

FEW = 32  # frames searched at once whose crops are kept in case the rules choose them
UPRIGHT_TRIAL = 10  # frames without any face before other orientations are tried
TURNS = (180, 90, 270)
TRIAL_SCORE = 0.9
SHORT_OF_CLAIM = 0.9  # headers are often off by a frame or two: that is not worth a note


@dataclass
class _Search:
    """What is known so far about the frames of one clip."""

    faces: dict[int, Face] = field(default_factory=dict)
    searched: dict[int, bool] = field(default_factory=dict)
    n_faces: dict[int, int] = field(default_factory=dict)
    pts: dict[int, float] = field(default_factory=dict)
    crops: dict[int, tuple[CropRecord, bytes]] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    extra_turn: int = 0


class ClipWork:
    """Extracts one clip at a time with one detector."""

    def __init__(self, settings: ExtractSettings, detector: Detector) -> None:
        self.settings, self.detector = settings, detector

    def extract(self, clip: Clip, source: FrameSource) -> tuple[ClipRecord, dict[str, bytes]]:
        """Return the clip's record and its encoded crops by key.

        A recording that cannot be decoded gives a record of status `failed`, one without a usable face `fta`; neither
        raises, both say why.
        """
        try:
            search = self._search(clip, source)
        except UnreadableMedia as error:
            return ClipRecord(clip, "failed", str(error)), {}
        n = source.n_decoded or 0
        selections = {str(rule): rule.resolve(n, search.searched, clip.clip_id) or () for rule in self.settings.rules}
        wanted = sorted({index for chosen in selections.values() for index in chosen})
        outcomes = {index: self._outcome(index, search) for index in wanted}
        self._crop_rest(source, search, outcomes)
        frames = tuple(self._frame_record(index, search, outcomes) for index in sorted(search.searched))
        usable = any(frame.crop is not None for frame in frames)
        record = ClipRecord(
            clip,
            status="ok" if usable else "fta",
            reason="" if usable else f"no usable face in {len(frames)} searched frames of {n}",
            n_frames=n,
            frame_rate=round(source.frame_rate, 4),
            width=search.size[0],
            height=search.size[1],
            rotation=(source.rotation + search.extra_turn) % 360,
            scanned_all=len(search.searched) == n,
            frames=frames,
            selections=selections,
            notes=tuple(self._notes(source, search, n)),
        )
        keyed = {
            crop_key(clip.clip_id, index): search.crops[index][1]
            for index in wanted
            if outcomes[index].face is not None and index in search.crops
        }
        return record, keyed

    # -- searching

    def _search(self, clip: Clip, source: FrameSource) -> _Search:
        search, hint = _Search(), source.n_hint
        # One pass when the container's count is right: search what the rules would take and count to the end.
        self._look(source, search, self._missing(hint, search, clip.clip_id), to_end=True)
        n = source.n_decoded or 0
        self._look_for_rules(source, search, n, clip.clip_id)
        if self.settings.fallbacks:
            self._try_orientations(source, search, n, clip.clip_id)
            self._look_around_misses(source, search, n, clip.clip_id)
        return search

    def _look_for_rules(self, source: FrameSource, search: _Search, n: int, clip_id: str) -> None:
        while missing := self._missing(n, search, clip_id):
            self._look(source, search, missing)
            if not search.searched.keys() & set(missing):
                raise UnreadableMedia(
                    f"frames {missing[0]} to {missing[-1]} were counted but could not be decoded again"
                )

    def _missing(self, n: int, search: _Search, clip_id: str) -> list[int]:
        asked = (rule.missing(n, search.searched, clip_id) for rule in self.settings.rules)
        return sorted({index for indices in asked for index in indices})

    def _look(self, source: FrameSource, search: _Search, indices: Iterable[int], *, to_end: bool = False) -> None:
        """Search these frames for faces, a batch at a time; pixels are dropped as soon as they are used."""
        wanted = set(indices)
        batch: list[Frame] = []
        for frame in source.frames(wanted, to_end=to_end):
            batch.append(frame)
            if len(batch) == self.settings.batch:
                self._look_at(search, batch, keep=len(wanted) <= FEW)
                batch = []
        if batch:
            self._look_at(search, batch, keep=len(wanted) <= FEW)

    def _look_at(self, search: _Search, batch: Sequence[Frame], *, keep: bool) -> None:
        images = [turn(frame.rgb, search.extra_turn) for frame in batch]
        for frame, image, found in zip(batch, images, self.detector.detect(images), strict=True):
            search.size = (image.shape[1], image.shape[0])
            search.pts[frame.index] = round(frame.pts, 6)
            confident = [face for face in found if face.score >= self.settings.min_score]
            face = pick_face(confident, _box_before(search, frame.index))
            search.searched[frame.index] = face is not None
            search.n_faces[frame.index] = len(confident)
            if face is not None:
                search.faces[frame.index] = face
                if keep:
                    self._crop(search, frame.index, image, face)

    def _try_orientations(self, source: FrameSource, search: _Search, n: int, clip_id: str) -> None:
        """Turn the clip when none of its first frames shows a face upright but does so turned."""
        if any(search.searched.values()):
            return
        trial = sorted(set(range(min(n, UPRIGHT_TRIAL))) | set(search.searched))[:UPRIGHT_TRIAL]
        self._look(source, search, [index for index in trial if index not in search.searched])
        if any(search.searched.values()):
            return
        frames = list(source.frames(set(trial)))
        best = max(TURNS, key=lambda angle: self._faces_when_turned(frames, angle))
        if self._faces_when_turned(frames, best) * 2 <= len(frames):
            return
        fresh = _Search(extra_turn=best)
        search.__dict__.update(fresh.__dict__)
        self._look_at(search, frames, keep=True)
        self._look_for_rules(source, search, n, clip_id)

    def _faces_when_turned(self, frames: Sequence[Frame], angle: int) -> int:
        found = self.detector.detect([turn(frame.rgb, angle) for frame in frames])
        return sum(any(face.score >= TRIAL_SCORE for face in faces) for faces in found)

    def _look_around_misses(self, source: FrameSource, search: _Search, n: int, clip_id: str) -> None:
        for rule in self.settings.rules:
            for index in rule.resolve(n, search.searched, clip_id) or ():
                if not search.searched[index] and fall_back(index, search.faces).status != "interp":
                    self._look(source, search, neighbours(index, n, search.searched))

    # -- outcome

    def _outcome(self, index: int, search: _Search) -> Outcome:
        if search.searched[index]:
            status: FaceStatus = "rotated" if search.extra_turn else "ok"
            return Outcome(status, search.faces[index])
        return fall_back(index, search.faces) if self.settings.fallbacks else Outcome("skip")

    def _crop_rest(self, source: FrameSource, search: _Search, outcomes: dict[int, Outcome]) -> None:
        """Decode once more for chosen frames whose pixels were not kept; a stand-in lends its own pixels."""
        pixels_from: dict[int, list[int]] = {}
        for index, outcome in outcomes.items():
            if outcome.face is not None and index not in search.crops:
                pixels_from.setdefault(index + outcome.shift, []).append(index)
        for frame in source.frames(set(pixels_from)) if pixels_from else ():
            image = turn(frame.rgb, search.extra_turn)
            for index in pixels_from[frame.index]:
                face = outcomes[index].face
                assert face is not None
                self._crop(search, index, image, face)

    def _crop(self, search: _Search, index: int, image, face: Face) -> None:  # type: ignore[no-untyped-def]
        region = crop_region(face.box, image.shape[1], image.shape[0], self.settings.context)
        if region is not None:
            pixels, scale = cut(image, region, self.settings.max_side)
            crop = CropRecord(region, round(scale, 6), self.settings.codec)
            search.crops[index] = (crop, encode(pixels, self.settings.codec))

    def _frame_record(self, index: int, search: _Search, outcomes: dict[int, Outcome]) -> FrameRecord:
        outcome = outcomes.get(index) or self._scanned_only(index, search)
        face = outcome.face
        stored = search.crops.get(index) if index in outcomes and face is not None else None
        return FrameRecord(
            index=index,
            pts=search.pts[index],
            status=outcome.status,
            score=face.score if face else 0.0,
            n_faces=search.n_faces[index],
            box=face.box if face else None,
            landmarks=face.landmarks if face else None,
            shift=outcome.shift,
            crop=stored[0] if stored else None,
        )

    def _scanned_only(self, index: int, search: _Search) -> Outcome:
        """The outcome of a frame that was searched but not chosen: a fallback is not worked out for it."""
        return self._outcome(index, search) if search.searched[index] else Outcome("skip")

    def _notes(self, source: FrameSource, search: _Search, n: int) -> Iterable[str]:
        if source.damage:
            yield source.damage
        elif n < SHORT_OF_CLAIM * source.n_hint:
            yield f"the container claims {source.n_hint} frames, {n} could be decoded"
        if search.extra_turn:
            yield f"stored turned; upright after {search.extra_turn} degrees clockwise"
        for rule in self.settings.rules:
            counted = n if rule.on == "decoded" else sum(search.searched.values())
            if rule.clamps(counted):
                yield f"{rule}: only {counted} frames to count, positions were held at the last"


def _box_before(search: _Search, index: int) -> Box | None:
    """Return the face box of the nearest earlier frame among the last few, for following one person."""
    before = max((hit for hit in search.faces if index - 15 <= hit < index), default=None)
    return search.faces[before].box if before is not None else None
