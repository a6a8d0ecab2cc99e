"""What a store holds, in Python: a dataset has clips, a clip frames, a frame its picture and its face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fasdata.datasets.kept_card import KeptCard
from fasdata.datasets.registry import load_cards
from fasdata.errors import UserError, unknown_name
from fasdata.faces.own_view import name_view
from fasdata.faces.view import View
from fasdata.foreign import read_parquet
from fasdata.packs.renderer import Renderer, frame_of_record
from fasdata.quality import face_in_crop, geometry, measure
from fasdata.records import ClipRecord, Face, FrameRecord
from fasdata.store import tables
from fasdata.store.reader import Store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CLIP_FILTERS = ("split", "label", "attack_type", "pai", "subject", "status")


@dataclass(frozen=True, repr=False)
class StoredDataset:
    """The clips of an extracted dataset, by their ids; iterating gives each `StoredClip` in natural order of the ids.

    >>> import fasdata
    >>> dataset = fasdata.open("data")["MSU-MFSD"]
    >>> len(dataset), dataset.clip_ids[:2], "s0__bonafide" in dataset
    (10, ['s0__attack', 's0__bonafide'], True)
    >>> [clip.clip_id for clip in dataset.select(label="attack", subject="s1")]
    ['s1__attack']
    """

    name: str
    store: Store

    @cached_property
    def clip_ids(self) -> list[str]:
        """The ids of all clips, in natural order; of those without a usable face too."""
        return self.store.clip_ids()

    @cached_property
    def licence(self) -> str:
        """Under which terms the dataset is given out, in words; "" where no card says it."""
        card = load_cards().get(self.name) or KeptCard.known(self.store.folder)
        return card.licence if card else ""

    def select(self, **values: str) -> list[StoredClip]:
        """Return the clips with these values of split, label, attack_type, pai, subject and status.

        Raises:
            UserError: a clip is not selected by a name given.
        """
        for name in values:
            if name not in CLIP_FILTERS:
                raise unknown_name("value to select clips by", name, CLIP_FILTERS)
        columns = tables.read_columns(self.store.folder, "clip_id", *values)
        rows = zip(*(columns[name] for name in values), strict=True) if values else [()] * len(columns["clip_id"])
        wanted = tuple(values.values())
        chosen = {clip_id for clip_id, row in zip(columns["clip_id"], rows, strict=True) if tuple(row) == wanted}
        return [self[clip_id] for clip_id in self.clip_ids if clip_id in chosen]

    def clip_table(self) -> pd.DataFrame:
        """Return `clips.parquet`, a row a clip, as a pandas frame."""
        return self._table(tables.CLIPS)

    def frame_table(self) -> pd.DataFrame:
        """Return `index.parquet`, a row a frame with the measures of its face, as a pandas frame."""
        return self._table(tables.INDEX)

    def _table(self, file: str) -> pd.DataFrame:
        do = "run 'fasdata store check --repair': it is rebuilt from the shards"
        table: pd.DataFrame = read_parquet(self.store.folder / file, do=do).to_pandas()
        return table

    def __getitem__(self, clip_id: str) -> StoredClip:
        if clip_id not in self:
            raise unknown_name(f"clip of {self.name}", clip_id, self.clip_ids[:20])
        return StoredClip(self, self.store.record(clip_id))

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._known

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.clip_ids)

    def __iter__(self) -> Iterator[StoredClip]:
        return (self[clip_id] for clip_id in self.clip_ids)

    def __len__(self) -> int:
        return len(self.clip_ids)

    def __repr__(self) -> str:
        return f"<dataset {self.name}: {len(self)} clips>"


@dataclass(frozen=True, repr=False)
class StoredClip:
    """One recording: what its path and lists say of it, and its stored frames; `record` is all that the store knows.

    >>> import fasdata
    >>> clip = fasdata.open("data")["MSU-MFSD"]["s0__attack"]
    >>> clip.label, clip.attack_type, clip.subject, clip.status
    ('attack', 'print', 's0', 'ok')
    >>> [frame.index for frame in clip]
    [3, 9]
    """

    dataset: StoredDataset
    record: ClipRecord

    @property
    def clip_id(self) -> str:
        """The id of the clip, unique in its dataset."""
        return self.record.clip.clip_id

    @property
    def label(self) -> str:
        """`bonafide` or `attack`; "" where neither path nor list says it."""
        return self.record.clip.label

    @property
    def split(self) -> str:
        """The official split, which is train, dev or test; "" where there is none."""
        return self.record.clip.split

    @property
    def attack_type(self) -> str:
        """The kind of attack, `bonafide` for none."""
        return self.record.clip.attack_type

    @property
    def pai(self) -> str:
        """The presentation attack instrument, as the release calls it."""
        return self.record.clip.pai

    @property
    def subject(self) -> str:
        """The person; "" where it is not known."""
        return self.record.clip.subject

    @property
    def status(self) -> str:
        """`ok`, `fta` (failure to acquire, no usable face) or `failed` (not to be decoded); see `record.reason`."""
        return self.record.status

    @cached_property
    def frames(self) -> tuple[StoredFrame, ...]:
        """The frames that were stored, by their place in the recording; `record.frames` has all that were searched."""
        return tuple(StoredFrame(self, frame) for frame in self.record.frames if frame.crop is not None)

    def frame(self, index: int) -> StoredFrame:
        """Return the stored frame of that place in the recording.

        Raises:
            UserError: it was not stored.
        """
        for frame in self.frames:
            if frame.index == index:
                return frame
        stored = ", ".join(str(frame.index) for frame in self.frames[:20]) or "none"
        raise UserError(f"frame {index} of {self.dataset.name}/{self.clip_id} is not stored", found=stored)

    def __iter__(self) -> Iterator[StoredFrame]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return f"<clip {self.dataset.name}/{self.clip_id}: {self.label or 'no label'}, {len(self)} stored frames>"


@dataclass(frozen=True, repr=False)
class StoredFrame:
    """One stored frame of a clip: its picture around the face, the face, and how good it is.

    >>> import fasdata
    >>> frame = fasdata.open("data")["MSU-MFSD"]["s0__attack"].frames[0]
    >>> frame.index, frame.time, frame.status, frame.image.shape, frame.image.dtype.name
    (3, 0.12, 'ok', (48, 48, 3), 'uint8')
    >>> frame.face.box, frame.quality["face_size"]
    ((8.0, 8.0, 40.0, 40.0), 32.0)
    >>> frame.view("box(size=24)").shape
    (24, 24, 3)
    """

    clip: StoredClip
    record: FrameRecord

    @property
    def index(self) -> int:
        """The place of the frame in the recording, from 0."""
        return self.record.index

    @property
    def time(self) -> float:
        """The time stamp in seconds; -1 where the recording has none."""
        return self.record.pts

    @property
    def status(self) -> str:
        """Where its face comes from (ok, rotated, interp, hold, given, shift, center)."""
        return self.record.status

    @property
    def face(self) -> Face | None:
        """Box and landmarks in pixels of the upright source frame, and the detector's score; None without a box."""
        record = self.record
        return Face(record.box, record.landmarks or (), record.score) if record.box is not None else None

    @property
    def modalities(self) -> tuple[str, ...]:
        """What was stored of the frame (rgb, depth, ir)."""
        return self.record.crop.modalities if self.record.crop else ()

    @property
    def image(self) -> np.ndarray:
        """The stored region around the face in colour, RGB uint8 (h, w, 3), in native pixels."""
        return self.crop("rgb")

    def crop(self, modality: str = "rgb") -> np.ndarray:
        """Return the stored region in a modality, with the bits of the store: depth may be uint16 (h, w).

        Raises:
            UserError: the frame does not have it, or its bytes are damaged.
        """
        if modality not in self.modalities:
            raise unknown_name(f"modality of {self._name}", modality, self.modalities)
        return self.clip.dataset.store.crop(self.clip.clip_id, self.index, modality)

    def view(self, view: str | View = "mxnet-256", modality: str = "rgb") -> np.ndarray:
        """Return the face as a network sees it: uint8 (S, S, 3), depth and ir (S, S); `fasdata views` lists views.

        The same warp as training, packs and predictions use.

        Raises:
            UserError: no such view, or one that this face cannot be shown in; as `crop`.
        """
        if modality not in self.modalities:
            raise unknown_name(f"modality of {self._name}", modality, self.modalities)
        shown = view if isinstance(view, View) else View.named(name_view(view))
        dataset = self.clip.dataset
        place = frame_of_record(dataset.name, self.clip.clip_id, self.record)
        return Renderer({dataset.name: dataset.store}, shown).image(place, modality)

    @property
    def quality(self) -> dict[str, float | None]:
        """The measures of `fasdata.quality` (sharpness, brightness, face_size, eye_distance, roll, yaw, pitch).

        None where one is not known. What the store did not keep is measured on the stored picture.
        """
        record = self.record
        sharpness, brightness = record.sharpness, record.brightness
        if (sharpness is None or brightness is None) and record.crop is not None and "rgb" in self.modalities:
            box = record.box or (float("nan"),)
            sharpness, brightness = measure(face_in_crop(self.image, box, record.crop.region, record.crop.scale))
        return {"sharpness": sharpness, "brightness": brightness, **geometry(record.box, record.landmarks)}

    @property
    def _name(self) -> str:
        return f"{self.clip.dataset.name}/{self.clip.clip_id}/{self.index}"

    def __repr__(self) -> str:
        return f"<frame {self._name}: {self.status}, {'+'.join(self.modalities)}>"
