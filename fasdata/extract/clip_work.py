"""One clip: decode, search for faces, fall back, crop. A pure function of the recording and the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fasdata.extract.face_search import FaceSearch
from fasdata.extract.frames_seen import Seen, joined_notes, kept_frames, turned_note
from fasdata.extract.orientation import unseen_turn
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import Detector
from fasdata.faces.tracking import Outcome, fall_back
from fasdata.media.frame import FrameSource, UnreadableMedia
from fasdata.records import Clip, ClipRecord, Face, FaceStatus, FrameRecord
from fasdata.store.keys import crop_key

SHORT_OF_CLAIM = 0.9  # headers are often off by a frame or two: that is not worth a note


class ClipWork:
    """Extracts one clip at a time with one detector."""

    def __init__(self, settings: ExtractSettings, detector: Detector) -> None:
        self.settings, self.detector = settings, detector

    def extract(
        self,
        clip: Clip,
        source: FrameSource,
        *,
        given: Mapping[int, Face] | None = None,
        earlier: ClipRecord | None = None,
    ) -> tuple[ClipRecord, dict[str, bytes]]:
        """Return the clip's record and its encoded crops by key.

        `given` are the faces that the release names, by frame index: they help to choose among several, and stand in
        where none is found. A recording that cannot be decoded gives a record of status `failed`, one without a usable
        face `fta`; neither raises, both say why.

        With the clip's `earlier` record, made by some of the rules, only what the others lack is searched, and only
        new crops are returned; the record is complete. It equals that of an extraction with all rules at once, but
        for two things that hang on the frames searched before: with tracking, the pixels' fractions of faces that
        were followed, and which of several faces in view is kept.
        """
        search = FaceSearch(self.settings, self.detector, source, clip, given or {}, earlier)
        try:
            return self._extract(clip, source, search, earlier)
        except UnreadableMedia as error:
            return ClipRecord(clip, "failed", str(error), notes=joined_notes(source.notes)), {}

    def _extract(
        self, clip: Clip, source: FrameSource, search: FaceSearch, earlier: ClipRecord | None
    ) -> tuple[ClipRecord, dict[str, bytes]]:
        seen = search.run()
        n = earlier.n_frames if earlier else source.n_decoded or 0
        selections = {**search.chosen(n), **(earlier.selections if earlier else {})}
        wanted = sorted({index for chosen in selections.values() for index in chosen} - seen.settled)
        if not earlier and seen.unreadable and seen.unreadable.issuperset(wanted or seen.searched):
            return ClipRecord(clip, "failed", source.damage, notes=joined_notes(source.notes)), {}
        outcomes = {index: self._outcome(index, search) for index in wanted}
        self._crop_rest(search, outcomes)
        made = {index: self._frame_record(index, seen, outcomes) for index in sorted(seen.searched)}
        known = {frame.index: frame for frame in earlier.frames} if earlier else {}
        kept = {index: frame for index, frame in known.items() if index not in outcomes}
        every = {**made, **kept}
        has_face = {index: frame.face_observed for index, frame in every.items()}
        around = self.settings.fallbacks and not self.settings.form.precropped
        frames = tuple(every[index] for index in sorted(kept_frames(n, has_face, selections, around_misses=around)))
        known_size = (earlier.width, earlier.height) if earlier else seen.size
        size = next((seen.sizes.get(frame.index, known_size) for frame in frames[:1]), known_size)
        stored = [frame for frame in frames if frame.crop is not None]
        new = [frame.index for frame in stored if frame.index in outcomes]
        held = {name for frame in stored if frame.crop for name in frame.crop.modalities}
        form = self.settings.form
        record = ClipRecord(
            clip,
            status="ok" if stored else "fta",
            reason="" if stored else f"no usable face in {len(frames)} searched frames of {n}",
            n_frames=n,
            frame_rate=round(source.frame_rate, 4),
            width=size[0],
            height=size[1],
            rotation=earlier.rotation if earlier else (source.rotation + seen.extra_turn) % 360,
            scanned_all=len(frames) == n,
            frames=frames,
            selections=dict(sorted(selections.items())),
            notes=joined_notes(
                self._notes(clip, source, seen, n, new, counted=earlier is None), earlier.notes if earlier else ()
            ),
            registered=form.registered if held - {"rgb"} else "",
            depth_unit=form.depth_unit if "depth" in held else "",
        )
        keyed = {
            crop_key(clip.clip_id, index, name): data
            for index in new
            for name, data in seen.crops[index].encoded.items()
        }
        return record, keyed

    def _outcome(self, index: int, search: FaceSearch) -> Outcome:
        seen = search.seen
        if index in seen.unreadable:
            return Outcome("skip")
        if seen.searched[index]:
            return Outcome(self._own_status(seen), seen.faces[index])
        if not self.settings.fallbacks:
            return Outcome("skip")
        if not self.settings.form.precropped:
            return fall_back(index, seen.faces, search.given)
        if index in search.given:
            return Outcome("given", search.given[index])
        return Outcome("center", _central(*seen.sizes[index]))

    def _own_status(self, seen: Seen) -> FaceStatus:
        if self.settings.takes_release_word:
            return "given"
        return "rotated" if seen.extra_turn else "ok"

    def _crop_rest(self, search: FaceSearch, outcomes: Mapping[int, Outcome]) -> None:
        """Decode once more for chosen frames whose pixels were not kept; a stand-in lends its own pixels."""
        pixels_from: dict[int, list[int]] = {}
        for index, outcome in outcomes.items():
            if outcome.face is not None and index not in search.seen.crops:
                pixels_from.setdefault(index + outcome.shift, []).append(index)
        for frame in search.source.frames(set(pixels_from)) if pixels_from else ():
            images = search.seen.upright(frame)
            for index in pixels_from[frame.index]:
                face = outcomes[index].face
                assert face is not None
                search.crop(index, images, face)

    def _frame_record(self, index: int, seen: Seen, outcomes: Mapping[int, Outcome]) -> FrameRecord:
        outcome = outcomes.get(index) or self._scanned_only(index, seen)
        face = outcome.face
        stored = seen.crops.get(index) if index in outcomes and face is not None else None
        return FrameRecord(
            index=index,
            pts=seen.pts.get(index, -1.0),
            status=outcome.status,
            score=face.score if face else 0.0,
            n_faces=seen.n_faces.get(index, 0),
            box=face.box if face else None,
            landmarks=(face.landmarks or None) if face else None,
            shift=outcome.shift,
            crop=stored.crop if stored else None,
            name=seen.names.get(index, ""),
            phash=stored.phash if stored else "",
            dark=stored.dark if stored else False,
        )

    def _scanned_only(self, index: int, seen: Seen) -> Outcome:
        """The outcome of a frame that was searched but not chosen: a fallback is not worked out for it."""
        return Outcome(self._own_status(seen), seen.faces[index]) if seen.searched[index] else Outcome("skip")

    def _notes(
        self, clip: Clip, source: FrameSource, seen: Seen, n: int, new: Iterable[int], *, counted: bool
    ) -> Iterable[str]:
        yield from source.notes
        if counted and (warning := unseen_turn(clip, self.settings, source)):
            yield warning
        if source.damage:
            yield source.damage
        elif counted and n < SHORT_OF_CLAIM * source.n_hint:  # where it was not, the earlier notes say it
            yield f"the container claims {source.n_hint} frames, {n} could be decoded"
        if seen.extra_turn:
            yield turned_note(seen.extra_turn)
        left_out = Counter(why for index in new for why in seen.crops[index].left_out)
        for why, times in left_out.items():
            yield f"{why} ({times} of the stored frames)"
        for rule in self.settings.rules:
            among = n if rule.on == "decoded" else sum(seen.searched.values())
            if rule.clamps(among):
                yield f"{rule}: only {among} frames to count, positions were held at the last"


def _central(width: int, height: int) -> Face:
    """The central square of a pre-cropped image on which a detector found nothing."""
    side = min(width, height)
    x, y = (width - side) / 2, (height - side) / 2
    return Face((x, y, x + side, y + side), (), 0.0)
