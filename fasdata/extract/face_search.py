"""The search for faces in one clip: which frames to decode, in which order, and what was seen on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from fasdata.extract.cropping import crop_frame
from fasdata.extract.frames_seen import Seen, seen_before
from fasdata.extract.orientation import UPRIGHT_TRIAL, best_turn, listed_turn, score_to_turn
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import Detector, pick_face
from fasdata.faces.tracking import REACH, Tracker, still_to_search
from fasdata.media.frame import Frame, FrameSource, UnreadableMedia
from fasdata.records import Box, Clip, ClipRecord, Face

FEW = 32  # frames searched at once whose crops are kept in case the rules choose them
CLOSE = 4  # frames around a miss that are searched first: nearly always one of them has the face


class FaceSearch:
    """Searches what the frame rules need of a clip, and what fallbacks may need around misses."""

    def __init__(
        self,
        settings: ExtractSettings,
        detector: Detector,
        source: FrameSource,
        clip: Clip,
        given: Mapping[int, Face],
        earlier: ClipRecord | None = None,
    ) -> None:
        """Prepare the search; of a clip that was extracted `earlier`, what is known is not searched again."""
        self.settings, self.detector = settings, detector
        self.source, self.clip = source, clip
        self._given, self._earlier = given, earlier
        self._begin(Seen())
        self._sure: set[int] = set()
        # A processor gains nothing from frames that are looked at together, and each takes its memory.
        self._batch = 1 if settings.device == "cpu" else settings.batch

    def run(self) -> Seen:
        """Search and return what was seen.

        Raises:
            UnreadableMedia: nothing can be decoded, or not what was decoded before.
        """
        if self._earlier is not None:
            self._begin(seen_before(self._earlier))
            n = self._earlier.n_frames
            self._expect(n)
        else:
            self._begin(Seen(extra_turn=listed_turn(self.clip, self.settings, self.detector, self.source)))
            # One pass when the container's count is right: search what the rules would take and count to the end.
            self._expect(self.source.n_hint)
            self._look(self._missing(self.source.n_hint), to_end=True)
            n = self.source.n_decoded or 0
            self._expect(n)
        self._look_for_rules(n)
        if self.settings.fallbacks:
            if self._earlier is None and self.settings.looks_at_pixels:
                self._try_orientations(n)
            if not self.settings.form.precropped:  # there, one frame's pixels say nothing of where the next one's lie
                for reach in (CLOSE, REACH):
                    self._look_around_misses(n, reach)
        return self.seen

    def crop(self, index: int, images: Mapping[str, np.ndarray], face: Face) -> None:
        """Keep the crop of a frame."""
        cropped = crop_frame(images, face, self.settings)
        if cropped is not None:
            self.seen.crops[index] = cropped

    def chosen(self, n: int) -> dict[str, tuple[int, ...]]:
        """Return the frames that each rule takes, as far as what was searched decides it."""
        resolved = {rule: rule.resolve(n, self.seen.searched, self.clip.clip_id) for rule in self.settings.rules}
        return {str(rule): indices or () for rule, indices in resolved.items()}

    @property
    def given(self) -> Mapping[int, Face]:
        """The release's own faces; where only a trial turned the clip, nobody knows if they were turned for that."""
        trusted = not self.seen.extra_turn or self.clip.fields.get("turned")
        return self._given if trusted else {}

    def _begin(self, seen: Seen) -> None:
        self.seen, mode = seen, self.settings.tracking
        self._tracker: Tracker | None = None
        if mode != "off" and self.settings.looks_at_pixels:
            every, least = self.settings.detect_every, self.settings.min_face
            self._tracker = Tracker(self.detector, mode, every, min_face=least)

    def _expect(self, n: int) -> None:
        """Note which frames will be stored whatever is found: they are cropped when they are searched."""
        rules = [rule for rule in self.settings.rules if rule.on == "decoded"]
        self._sure = {index for rule in rules for index in rule.positions(n, self.clip.clip_id)} - self.seen.settled

    def _look_for_rules(self, n: int) -> None:
        while missing := self._missing(n):
            self._look(missing)
            if not self.seen.searched.keys() & set(missing):
                raise UnreadableMedia(
                    f"frames {missing[0]} to {missing[-1]} were counted but could not be decoded again"
                )

    def _missing(self, n: int) -> list[int]:
        asked = (rule.missing(n, self.seen.searched, self.clip.clip_id) for rule in self.settings.rules)
        return sorted({index for indices in asked for index in indices})

    def _look(self, indices: Iterable[int], *, to_end: bool = False) -> None:
        """Search these frames for faces, a batch at a time; pixels are dropped as soon as they are used."""
        wanted = set(indices)
        few = len(wanted) <= FEW
        batch: list[Frame] = []
        for frame in self.source.frames(wanted, to_end=to_end):
            batch.append(frame)
            if len(batch) == self._batch:
                self._look_at(batch, keep_all=few)
                batch = []
        if batch:
            self._look_at(batch, keep_all=few)
        for index in wanted - self.seen.searched.keys():
            if self.source.damage and index < (self.source.n_decoded or 0):
                self.seen.unreadable.add(index)
                self.seen.searched[index] = False

    def _look_at(self, batch: Sequence[Frame], *, keep_all: bool) -> None:
        seen, upright = self.seen, [self.seen.upright(frame) for frame in batch]
        for frame, images, found in zip(batch, upright, self._found(batch, upright), strict=True):
            index = frame.index
            seen.size = seen.sizes[index] = (images["rgb"].shape[1], images["rgb"].shape[0])
            seen.pts[index], seen.names[index] = round(frame.pts, 6), frame.name
            confident = [face for face in found if face.score >= self.settings.min_score]
            given = self.given.get(index)
            face = pick_face(confident, self._box_before(index), given.box if given else None)
            seen.searched[index] = face is not None
            seen.n_faces[index] = len(confident)
            if face is not None:
                seen.faces[index] = face
                if keep_all or index in self._sure:
                    self.crop(index, images, face)

    def _found(self, batch: Sequence[Frame], upright: Sequence[Mapping[str, np.ndarray]]) -> Iterator[list[Face]]:
        if self._tracker is None:
            yield from self.detector.detect([images["rgb"] for images in upright], [frame.index for frame in batch])
            return
        for frame, images in zip(batch, upright, strict=True):  # each needs what was kept of the one before
            yield self._tracker.detect(images["rgb"], frame.index, self.seen.faces, self.seen.searched)

    def _try_orientations(self, n: int) -> None:
        """Turn the clip when its first frames show no face upright, or none beyond doubt, but do so turned."""
        if score_to_turn(self.seen.faces.values(), self.detector) is None:
            return
        trial = sorted(set(range(min(n, UPRIGHT_TRIAL))) | set(self.seen.searched))[:UPRIGHT_TRIAL]
        self._look([index for index in trial if index not in self.seen.searched])
        score = score_to_turn(self.seen.faces.values(), self.detector)
        if score is None:
            return
        frames = list(self.source.frames(set(trial)))
        angle = best_turn(frames, self.detector, self.seen.extra_turn, score)
        if angle is None:
            return
        self._begin(Seen(extra_turn=angle))
        self._look_at(frames, keep_all=True)
        self._look_for_rules(n)

    def _look_around_misses(self, n: int, reach: int) -> None:
        seen = self.seen
        chosen = {index for indices in self.chosen(n).values() for index in indices} - seen.settled
        missed = [index for index in chosen if not seen.searched[index] and index not in seen.unreadable]
        wanted = {at for index in missed for at in still_to_search(index, n, seen.searched, reach)}
        if wanted:
            self._look(wanted)

    def _box_before(self, index: int) -> Box | None:
        """Return the face box of the nearest earlier frame among the last few, for following one person."""
        before = next((at for at in range(index - 1, index - REACH - 1, -1) if at in self.seen.faces), None)
        return self.seen.faces[before].box if before is not None else None
