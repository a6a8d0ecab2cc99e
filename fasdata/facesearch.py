"""The search for faces in one clip: which frames to decode, in which order, and what was seen on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fasdata.cropping import Cropped, crop_frame
from fasdata.faces.detector import Detector, pick_face
from fasdata.faces.fallback import fall_back, neighbours
from fasdata.media.frame import Frame, FrameSource, UnreadableMedia
from fasdata.media.video import turn
from fasdata.records import Box, Face
from fasdata.settings import ExtractSettings

FEW = 32  # frames searched at once whose crops are kept in case the rules choose them
UPRIGHT_TRIAL = 10  # frames without any face before other orientations are tried
TURNS = (180, 90, 270)
TRIAL_SCORE = 0.9


@dataclass
class Seen:
    """What is known so far about the frames of one clip, by frame index."""

    faces: dict[int, Face] = field(default_factory=dict)
    searched: dict[int, bool] = field(default_factory=dict)
    n_faces: dict[int, int] = field(default_factory=dict)
    pts: dict[int, float] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    crops: dict[int, Cropped] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)
    size: tuple[int, int] = (0, 0)
    extra_turn: int = 0

    def upright(self, frame: Frame) -> dict[str, np.ndarray]:
        """Return the images of a frame, all turned as the clip needs it."""
        return {name: turn(image, self.extra_turn) for name, image in frame.images.items()}


class FaceSearch:
    """Searches what the frame rules need of a clip, and what fallbacks may need around misses."""

    def __init__(self, settings: ExtractSettings, detector: Detector, source: FrameSource, clip_id: str) -> None:
        self.settings, self.detector = settings, detector
        self.source, self.clip_id = source, clip_id
        self.seen = Seen()

    def run(self) -> Seen:
        """Search and return what was seen.

        Raises:
            UnreadableMedia: nothing can be decoded, or not what was decoded before.
        """
        # One pass when the container's count is right: search what the rules would take and count to the end.
        self._look(self._missing(self.source.n_hint), to_end=True)
        n = self.source.n_decoded or 0
        self._look_for_rules(n)
        if self.settings.fallbacks:
            self._try_orientations(n)
            if not self.settings.form.precropped:  # there, one frame's pixels say nothing of where the next one's lie
                self._look_around_misses(n)
        return self.seen

    def crop(self, index: int, images: Mapping[str, np.ndarray], face: Face) -> None:
        """Keep the crop of a frame."""
        cropped = crop_frame(images, face, self.settings)
        if cropped is not None:
            self.seen.crops[index] = cropped

    def _look_for_rules(self, n: int) -> None:
        while missing := self._missing(n):
            self._look(missing)
            if not self.seen.searched.keys() & set(missing):
                raise UnreadableMedia(
                    f"frames {missing[0]} to {missing[-1]} were counted but could not be decoded again"
                )

    def _missing(self, n: int) -> list[int]:
        asked = (rule.missing(n, self.seen.searched, self.clip_id) for rule in self.settings.rules)
        return sorted({index for indices in asked for index in indices})

    def _look(self, indices: Iterable[int], *, to_end: bool = False) -> None:
        """Search these frames for faces, a batch at a time; pixels are dropped as soon as they are used."""
        wanted = set(indices)
        batch: list[Frame] = []
        for frame in self.source.frames(wanted, to_end=to_end):
            batch.append(frame)
            if len(batch) == self.settings.batch:
                self._look_at(batch, keep=len(wanted) <= FEW)
                batch = []
        if batch:
            self._look_at(batch, keep=len(wanted) <= FEW)
        for index in wanted - self.seen.searched.keys():
            if self.source.damage and index < (self.source.n_decoded or 0):
                self.seen.unreadable.add(index)
                self.seen.searched[index] = False

    def _look_at(self, batch: Sequence[Frame], *, keep: bool) -> None:
        seen, upright = self.seen, [self.seen.upright(frame) for frame in batch]
        found_in = self.detector.detect([images["rgb"] for images in upright], [frame.index for frame in batch])
        for frame, images, found in zip(batch, upright, found_in, strict=True):
            index = frame.index
            seen.size = seen.sizes[index] = (images["rgb"].shape[1], images["rgb"].shape[0])
            seen.pts[index], seen.names[index] = round(frame.pts, 6), frame.name
            confident = [face for face in found if face.score >= self.settings.min_score]
            face = pick_face(confident, self._box_before(index))
            seen.searched[index] = face is not None
            seen.n_faces[index] = len(confident)
            if face is not None:
                seen.faces[index] = face
                if keep:
                    self.crop(index, images, face)

    def _try_orientations(self, n: int) -> None:
        """Turn the clip when none of its first frames shows a face upright but does so turned."""
        if any(self.seen.searched.values()) or not self.settings.looks_at_pixels:
            return
        trial = sorted(set(range(min(n, UPRIGHT_TRIAL))) | set(self.seen.searched))[:UPRIGHT_TRIAL]
        self._look([index for index in trial if index not in self.seen.searched])
        if any(self.seen.searched.values()):
            return
        frames = list(self.source.frames(set(trial)))
        best = max(TURNS, key=lambda angle: self._faces_when_turned(frames, angle))
        if self._faces_when_turned(frames, best) * 2 <= len(frames):
            return
        self.seen = Seen(extra_turn=best)
        self._look_at(frames, keep=True)
        self._look_for_rules(n)

    def _faces_when_turned(self, frames: Sequence[Frame], angle: int) -> int:
        found = self.detector.detect([turn(frame.rgb, angle) for frame in frames])
        return sum(any(face.score >= TRIAL_SCORE for face in faces) for faces in found)

    def _look_around_misses(self, n: int) -> None:
        for rule in self.settings.rules:
            for index in rule.resolve(n, self.seen.searched, self.clip_id) or ():
                missed = not self.seen.searched[index] and index not in self.seen.unreadable
                if missed and fall_back(index, self.seen.faces).status != "interp":
                    self._look(neighbours(index, n, self.seen.searched))

    def _box_before(self, index: int) -> Box | None:
        """Return the face box of the nearest earlier frame among the last few, for following one person."""
        before = max((hit for hit in self.seen.faces if index - 15 <= hit < index), default=None)
        return self.seen.faces[before].box if before is not None else None
