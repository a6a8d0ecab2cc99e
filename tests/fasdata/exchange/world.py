"""A small library of the four RGB sets: clips of the official paths, pictures made in code, written as a real store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.exchange.export import ExportPlan, Request, plan_export, run_export
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.records import ClipRecord
from fasdata.store.codec import encode
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.writer import StoreWriter
from tests.fasdata.protocols import trees
from tests.fasdata.protocols.conftest import record

FRAMES = 11
RARE = "client013_laptop_sd_printed_photo_scene01"  # a clip with a face on frames 5 and 6 only


def _some(paths: Iterable[str], *patterns: str) -> list[str]:
    return [path for path in paths if any(re.search(pattern, path) for pattern in patterns)]


def official_paths() -> dict[str, list[str]]:
    """A few people of every split with some of what they recorded."""
    replay = r"client(001|002|003|005|009|011)_"
    return {
        "CASIA-FASD": _some(trees.casia_fasd(), r"(train_release/[12]|test_release/3)/(1|5|HR_1|HR_4)\."),
        "Replay-Attack": _some(
            trees.replay_attack(), f"real/{replay}.*adverse_1", f"hand/attack_print_{replay}.*adverse",
            f"fixed/attack_mobile_{replay}.*video_adverse",
        ),
        "OULU-NPU": _some(trees.oulu_npu(), r"/(1_1_0[12]|2_2_2[12]|6_3_36|6_3_55)_[125]\."),
        "MSU-MFSD": _some(trees.msu_mfsd(), r"client0(01|02|03|13)_(android_SD_(ipad|scene)|laptop_SD_(iph|print))"),
    }  # fmt: skip


_Y, _X = np.mgrid[0:100, 0:80]
_WAVES = np.stack([np.sin(_X / 9) + np.cos(_Y / 14), np.sin(_Y / 7), np.cos((_X + _Y) / 11)], axis=-1)
_PICTURE = np.clip(110 + 50 * _WAVES, 0, 255).astype(np.uint8)


def picture(seed: int) -> np.ndarray:
    """A smooth picture, 80 x 100 pixels, that no other seed below 64,000 has."""
    return np.roll(_PICTURE, (seed % 100, seed // 100 % 80), axis=(0, 1)) + np.uint8(seed // 8000)


def write_library(root: Path) -> Library:
    """Extracted stores of the four sets: eleven frames a clip, each with a face but for those of `RARE`."""
    library = Library(root)
    for place, (name, paths) in enumerate(official_paths().items()):
        card = find_card(name)
        info = StoreInfo(card.slug, {"detector": "mtcnn", "frames": ["all@decoded"]}, "0")
        with StoreWriter(library.store_dir(card.slug), info) as writer:
            for number, clip in enumerate(parse_paths(card, paths).clips):
                rare = clip.clip_id.endswith(RARE)
                statuses = {index: "skip" for index in range(FRAMES) if index not in (5, 6)} if rare else {}
                made = record(clip, statuses, FRAMES)
                writer.add(made, _crops(made, 12_000 * place + 12 * number))
    return library


def _crops(made: ClipRecord, seed: int) -> dict[str, bytes]:
    held = [frame.index for frame in made.frames if frame.crop]
    return {crop_key(made.clip.clip_id, index): encode(picture(seed + index)) for index in held}


def exported(library: Library, manifest: Manifest, layout: str, out: Path, **more: object) -> ExportPlan:
    """Plan and run an export."""
    plan = plan_export(Request(layout, out, **more), manifest, manifest.open_stores(library))  # type: ignore[arg-type]
    run_export(plan, workers=2)
    return plan


def tree(folder: Path) -> dict[str, bytes]:
    """Every file and link below a folder, with its bytes."""
    return {
        str(path.relative_to(folder)): str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
