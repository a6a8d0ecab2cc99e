"""The faces of some recordings, as what a scorer asks of images: the same views, by the same code, as in evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from fasdata.faces.view import View
from fasdata.packs.renderer import Renderer, frame_of_record
from fasdata.protocols.sampling import FrameRule
from fasdata.protocols.usable import loss_reason, select_frames
from fasdata.records import MODALITIES, ClipRecord, FrameRecord
from fasdata.store.codec import decode
from fasdata.store.keys import crop_key
from fastrain.bundle.finding import DATASET, Finding
from fastrain.data.by_dataset import AS_THEY_ARE, Preparation


@dataclass(frozen=True)
class FoundClip:
    """A recording after its faces were looked for: its record, its crops, and the frames that are scored."""

    record: ClipRecord
    crops: Mapping[str, bytes]
    frames: tuple[FrameRecord, ...]
    loss: str
    """Why there is none to score, "" where there is."""

    @classmethod
    def of(cls, record: ClipRecord, crops: Mapping[str, bytes], finding: Finding) -> FoundClip:
        """Choose the frames that a protocol would take."""
        selection = select_frames(record, FrameRule.parse(finding.frames), finding.accepted)
        return cls(
            record,
            crops,
            selection.frames,
            "" if selection.frames else loss_reason(record.status, record.reason, selection.missed),
        )

    # What a renderer asks of a store.

    def crop(self, frame_index: int, modality: str) -> np.ndarray:
        """Return a crop."""
        return decode(self.crops[crop_key(self.record.clip.clip_id, frame_index, modality)])

    def frame_size(self, frame_index: int) -> tuple[int, int]:
        """Return width and height of a frame."""
        frame = self.record.frame(frame_index)
        return (frame.size if frame else None) or (self.record.width, self.record.height)


@dataclass(frozen=True)
class _Clips:
    """Stands for the store that these clips would be in."""

    clips: Mapping[str, FoundClip]
    config: Mapping[str, Any]

    @property
    def info(self) -> Any:
        return SimpleNamespace(config=self.config)

    def crop(self, clip_id: str, frame_index: int, modality: str = "rgb") -> np.ndarray:
        return self.clips[clip_id].crop(frame_index, modality)

    def frame_size(self, clip_id: str, frame_index: int) -> tuple[int, int] | None:
        return self.clips[clip_id].frame_size(frame_index)


@dataclass(frozen=True)
class FoundFaces:
    """The faces of clips, one after the other, in a view; scorers of runs, contestants and bundles read them."""

    clips: Sequence[FoundClip]
    view: View
    modalities: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    shown: Preparation = AS_THEY_ARE

    @property
    def size(self) -> int:
        """The side of the view."""
        return self.view.size

    @cached_property
    def samples(self) -> FoundSamples:
        """The faces as samples."""
        return FoundSamples(tuple((clip, frame) for clip in self.clips for frame in clip.frames))

    def with_view(self, view: View) -> FoundFaces:
        """Return the colour of the same faces in another view."""
        return replace(self, view=view, modalities=("rgb",))

    def load(self, i: int) -> dict[str, np.ndarray]:
        """Return the views of face `i`, of every modality that it has.

        Raises:
            UserError: the view cannot be made of what was found.
        """
        clip, frame = self.samples.faces[i]
        assert frame.crop is not None
        place = frame_of_record(DATASET, clip.record.clip.clip_id, frame)
        there = [name for name in self.modalities if name in frame.crop.modalities]
        return {name: self.shown.apply(self._renderer.image(place, name), DATASET) for name in there}

    def read_into(self, members: Sequence[int], modality: str, out: np.ndarray) -> bool:
        """Return that images are not read a piece of a batch at a time: a few recordings gain nothing by it."""
        return False

    def depth_unit(self, i: int) -> str:
        """Return what a depth value means."""
        return str(self.config.get("depth_unit", "")) if "depth" in self.modalities else ""

    @cached_property
    def _renderer(self) -> Renderer:
        store = _Clips({clip.record.clip.clip_id: clip for clip in self.clips}, self.config)
        return Renderer(cast(Any, {DATASET: store}), self.view)


@dataclass(frozen=True)
class FoundSamples:
    """Faces as samples without labels; `part` and ids are those of no dataset."""

    faces: tuple[tuple[FoundClip, FrameRecord], ...]
    part: str = "test"

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def label(self) -> np.ndarray:
        """Nothing is known of it."""
        return np.zeros(len(self), np.int8)

    @property
    def domain(self) -> np.ndarray:
        """Nothing is known of it."""
        return np.zeros(len(self), np.int16)

    @property
    def available(self) -> dict[str, np.ndarray]:
        """Which faces have a modality, bool (N,), by modality."""
        held = [frame.crop.modalities if frame.crop else () for _, frame in self.faces]
        return {name: np.array([name in of for of in held], bool) for name in MODALITIES}

    def sample_id(self, i: int) -> str:
        """Return what names a face in an error."""
        clip, frame = self.faces[i]
        return f"{DATASET}/{clip.record.clip.clip_id}/{frame.index}"

    def sample_ids(self, members: np.ndarray) -> list[str]:
        """Return the names of several."""
        return [self.sample_id(int(i)) for i in members]
