"""Small datasets in memory with the methods of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.store.columns import Columns

FRAMES = 20


def frame(index: int, status: str = "ok", shift: int = 0, modalities: tuple[str, ...] = ("rgb",)) -> FrameRecord:
    """A frame with a face and a crop, or without either when its status is skip."""
    if status == "skip":
        return FrameRecord(index, index / 25, "skip")
    points = tuple((30.0 + 5 * place, 40.0 + place) for place in range(5))
    return FrameRecord(
        index,
        index / 25,
        status,
        0.99,
        1,
        (20.5, 30.0, 60.0, 80.0),
        points,
        shift,
        CropRecord((0, 5, 80, 105), 1.0, "png", modalities),
    )  # type: ignore[arg-type]


def record(
    clip: Clip, statuses: dict[int, str] | None = None, n: int = FRAMES, modalities: tuple[str, ...] = ("rgb",)
) -> ClipRecord:
    """A clip whose every frame was searched; `statuses` names the frames that are not ok."""
    frames = tuple(frame(index, (statuses or {}).get(index, "ok"), modalities=modalities) for index in range(n))
    usable = any(searched.crop for searched in frames)
    return ClipRecord(
        clip,
        "ok" if usable else "fta",
        "" if usable else f"no usable face in {n} searched frames of {n}",
        n_frames=n,
        scanned_all=True,
        frames=frames,
        selections={
            "all@decoded": tuple(range(n))
        },  # every frame was selected, so a skipped one had no fallback either
        pixel_hash=f"pixels of {clip.dataset} {clip.clip_id}",
        content_hash=f"content of {clip.dataset} {clip.clip_id}",
    )


def clip(dataset: str, split: str, subject: str, label: str, number: int = 0) -> Clip:
    """A clip with the attack type print where it is an attack."""
    name = f"{split or 'any'}__{subject}__{label}_{number}"
    return Clip(
        dataset, name, {"rgb": f"{name}.avi"}, split, label, "print" if label == "attack" else "bonafide", "", subject
    )


@dataclass
class FakeStore:
    """A store that lives in a list."""

    clip_records: Sequence[ClipRecord]
    config: dict[str, object] = field(default_factory=lambda: {"detector": "mtcnn"})
    content: str = "hash of the store"

    @property
    def info(self) -> SimpleNamespace:
        return SimpleNamespace(config=self.config)

    def columns(self) -> Columns:
        return Columns.of((0, record) for record in self.clip_records)

    def content_hash(self) -> str:
        return self.content

    def change(self, place: int, **values: object) -> None:
        """Replace values of one clip record."""
        records = list(self.clip_records)
        records[place] = replace(records[place], **values)  # type: ignore[arg-type]
        self.clip_records = records


PEOPLE = {
    "casia-fasd": {"train": 4, "test": 6},
    "replay-attack": {"train": 3, "dev": 3, "test": 4},
    "oulu-npu": {"train": 3, "dev": 2, "test": 3},
    "msu-mfsd": {"train": 3, "test": 4},
}


def dataset(slug: str) -> FakeStore:
    """Every person with one bona fide clip and two attacks; CASIA's subjects carry their split, as its card says."""
    records = []
    for split, people in PEOPLE[slug].items():
        for person in range(people):
            subject = f"{split}-{person:02}" if slug == "casia-fasd" else f"{split[:2]}{person:02}"
            records += [
                record(clip(slug, split, subject, label, number))
                for label, number in (("bonafide", 0), ("attack", 0), ("attack", 1))
            ]
    return FakeStore(records, content=f"hash of {slug}")


def mm_dataset(slug: str, modalities: tuple[str, ...] = ("rgb", "depth", "ir"), frames: int = 40) -> FakeStore:
    """Pre-cropped: the release says where the face is. CeFA's people are named after their race."""
    records = []
    for split, people in {"train": 3, "dev": 2, "test": 3}.items():
        for person in range(people):
            subject = f"{'AF-' if slug == 'casia-surf-cefa' else ''}{split}{person}"
            for label, number in (("bonafide", 0), ("attack", 0), ("attack", 1)):
                made = record(clip(slug, split, subject, label, number), n=frames, modalities=modalities)
                given = tuple(replace(cropped, status="given") for cropped in made.frames)
                records.append(replace(made, frames=given))
    return FakeStore(records, {"detector": "none"}, f"hash of {slug}")


@pytest.fixture
def mm_stores() -> dict[str, FakeStore]:
    """The four datasets with several modalities, small."""
    return {slug: mm_dataset(slug) for slug in ("casia-surf", "casia-surf-cefa", "padisi-face", "wmca")}


@pytest.fixture
def stores() -> dict[str, FakeStore]:
    """The four RGB datasets, small."""
    return {slug: dataset(slug) for slug in PEOPLE}


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The makers above, for tests that change things."""
    return SimpleNamespace(
        frame=frame, record=record, clip=clip, dataset=dataset, mm_dataset=mm_dataset, slugs=list(PEOPLE)
    )
