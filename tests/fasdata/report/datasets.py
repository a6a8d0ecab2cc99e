"""Stores made of numbers and noise, in the form that an extraction leaves them; no detector runs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.report.dataset_report import dataset_page
from fasdata.report.dataset_section import summarise
from fasdata.store.codec import encode
from fasdata.store.hashes import perceptual_hash
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fasdata.page.markup import Markup

CONFIG = {
    "frames": ["first(2)@decoded"], "detector": "mtcnn", "detector_weights_sha256": "ab" * 32,
    "detector_settings": {"min_face": 40}, "min_score": 0.5, "context": 2.0, "max_side": 1024, "codec": "png",
    "fallbacks": True, "borders": "keep", "reader": "video", "registered": "exact", "precropped": False,
    "depth_unit": "",
}  # fmt: skip
RULE = "first(2)@decoded"
# A face of 80 x 100 pixels at (100, 50): its eyes 40 apart on a level line, the nose in the middle.
BOX = (100.0, 50.0, 180.0, 150.0)
POINTS = ((120.0, 90.0), (160.0, 90.0), (140.0, 110.0), (125.0, 130.0), (155.0, 130.0))
REGION = (40, 0, 240, 200)


@dataclass(frozen=True)
class Made:
    """A clip to put into a store: what its path would say, and what became of it."""

    clip_id: str
    split: str
    label: str
    attack_type: str
    subject: str = ""
    status: str = "ok"
    reason: str = ""
    statuses: Sequence[str] = ("ok", "ok")
    box: tuple[float, ...] = BOX
    points: Sequence[tuple[float, float]] = POINTS
    seed: int = 0
    level: int = 128
    blurred: bool = False
    dark: bool = False
    modalities: tuple[str, ...] = ("rgb",)
    size: tuple[int, int] = (320, 240)
    frame_rate: float = 25.0
    n_frames: int = 100
    notes: tuple[str, ...] = ()
    pai: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def put(library: Path, slug: str, clips: Sequence[Made], *, layout: str = "release", **config: object) -> Path:
    """Write a store with these clips and return its folder."""
    folder = library / slug
    with StoreWriter(folder, StoreInfo(slug, {**CONFIG, **config}, "0.1.0")) as writer:
        for made in clips:
            writer.add(*_clip(slug, made, layout))
    return folder


def picture(seed: int, index: int, *, level: int = 128, blurred: bool = False) -> np.ndarray:
    """Return a 200 x 200 picture: coarse blobs that a perceptual hash tells apart, with fine noise on them."""
    random = np.random.default_rng([seed, index])
    blobs = cv2.resize(random.normal(0, 25, (6, 6)), (200, 200), interpolation=cv2.INTER_CUBIC)
    noise = random.normal(0, 8, (200, 200))
    image = np.repeat((level + blobs + noise)[:, :, None], 3, axis=2).clip(0, 255).astype(np.uint8)
    return cv2.GaussianBlur(image, (0, 0), 4) if blurred else image


def reported(folder: Path, *, faces: bool = False, sample: int = 1000) -> Markup:
    """Return the report of one store, parsed."""
    return Markup(dataset_page([summarise(Store.open(folder), sample)], faces=faces).html())


def decoded(source: str) -> np.ndarray:
    """Return the pixels (RGB) of a picture carried in a page."""
    data = np.frombuffer(base64.b64decode(source.split(",", 1)[1]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1].astype(int)


def _clip(slug: str, made: Made, layout: str) -> tuple[ClipRecord, dict[str, bytes]]:
    relpaths = {name: f"{made.clip_id.replace('__', '/')}.avi" for name in made.modalities}
    clip = Clip(
        slug, made.clip_id, relpaths, made.split, made.label, made.attack_type, made.pai, made.subject, made.fields,
        layout,
    )  # fmt: skip
    if made.status == "failed":
        return ClipRecord(clip, "failed", made.reason, notes=made.notes), {}
    frames, crops = [], {}
    for index, status in enumerate(made.statuses):
        if status == "skip":
            frames.append(FrameRecord(index, index / 25, "skip"))
            continue
        image = picture(made.seed, index, level=made.level, blurred=made.blurred)
        images = {"rgb": image, "depth": image[:, :, 0].astype(np.uint16) * 7, "ir": image[:, :, 0]}
        crop = CropRecord(REGION, 1.0, "png", made.modalities)
        frames.append(
            FrameRecord(
                index,
                index / 25,
                status,
                0.99,
                1,
                made.box,
                tuple(made.points) or None,
                crop=crop,  # type: ignore[arg-type]
                phash=perceptual_hash(image),
                dark=made.dark,
            )
        )
        crops |= {crop_key(made.clip_id, index, name): encode(images[name]) for name in made.modalities}
    record = ClipRecord(
        clip, made.status, made.reason, made.n_frames, made.frame_rate, *made.size,  # type: ignore[arg-type]
        frames=tuple(frames), selections={RULE: tuple(range(len(made.statuses)))}, notes=made.notes,
    )  # fmt: skip
    return record, crops
