"""A library whose faces were found: pictures of rendered people in three modalities, extracted from their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fasdata.extract.jobs import Job
from fasdata.extract.local import extract_clips
from fasdata.extract.settings import ExtractSettings
from fasdata.library import Library
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import FrameRule
from fasdata.records import Clip, ClipRecord
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.writer import StoreWriter
from fastrain.bundle.scenes import with_modalities
from fastrain.run.request import RunRequest
from fastrain.run.run import run
from tests.fastrain.methods.tiny import TINY
from tests.fastrain.world import (
    SOURCES,
    TARGET,
    TINY_ERM,
    TINY_GAC,
    TINY_HFN,
    TINY_SAFAS,
    TINY_SSDG,
    row,
    write_manifest,
)

RULE = "ssdg(2)@decoded"
SHORT = ("steps_per_epoch=3", "max_iterations=6", "validate_every_epochs=1", "workers=0", "image_size=32")
MODEL_FLIP = tuple(f"model.{key}={json.dumps(value)}" for key, value in TINY["flip"].items())
MODEL_ME = tuple(f"model.{key}={json.dumps(value)}" for key, value in TINY["me_fas"].items())
MODEL_MMDG = tuple(f"model.{key}={json.dumps(value)}" for key, value in TINY["mmdg"].items())
OVERRIDES: dict[str, tuple[str, ...]] = {
    "cdcn": ("width=8", "model.lr=0.02", "batch_items=8", *SHORT, "max_iterations=20", "levels_gamma=null"),
    "erm": (*TINY_ERM, "max_iterations=6"),
    "flip": (*MODEL_FLIP, *SHORT, "batch_per_group=1"),
    "gac_fas": (*TINY_GAC, "max_iterations=6"),
    "hfn_mp": (*TINY_HFN, "max_iterations=24", "optimiser=adam", "inner_loops=1"),
    "sa_fas": (*TINY_SAFAS, "max_iterations=6", "evaluate.select=last"),
    "ssdg": (*TINY_SSDG, "max_iterations=6"),
    "me_fas": (*MODEL_ME, *SHORT, "batch_per_group=1"),
    "mmdg": (*MODEL_MMDG, *SHORT, "batch_items=8", "lr=0.003", "max_iterations=12"),
    "mmdgfas": (
        "planes=16",
        "model.crop=24",
        "mix_crop_mask.crop=24",
        "batch_items=8",
        "lr=0.05",
        *SHORT,
    ),
}


def overrides_of(method: str) -> tuple[str, ...]:
    """Return what makes a method small and its training short; one without a row has the settings of `TINY`."""
    model = tuple(f"model.{key}={json.dumps(value)}" for key, value in TINY[method].items())
    return OVERRIDES.get(method) or (*model, *SHORT)


def write_seen_library(root: Path) -> Library:
    """Write four datasets of pictures and their stores, and the manifest of CIO2M; files are `raw/DATASET/CLIP-*.png`.

    Five people a dataset, bona fide and attack: two of the sources' train, three validate.
    """
    library, rows = Library(root / "library"), []
    settings = ExtractSettings(rules=(FrameRule.parse(RULE),)).settled(MediaForm())
    for domain, dataset in enumerate((*SOURCES, TARGET)):
        clips = [_clip(root / "raw", dataset, domain, person, label) for person in range(5) for label in LABELS]
        with StoreWriter(library.store_dir(dataset), StoreInfo(dataset, settings.recorded(), "0")) as writer:
            results = extract_clips([Job(clip) for clip in clips], root / "raw", settings, 0)
            for record, crops in results:
                writer.add(record, crops)
                assert record.status == "ok", record.reason
                rows.append(_row(record, dataset, -1 if dataset == TARGET else domain))
    write_manifest(library, sorted(rows, key=lambda of: str(of["sample_id"])))
    return library


LABELS = ("bonafide", "attack")


def trained(library: Library, method: str, out: Path, *overrides: str, **options: Any) -> Path:
    """Train a tiny network on it."""
    wanted = {"protocol": "CIO-M", "data": str(library.root), "accelerator": "cpu", "out": str(out), **options}
    folder = run(RunRequest(method=method, overrides=(*overrides_of(method), *overrides), **wanted))
    assert folder is not None
    return folder


def files_of(library: Library, dataset: str = TARGET) -> dict[str, dict[str, Path]]:
    """Return the files of each clip by modality."""
    raw = library.root.parent / "raw" / dataset
    names = [path.name.removesuffix("-rgb.png") for path in sorted(raw.glob("*-rgb.png"))]
    return {name: {of: raw / f"{name}-{of}.png" for of in ("rgb", "depth", "ir")} for name in names}


def _clip(raw: Path, dataset: str, domain: int, person: int, label: str) -> Clip:
    from fasdata.synth.presentation.bona_fide import ClipSpec
    from fasdata.synth.presentation.clip import render_clip

    clip_id = f"s{person}__{label}"
    spec = ClipSpec(dataset, str(person + 1), clip_id, "bonafide" if label == "bonafide" else "print-flat", 1)  # type: ignore[arg-type]
    picture = np.ascontiguousarray(next(render_clip(spec, 5)).picture)
    (raw / dataset).mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, image in with_modalities(picture, ("rgb", "depth", "ir")).items():
        paths[name] = f"{dataset}/{clip_id}-{name}.png"
        cv2.imwrite(str(raw / paths[name]), image[..., ::-1] if image.ndim == 3 else image)
    attack = "bonafide" if label == "bonafide" else "print"
    return Clip(dataset, clip_id, paths, label=label, attack_type=attack, subject=f"s{person}")


def _row(record: ClipRecord, dataset: str, domain: int) -> dict[str, Any]:
    clip, frame = record.clip, record.frames[0]
    assert frame.crop is not None and frame.box is not None and frame.landmarks is not None
    person = int(clip.subject[1:])
    part = "test" if domain < 0 else "train" if person < 2 else "val"
    plain = row(dataset, domain, part, clip.clip_id, clip.subject, clip.label, frame.index)
    keys = {f"key_{name}": crop_key(clip.clip_id, frame.index, name) for name in ("rgb", "depth", "ir")}
    return {
        **plain, **keys, "modalities_available": "rgb,depth,ir", "n_frames": 1, "frame_rule": RULE,
        "box": list(frame.box), "landmarks": [c for point in frame.landmarks for c in point],
        "region": list(frame.crop.region), "scale": frame.crop.scale, "det_score": frame.score,
    }  # fmt: skip
