"""Extract one clip: decode, detect, fall back, crop. A pure function of the recording and the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fasdata.extract.clip_record import joined_notes, recorded_frames, turned_note
from fasdata.extract.face_search import FaceSearch, SearchState
from fasdata.extract.orientation import unseen_turn
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import Detector
from fasdata.faces.tracking import Outcome, fall_back
from fasdata.media.frame import (
    BY_GROUPS,
    FrameSource,
    Unproven,
    UnreadableMedia,
    claimed_frames,
    read_in_order,
    way_read,
)
from fasdata.records import Clip, ClipRecord, Face, FaceStatus, FrameRecord
from fasdata.store.keys import crop_key

SHORT_OF_CLAIM = 0.9  # headers are often off by a frame or two: that is not worth a note


class ClipExtractor:
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

        `given` are the faces that the release names, by frame index: they decide among several detected faces, and
        stand in where none is detected. A recording that cannot be decoded gives a record of status `failed`, one
        without a usable face `fta`; neither raises, both say why.

        With the clip's `earlier` record, made with some of the rules, only the frames that the other rules need are
        searched, and only new crops are returned; the record is complete. It equals that of an extraction with all
        rules at once, except for two things that depend on the frames searched before: with tracking, fractions of a
        pixel of followed faces, and which of several faces in view is kept.
        """

        def attempt() -> tuple[ClipRecord, dict[str, bytes]]:
            search = FaceSearch(self.settings, self.detector, source, clip, given or {}, earlier)
            return self._extract(clip, source, search, earlier)

        try:
            try:
                return attempt()
            except Unproven as unproven:
                read_in_order(source, str(unproven))
                if earlier:
                    _require_same_count(source, earlier)
                return attempt()
        except UnreadableMedia as error:
            return ClipRecord(clip, "failed", str(error), notes=joined_notes(source.notes)), {}

    def _extract(
        self, clip: Clip, source: FrameSource, search: FaceSearch, earlier: ClipRecord | None
    ) -> tuple[ClipRecord, dict[str, bytes]]:
        state = search.run()
        n = earlier.n_frames if earlier else source.n_decoded or 0
        selections = {**search.selections(n), **(earlier.selections if earlier else {})}
        to_store = sorted({index for indices in selections.values() for index in indices} - state.settled)
        if not earlier and state.unreadable and state.unreadable.issuperset(to_store or state.searched):
            return ClipRecord(clip, "failed", source.damage, notes=joined_notes(source.notes)), {}
        outcomes = {index: self._outcome(index, search) for index in to_store}
        self._crop_rest(search, outcomes)
        searched = {index: self._frame_record(index, state, outcomes) for index in sorted(state.searched)}
        before = {frame.index: frame for frame in earlier.frames if frame.index not in outcomes} if earlier else {}
        records = {**searched, **before}
        has_face = {index: frame.face_observed for index, frame in records.items()}
        around = self.settings.fallbacks and not self.settings.form.precropped
        recorded = recorded_frames(n, has_face, selections, around_misses=around)
        frames = tuple(records[index] for index in sorted(recorded))
        default_size = (earlier.width, earlier.height) if earlier else state.size
        size = next((state.sizes.get(frame.index, default_size) for frame in frames[:1]), default_size)
        sizes = {frame.index: frame.size or default_size for frame in earlier.frames} if earlier else {}
        sizes |= state.sizes
        frames = tuple(_of_size(frame, sizes.get(frame.index), size) for frame in frames)
        stored = [frame for frame in frames if frame.crop is not None]
        new = [frame.index for frame in stored if frame.index in outcomes]
        modalities = {name for frame in stored if frame.crop for name in frame.crop.modalities}
        form = self.settings.form
        record = ClipRecord(
            clip,
            status="ok" if stored else "fta",
            reason="" if stored else f"no usable face in {len(frames)} searched frames of {n}",
            n_frames=n,
            frame_rate=round(source.frame_rate, 4),
            width=size[0],
            height=size[1],
            rotation=earlier.rotation if earlier else (source.rotation + state.extra_turn) % 360,
            scanned_all=len(frames) == n,
            frames=frames,
            selections=dict(sorted(selections.items())),
            notes=joined_notes(
                self._notes(clip, source, state, n, new, counted=earlier is None), earlier.notes if earlier else ()
            ),
            registered=form.registered if modalities - {"rgb"} else "",
            depth_unit=form.depth_unit if "depth" in modalities else "",
            way=way_read(source) if earlier is None or earlier.way in ("", BY_GROUPS) else earlier.way,
        )
        keyed = {
            crop_key(clip.clip_id, index, name): data
            for index in new
            for name, data in state.crops[index].encoded.items()
        }
        return record, keyed

    def _outcome(self, index: int, search: FaceSearch) -> Outcome:
        state = search.state
        if index in state.unreadable:
            return Outcome("skip")
        if state.searched[index]:
            return Outcome(self._own_status(state), state.faces[index])
        if not self.settings.fallbacks:
            return Outcome("skip")
        if not self.settings.form.precropped:
            return fall_back(index, state.faces, search.given)
        if index in search.given:
            return Outcome("given", search.given[index])
        return Outcome("center", _central(*state.sizes[index]))

    def _own_status(self, state: SearchState) -> FaceStatus:
        if self.settings.takes_release_word:
            return "given"
        return "rotated" if state.extra_turn else "ok"

    def _crop_rest(self, search: FaceSearch, outcomes: Mapping[int, Outcome]) -> None:
        """Decode again the selected frames that are not cropped yet; a frame that stands in lends its own pixels."""
        pixels_from: dict[int, list[int]] = {}
        for index, outcome in outcomes.items():
            if outcome.face is not None and index not in search.state.crops:
                pixels_from.setdefault(index + outcome.shift, []).append(index)
        for frame in search.source.frames(set(pixels_from)) if pixels_from else ():
            images = search.state.upright(frame)
            for index in pixels_from[frame.index]:
                face = outcomes[index].face
                assert face is not None
                search.crop(index, images, face)

    def _frame_record(self, index: int, state: SearchState, outcomes: Mapping[int, Outcome]) -> FrameRecord:
        outcome = outcomes.get(index) or self._searched_only(index, state)
        face = outcome.face
        stored = state.crops.get(index) if index in outcomes and face is not None else None
        return FrameRecord(
            index=index,
            pts=state.pts.get(index, -1.0),
            status=outcome.status,
            score=face.score if face else 0.0,
            n_faces=state.n_faces.get(index, 0),
            box=face.box if face else None,
            landmarks=(face.landmarks or None) if face else None,
            shift=outcome.shift,
            crop=stored.crop if stored else None,
            name=state.names.get(index, ""),
            phash=stored.phash if stored else "",
            dark=stored.dark if stored else False,
            sharpness=stored.sharpness if stored else None,
            brightness=stored.brightness if stored else None,
        )

    def _searched_only(self, index: int, state: SearchState) -> Outcome:
        """Return the outcome of a frame that was searched but not selected: it gets no fallback."""
        return Outcome(self._own_status(state), state.faces[index]) if state.searched[index] else Outcome("skip")

    def _notes(
        self, clip: Clip, source: FrameSource, state: SearchState, n: int, new: Iterable[int], *, counted: bool
    ) -> Iterable[str]:
        yield from source.notes
        if counted and (warning := unseen_turn(clip, self.settings, source)):
            yield warning
        if source.damage:
            yield source.damage
        elif counted and n < SHORT_OF_CLAIM * claimed_frames(source):  # otherwise the earlier notes have it
            yield f"the container claims {claimed_frames(source)} frames, {n} could be decoded"
        if state.extra_turn:
            yield turned_note(state.extra_turn)
        left_out = Counter(why for index in new for why in state.crops[index].left_out)
        for why, times in left_out.items():
            yield f"{why} ({times} of the stored frames)"
        for rule in self.settings.rules:
            among = n if rule.on == "decoded" else sum(state.searched.values())
            if rule.clamps(among):
                yield f"{rule}: only {among} frames to count, positions were held at the last"


def _of_size(frame: FrameRecord, own: tuple[int, int] | None, usual: tuple[int, int]) -> FrameRecord:
    """Return the record of a frame with its size, where that is not the clip's."""
    size = own if own != usual else None
    return frame if frame.size == size else replace(frame, size=size)


def _require_same_count(source: FrameSource, earlier: ClipRecord) -> None:
    """Check that a recording has as many frames as an earlier, perhaps sparse reading of it says.

    Raises:
        UnreadableMedia: it has not: its frames have other numbers than those that are stored.
    """
    for _ in source.frames((), to_end=True):
        pass
    if source.n_decoded != earlier.n_frames:
        raise UnreadableMedia(
            f"{source.n_decoded} frames can be decoded in order, stored ones are numbered among {earlier.n_frames}: "
            f"{source.damage or 'the file has changed'}"
        )


def _central(width: int, height: int) -> Face:
    """Return the central square of a pre-cropped image in which no face was detected."""
    side = min(width, height)
    x, y = (width - side) / 2, (height - side) / 2
    return Face((x, y, x + side, y + side), (), 0.0)
