"""Search one clip for faces: which frames to decode, in which order, and what is known of them so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fasdata.extract.clip_record import noted_turn
from fasdata.extract.cropping import Cropped, crop_frame
from fasdata.extract.orientation import UPRIGHT_TRIAL, best_turn, listed_turn, score_to_turn
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.choice import choose_face
from fasdata.faces.detector import Detector
from fasdata.faces.tracking import REACH, Tracker, still_to_search
from fasdata.media.frame import Frame, FrameSource, UnreadableMedia, left_out, proven_frames, read_in_order, turn
from fasdata.records import Box, Clip, ClipRecord, Face

FEW = 32  # frames searched at once whose crops are kept in case a rule selects them
CLOSE = 4  # frames around a miss that are searched first: nearly always one of them has the face


@dataclass
class SearchState:
    """What the search of a clip has found so far, by frame index.

    `searched` tells for every searched frame whether a face was detected on it. `unreadable` frames were counted but
    cannot be decoded. `settled` frames were stored, or left out, by an earlier extraction. `extra_turn` is by how many
    degrees clockwise the decoded frames are turned to be upright.
    """

    faces: dict[int, Face] = field(default_factory=dict)
    searched: dict[int, bool] = field(default_factory=dict)
    n_faces: dict[int, int] = field(default_factory=dict)
    pts: dict[int, float] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    crops: dict[int, Cropped] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    size: tuple[int, int] = (0, 0)
    extra_turn: int = 0

    def upright(self, frame: Frame) -> dict[str, np.ndarray]:
        """Return the images of a frame, turned by `extra_turn`."""
        return {name: turn(image, self.extra_turn) for name, image in frame.images.items()}


def state_of(record: ClipRecord) -> SearchState:
    """Return the search state that an earlier extraction of the clip left in its record.

    Frames that it searched in vain and did not store are left out: if they are selected now, a fallback needs to know
    more of their neighbours.
    """
    # The record need not have the frames that decided about the turn: its notes tell.
    state = SearchState(size=(record.width, record.height), extra_turn=noted_turn(record.notes))
    state.settled = {index for indices in record.selections.values() for index in indices}
    for frame in record.frames:
        if frame.face_observed and frame.box is not None:
            state.faces[frame.index] = Face(frame.box, frame.landmarks or (), frame.score)
        elif frame.index not in state.settled:
            continue
        state.searched[frame.index] = frame.face_observed
        state.n_faces[frame.index] = frame.n_faces
        state.pts[frame.index], state.names[frame.index] = frame.pts, frame.name
    return state


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
        """Prepare the search; frames that the `earlier` record of the clip knows are not searched again."""
        self.settings, self.detector = settings, detector
        self.source, self.clip = source, clip
        self._given, self._earlier = given, earlier
        self._start(SearchState())
        self._certain: set[int] = set()
        self._kept: dict[int, Frame] = {}  # frames of the next pass that are decoded already
        # A processor gains nothing from frames that share a batch, and each takes its memory.
        self._batch = 1 if settings.device == "cpu" else settings.batch

    def run(self) -> SearchState:
        """Search the clip and return what is known of its frames.

        Raises:
            UnreadableMedia: nothing can be decoded, or not what was decoded before.
        """
        if self._earlier is not None:
            self._start(state_of(self._earlier))
            n = self._earlier.n_frames
            if proven_frames(self.source) not in (None, n):
                read_in_order(self.source, "frames were counted otherwise before")
            self._expect(n)
        else:
            self._start(SearchState(extra_turn=listed_turn(self.clip, self.settings, self.detector, self.source)))
            # One pass if the container's count is right: search what the rules would select, and count to the end.
            self._expect(self.source.n_hint)
            self._search(self._missing(self.source.n_hint), to_end=True)
            n = self.source.n_decoded or 0
            self._expect(n)
        self._search_for_rules(n)
        if self.settings.fallbacks:
            if self._earlier is None and self.settings.looks_at_pixels:
                self._try_orientations(n)
            if not self.settings.form.precropped:  # its frames are cropped one by one: a neighbour's box does not fit
                for reach in (CLOSE, REACH):
                    self._search_around_misses(n, reach)
        return self.state

    def crop(self, index: int, images: Mapping[str, np.ndarray], face: Face) -> None:
        """Keep the crop of a frame."""
        cropped = crop_frame(images, face, self.settings)
        if cropped is not None:
            self.state.crops[index] = cropped

    def selections(self, n: int) -> dict[str, tuple[int, ...]]:
        """Return the frames that each rule selects, none for a rule that needs further frames searched."""
        resolved = {rule: rule.resolve(n, self.state.searched, self.clip.clip_id) for rule in self.settings.rules}
        return {str(rule): indices or () for rule, indices in resolved.items()}

    @property
    def given(self) -> Mapping[int, Face]:
        """The release's own faces; none where only a trial turned the clip, as they may be of the unturned frames."""
        trusted = not self.state.extra_turn or self.clip.fields.get("turned")
        return self._given if trusted else {}

    def _start(self, state: SearchState) -> None:
        self.state, mode = state, self.settings.tracking
        self._tracker: Tracker | None = None
        if mode != "off" and self.settings.looks_at_pixels:
            every, least = self.settings.detect_every, self.settings.min_face
            self._tracker = Tracker(self.detector, mode, every, min_face=least)

    def _expect(self, n: int) -> None:
        """Note which frames are stored whatever is detected: they are cropped when they are searched."""
        rules = [rule for rule in self.settings.rules if rule.on == "decoded"]
        self._certain = {index for rule in rules for index in rule.positions(n, self.clip.clip_id)} - self.state.settled

    def _search_for_rules(self, n: int) -> None:
        while missing := self._missing(n):
            self._search(missing)
            if not self.state.searched.keys() & set(missing):
                raise UnreadableMedia(
                    f"frames {missing[0]} to {missing[-1]} were counted but could not be decoded again"
                )

    def _missing(self, n: int) -> list[int]:
        needed = (rule.missing(n, self.state.searched, self.clip.clip_id) for rule in self.settings.rules)
        return sorted({index for indices in needed for index in indices})

    def _search(self, indices: Iterable[int], *, to_end: bool = False) -> None:
        """Search these frames for faces, a batch at a time; pixels are dropped as soon as they are used."""
        wanted = set(indices)
        few = len(wanted) <= FEW
        batch: list[Frame] = []
        for frame in self._decoded(wanted, to_end=to_end):
            batch.append(frame)
            if len(batch) == self._batch:
                self._search_batch(batch, keep_all=few)
                batch = []
        if batch:
            self._search_batch(batch, keep_all=few)
        never = left_out(self.source)
        for index in wanted - self.state.searched.keys():
            if index in never or (self.source.damage and index < (self.source.n_decoded or 0)):
                self.state.unreadable.add(index)
                self.state.searched[index] = False

    def _decoded(self, wanted: set[int], *, to_end: bool) -> Iterator[Frame]:
        """Yield the wanted frames in order; of a pass to the end, frames of the next one are kept until then."""
        kept, self._kept = self._kept, {}
        if wanted <= kept.keys() and not to_end:
            yield from (kept[index] for index in sorted(wanted))
            return
        for frame in self.source.frames(wanted | (self._ahead_of(wanted) if to_end else set()), to_end=to_end):
            if frame.index in wanted:
                yield frame
            else:
                self._kept[frame.index] = frame

    def _ahead_of(self, wanted: set[int]) -> set[int]:
        """Return what the count that packets prove asks for beside these frames."""
        n = proven_frames(self.source)
        further = set(self._missing(n)) - wanted if n is not None and wanted else set()
        return further if len(further) <= FEW else set()

    def _search_batch(self, batch: Sequence[Frame], *, keep_all: bool) -> None:
        state, upright = self.state, [self.state.upright(frame) for frame in batch]
        for frame, images, faces in zip(batch, upright, self._detections(batch, upright), strict=True):
            index = frame.index
            state.size = state.sizes[index] = (images["rgb"].shape[1], images["rgb"].shape[0])
            state.pts[index], state.names[index] = round(frame.pts, 6), frame.name
            confident = [face for face in faces if face.score >= self.settings.min_score]
            given = self.given.get(index)
            face = choose_face(confident, self.settings.choice, self._box_before(index), given.box if given else None)
            state.searched[index] = face is not None
            state.n_faces[index] = len(confident)
            if face is not None:
                state.faces[index] = face
                if keep_all or index in self._certain:
                    self.crop(index, images, face)

    def _detections(self, batch: Sequence[Frame], upright: Sequence[Mapping[str, np.ndarray]]) -> Iterator[list[Face]]:
        if self._tracker is None:
            yield from self.detector.detect([images["rgb"] for images in upright], [frame.index for frame in batch])
            return
        for frame, images in zip(batch, upright, strict=True):  # each follows the face that was kept before
            yield self._tracker.detect(images["rgb"], frame.index, self.state.faces, self.state.searched)

    def _try_orientations(self, n: int) -> None:
        """Turn the clip if its first frames show no face upright, or none beyond doubt, but do so turned."""
        if score_to_turn(self.state.faces.values(), self.detector) is None:
            return
        trial = sorted(set(range(min(n, UPRIGHT_TRIAL))) | set(self.state.searched))[:UPRIGHT_TRIAL]
        self._search([index for index in trial if index not in self.state.searched])
        score = score_to_turn(self.state.faces.values(), self.detector)
        if score is None:
            return
        frames = list(self.source.frames(set(trial)))
        angle = best_turn(frames, self.detector, self.state.extra_turn, score)
        if angle is None:
            return
        self._start(SearchState(extra_turn=angle))
        self._search_batch(frames, keep_all=True)
        self._search_for_rules(n)

    def _search_around_misses(self, n: int, reach: int) -> None:
        state = self.state
        selected = {index for indices in self.selections(n).values() for index in indices} - state.settled
        missed = [index for index in selected if not state.searched[index] and index not in state.unreadable]
        wanted = {at for index in missed for at in still_to_search(index, n, state.searched, reach)}
        if wanted:
            self._search(wanted)

    def _box_before(self, index: int) -> Box | None:
        """Return the face box of the nearest earlier frame among the last few, for following one person."""
        before = next((at for at in range(index - 1, index - REACH - 1, -1) if at in self.state.faces), None)
        return self.state.faces[before].box if before is not None else None
