"""Stores made by hand: clips of two noisy frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.store.codec import encode
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter

INFO = StoreInfo("demo-set", {"frames": ["first(2)@decoded"], "codec": "png"}, "0")
WIDER = StoreInfo("demo-set", {"frames": ["all@decoded"], "codec": "png"}, "0")


def picture(seed: int, side: int = 24) -> np.ndarray:
    """Return a noisy square."""
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)


def clip(number: int, side: int = 24, *, frames: int = 2) -> tuple[ClipRecord, dict[str, bytes]]:
    """Return a clip of four frames of which the first ones were extracted; with all four, the rule `all` too."""
    name = f"train__{number}"
    points = ((1.0, 2.0),) * 5
    crop = CropRecord((0, 0, side, side), 1.0, "png")
    known = tuple(FrameRecord(i, i / 25, "ok", 0.98765, 1, (1.5, 2.25, 20, 21), points, 0, crop) for i in range(frames))
    rules = {"first(2)@decoded": (0, 1), **({"all@decoded": (0, 1, 2, 3)} if frames == 4 else {})}
    made = ClipRecord(
        Clip("demo-set", name, {"rgb": f"train/{number}.avi"}, "train", "attack", "print", "",
             f"{number:02d}", {"phone": "1"}),
        "ok", n_frames=4, frame_rate=25.0, frames=known, selections=rules, notes=("ein Wort: ä",),
    )  # fmt: skip
    return made, {crop_key(name, i): encode(picture(100 * number + i, side)) for i in range(frames)}


def failed(number: int) -> ClipRecord:
    """Return the record of a clip that could not be decoded."""
    return ClipRecord(clip(number)[0].clip, "failed", "the file is empty")


def fill(folder: Path, numbers, info: StoreInfo = INFO, *, frames: int = 2, **options) -> Store:  # type: ignore[no-untyped-def]
    """Add clips to the store at `folder`."""
    with StoreWriter(folder, info, **options) as writer:
        for number in numbers:
            writer.add(*clip(number, frames=frames))
    return Store.open(folder)
