"""One clip: decode, search for faces, fall back, crop. A pure function of the recording and the settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fasdata.faces.detector import Detector
from fasdata.faces.fallback import Outcome, fall_back
from fasdata.facesearch import FaceSearch, Seen
from fasdata.media.frame import FrameSource, UnreadableMedia
from fasdata.records import Clip, ClipRecord, Face, FaceStatus, FrameRecord
from fasdata.settings import ExtractSettings
from fasdata.store.keys import crop_key

SHORT_OF_CLAIM = 0.9  # headers are often off by a frame or two: that is not worth a note


class ClipWork:
    """Extracts one clip at a time with one detector."""

    def __init__(self, settings: ExtractSettings, detector: Detector) -> None:
        self.settings, self.detector = settings, detector

    def extract(self, clip: Clip, source: FrameSource) -> tuple[ClipRecord, dict[str, bytes]]:
        """Return the clip's record and its encoded crops by key.

        A recording that cannot be decoded gives a record of status `failed`, one without a usable face `fta`; neither
        raises, both say why.
        """
        search = FaceSearch(self.settings, self.detector, source, clip.clip_id)
        try:
            return self._extract(clip, source, search)
        except UnreadableMedia as error:
            return ClipRecord(clip, "failed", str(error), notes=source.notes), {}

    def _extract(self, clip: Clip, source: FrameSource, search: FaceSearch) -> tuple[ClipRecord, dict[str, bytes]]:
        seen = search.run()
        n = source.n_decoded or 0
        selections = {str(rule): rule.resolve(n, seen.searched, clip.clip_id) or () for rule in self.settings.rules}
        wanted = sorted({index for chosen in selections.values() for index in chosen})
        if seen.unreadable and seen.unreadable.issuperset(wanted or seen.searched):
            return ClipRecord(clip, "failed", source.damage, notes=source.notes), {}
        outcomes = {index: self._outcome(index, seen) for index in wanted}
        self._crop_rest(search, outcomes)
        frames = tuple(self._frame_record(index, seen, outcomes) for index in sorted(seen.searched))
        stored = {frame.index: frame.crop for frame in frames if frame.crop is not None}
        held = {name for crop in stored.values() for name in crop.modalities}
        form = self.settings.form
        record = ClipRecord(
            clip,
            status="ok" if stored else "fta",
            reason="" if stored else f"no usable face in {len(frames)} searched frames of {n}",
            n_frames=n,
            frame_rate=round(source.frame_rate, 4),
            width=seen.size[0],
            height=seen.size[1],
            rotation=(source.rotation + seen.extra_turn) % 360,
            scanned_all=len(seen.searched) == n,
            frames=frames,
            selections=selections,
            notes=tuple(self._notes(source, seen, n, stored)),
            registered=form.registered if held - {"rgb"} else "",
            depth_unit=form.depth_unit if "depth" in held else "",
        )
        keyed = {
            crop_key(clip.clip_id, index, name): data
            for index in stored
            for name, data in seen.crops[index].encoded.items()
        }
        return record, keyed

    def _outcome(self, index: int, seen: Seen) -> Outcome:
        if index in seen.unreadable:
            return Outcome("skip")
        if seen.searched[index]:
            return Outcome(self._own_status(seen), seen.faces[index])
        if not self.settings.fallbacks:
            return Outcome("skip")
        if self.settings.form.precropped:
            return Outcome("center", _central(*seen.sizes[index]))
        return fall_back(index, seen.faces)

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
        return self._outcome(index, seen) if seen.searched[index] else Outcome("skip")

    def _notes(self, source: FrameSource, seen: Seen, n: int, stored: Iterable[int]) -> Iterable[str]:
        yield from source.notes
        if source.damage:
            yield source.damage
        elif n < SHORT_OF_CLAIM * source.n_hint:
            yield f"the container claims {source.n_hint} frames, {n} could be decoded"
        if seen.extra_turn:
            yield f"stored turned; upright after {seen.extra_turn} degrees clockwise"
        left_out = Counter(why for index in stored for why in seen.crops[index].left_out)
        for why, times in left_out.items():
            yield f"{why} ({times} of the stored frames)"
        for rule in self.settings.rules:
            counted = n if rule.on == "decoded" else sum(seen.searched.values())
            if rule.clamps(counted):
                yield f"{rule}: only {counted} frames to count, positions were held at the last"


def _central(width: int, height: int) -> Face:
    """The central square of a pre-cropped image on which a detector found nothing."""
    side = min(width, height)
    x, y = (width - side) / 2, (height - side) / 2
    return Face((x, y, x + side, y + side), (), 0.0)
