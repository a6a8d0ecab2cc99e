"""The small library of `world`, as pre-cropped releases of colour, depth and infrared would make it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fasdata.library import Library
from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.store import codec
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter
from tests.fastrain.world import FRAMES, SIDE, SOURCES, TARGET, row, write_library, write_manifest

# dataset -> how its depth and ir lie on rgb, what depth means, the side of ir
FORMS = {
    SOURCES[0]: ("exact", "mm", SIDE),
    SOURCES[1]: ("scaled", "scaled-65535", 2 * SIDE),
    SOURCES[2]: ("none", "relative", SIDE),
    TARGET: ("exact", "mm", SIDE),
}


def write_multimodal(root: Path) -> Library:
    """Write four stores without landmarks and their manifest.

    rgb is that of `write_library`; ir is its red channel; depth is 16 bits in two sources. The protocol takes depth
    away in the target, and in the sources one person's attacks never had ir.
    """
    plain = write_library(root / "plain")
    library = Library(root / "several")
    rows: list[dict[str, Any]] = []
    for domain, (dataset, (registered, unit, side)) in enumerate(FORMS.items()):
        colour = Store.open(plain.store_dir(dataset))
        config = {"made": "by a test", "detector": "none", "registered": registered, "depth_unit": unit}
        with StoreWriter(library.store_dir(dataset), StoreInfo(dataset, config, "0")) as writer:
            for record in colour.records():
                rows += _clip(writer, colour, record, -1 if dataset == TARGET else domain, side)
    write_manifest(library, rows)
    return library


def depth_of(clip_id: str, frame: int) -> np.ndarray:
    """Return the depth of a frame: uint16, millimetres up to a hole of 0 and a wall at 5 metres."""
    depth = np.full((SIDE, SIDE), 500 + 7 * frame + sum(clip_id.encode()), np.uint16)
    depth[:4], depth[-4:] = 0, 5000
    return depth


def _clip(writer: StoreWriter, colour: Store, record: ClipRecord, domain: int, side: int) -> list[dict[str, Any]]:
    clip = record.clip
    without_ir = domain >= 0 and clip.clip_id == "s2__attack"
    held = ("rgb", "depth") if without_ir else ("rgb", "depth", "ir")
    encoded: dict[str, bytes] = {}
    for i in FRAMES:
        for name, image in _images(colour, clip, i, side).items():
            if name in held:
                encoded[crop_key(clip.clip_id, i, name)] = codec.encode(image)
    box, crop = (0.0, 0.0, float(SIDE), float(SIDE)), CropRecord((0, 0, SIDE, SIDE), 1.0, "png", held)
    frames = tuple(FrameRecord(i, -1.0, "given", 1.0, 1, box, crop=crop) for i in FRAMES)
    writer.add(ClipRecord(clip, "ok", n_frames=12, width=SIDE, height=SIDE, frames=frames), encoded)
    person = int(clip.subject[1:])
    part = "test" if domain < 0 else "train" if person < 2 else "val"
    shown = [name for name in held if not (part == "test" and name == "depth")]
    rows = [row(clip.dataset, domain, part, clip.clip_id, clip.subject, clip.label, i) for i in FRAMES]
    keys = {f"key_{name}": name for name in ("rgb", "depth", "ir")}
    return [
        {
            **record,
            **{key: crop_key(clip.clip_id, i, name) if name in shown else "" for key, name in keys.items()},
            "modalities_available": ",".join(shown),
            "landmarks": None,
            "box": list(box),
            "detector": "none",
            "face_status": "given",
        }
        for i, record in zip(FRAMES, rows, strict=True)
    ]


def _images(colour: Store, clip: Clip, frame: int, side: int) -> Mapping[str, np.ndarray]:
    rgb = colour.crop(clip.clip_id, frame)
    depth, red = depth_of(clip.clip_id, frame), np.ascontiguousarray(rgb[:, :, 0])
    if clip.dataset == SOURCES[2]:
        depth = (depth // 20).clip(0, 255).astype(np.uint8)
    return {"rgb": rgb, "depth": depth, "ir": cv2.resize(red, (side, side), interpolation=cv2.INTER_NEAREST)}
