"""A library of small stores and a manifest over them, made without videos, detectors or protocols."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.table import SCHEMA, table_fingerprint
from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.store import codec
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from fasdata.store.writer import StoreWriter

SOURCES = ("casia-fasd", "replay-attack", "oulu-npu")
TARGET = "msu-mfsd"
CANONICAL, ALIAS, RECIPE = "mcio:CIO2M", "CIO-M", "standard"
SECOND = "mcio:COM2I"
SIDE = 48
FRAMES = (3, 9)
LANDMARKS = ((16.0, 18.0), (32.0, 18.0), (24.0, 26.0), (18.0, 34.0), (30.0, 34.0))
TINY = (
    "trunk=resnet10t",
    "trunk_kwargs={channels: [8, 16, 16, 24], stem_width: 8}",
    "pretrained=false",
    "image_size=32",
    "batch_per_group=2",
    "steps_per_epoch=3",
    "validate_every_epochs=1",
    "max_iterations=12",
    "log_every=2",
    "workers=0",
)
TINY_HFN = (*TINY, "pyramid_width=8", "inner_loops=2", "meta_lr=0.01")
TINY_ERM = (*TINY, "lr=0.01")
TINY_SAFAS = (*TINY, "model.lr=0.03", "align_epoch=1", "batch_items=8")
TINY_SSDG = (*TINY, "lr=0.05", "embedding=16", "model.dropout=0", "lambda_adversarial=0.05")
TINY_GAC = (*TINY, "lr=0.01", "warming_epochs=1", "minimizer_warming=2", "batch_items=8", "last_n=2")


def write_library(root: Path) -> Library:
    """Write four stores of 10 clips each (5 people: two train, three validate) and the manifest of CIO2M.

    Bona fide faces are smooth, attacks are striped, each dataset has its own brightness.
    """
    library = Library(root)
    rows: list[dict[str, Any]] = []
    for domain, dataset in enumerate((*SOURCES, TARGET)):
        with StoreWriter(library.store_dir(dataset), StoreInfo(dataset, {"made": "by a test"}, "0")) as writer:
            for person in range(5):
                for label in ("bonafide", "attack"):
                    target = dataset == TARGET
                    part = "test" if target else "train" if person < 2 else "val"
                    rows += _clip(writer, dataset, -1 if target else domain, person, label, part)
    write_manifest(library, rows)
    return library


def write_second(library: Library) -> Path:
    """Write the manifest of COM2I over the same stores: Replay-Attack is the target, MSU-MFSD a source in its place."""
    domain = SOURCES.index("replay-attack")
    rows = []
    for old in rows_of(library):
        person = int(old["subject"][1:])
        role = {
            "replay-attack": {"part": "test", "domain_id": -1, "domain": "I"},
            TARGET: {"part": "train" if person < 2 else "val", "domain_id": domain, "domain": "M"},
        }.get(old["dataset"], {})
        rows.append({**old, **role, "protocol": SECOND, "protocol_alias": "COM-I"})
    return write_manifest(library, rows, SECOND)


def write_manifest(library: Library, rows: list[dict[str, Any]], canonical: str = CANONICAL) -> Path:
    """Write the manifest of these rows where the library keeps that protocol; return its path."""
    rows = [{**row, "protocol": canonical} for row in rows]
    blank = {name: "" for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True) if kind == pa.string()}
    table = _as_stored(pa.Table.from_pylist([{**blank, **row} for row in rows], schema=SCHEMA))
    manifest = Manifest(table, _meta(library, table, rows, canonical))
    return manifest.write(library.protocol_dir(canonical, RECIPE))


def rows_tested_on(library: Library, *targets: str) -> list[dict[str, Any]]:
    """Return the rows of the library's manifest with these datasets as targets; the others are sources."""
    sources = [name for name in SOURCES if name not in targets]
    roles = {name: {"part": "test", "domain_id": -1} for name in targets}
    rows = [row for row in rows_of(library) if row["dataset"] in (*sources, *targets)]
    return [{**row, **roles.get(row["dataset"], {"domain_id": row["domain_id"]})} for row in rows]


def rows_of(library: Library) -> list[dict[str, Any]]:
    """Return the rows of the library's manifest, to be changed and written again."""
    return Manifest.read(library.protocol_dir(CANONICAL, RECIPE)).table.to_pylist()


def _as_stored(table: pa.Table) -> pa.Table:
    # Parquet renames the items of lists; the fingerprint is of the table as it is read back.
    file = io.BytesIO()
    pq.write_table(table, file)
    return pq.read_table(file).replace_schema_metadata(None)


def _clip(writer: StoreWriter, dataset: str, domain: int, person: int, label: str, part: str) -> list[dict[str, Any]]:
    clip_id = f"s{person}__{label}"
    attack_type = "bonafide" if label == "bonafide" else "print"
    clip = Clip(dataset, clip_id, {"rgb": f"{clip_id}.avi"}, label=label, attack_type=attack_type, subject=f"s{person}")
    box = (8.0, 8.0, 40.0, 40.0)
    crop = CropRecord((0, 0, SIDE, SIDE), 1.0, "png")
    frames = tuple(
        FrameRecord(i, i / 25, "ok", score=0.99, n_faces=1, box=box, landmarks=LANDMARKS, crop=crop) for i in FRAMES
    )
    record = ClipRecord(clip, "ok", n_frames=12, frame_rate=25.0, width=SIDE, height=SIDE, frames=frames)
    images = {i: _face(domain, person, label, i) for i in FRAMES}
    writer.add(record, {crop_key(clip_id, i): codec.encode(image) for i, image in images.items()})
    return [row(dataset, domain, part, clip_id, f"s{person}", label, i) for i in FRAMES]


def row(dataset: str, domain: int, part: str, clip_id: str, subject: str, label: str, frame: int) -> dict[str, Any]:
    """Return the manifest row of one frame."""
    usable = frame >= 0
    return {
        "sample_id": f"{dataset}/{clip_id}/{frame}",
        "dataset": dataset,
        "domain": "MCIO"[domain + 1] if domain >= 0 else "M",
        "domain_id": domain,
        "part": part,
        "split_official": "",
        "clip_id": clip_id,
        "subject": subject,
        "label": label,
        "attack_type": "bonafide" if label == "bonafide" else "print",
        "pai": "",
        "frame_index": frame,
        "n_frames": 12,
        "frame_rule": "linspace(2)@decoded",
        "modalities_available": "rgb" if usable else "",
        "missing_reason": "",
        "key_rgb": crop_key(clip_id, frame) if usable else "",
        "key_depth": "",
        "key_ir": "",
        "box": [8.0, 8.0, 40.0, 40.0] if usable else None,
        "landmarks": [c for point in LANDMARKS for c in point] if usable else None,
        "region": [0, 0, SIDE, SIDE] if usable else None,
        "scale": 1.0 if usable else None,
        "detector": "mtcnn",
        "det_score": 0.99 if usable else None,
        "face_status": "ok" if usable else "skip",
        "on_miss": "skip",
        "frame_shift": 0,
        "status": "ok" if usable else "fta",
        "recipe": RECIPE,
        "protocol": CANONICAL,
        "protocol_alias": ALIAS,
        "tool_version": "0",
    }


def _face(domain: int, person: int, label: str, frame: int) -> np.ndarray:
    rng = np.random.default_rng([domain + 1, person, label == "attack", frame])
    image = rng.integers(0, 25, (SIDE, SIDE, 3)) + 60 + 30 * (domain + 1)
    if label == "attack":
        image[np.arange(SIDE) % 4 < 2] += 40
    return image.clip(0, 255).astype(np.uint8)


def _meta(library: Library, table: pa.Table, rows: list[dict[str, Any]], canonical: str) -> dict[str, Any]:
    def domain(number: int, dataset: str, letter: str) -> dict[str, Any]:
        return {"domain_id": number, "domain": letter, "dataset": dataset, "letter": letter, "name": dataset}

    roles = sorted({(r["domain_id"], r["dataset"], r["domain"]) for r in rows})
    clips = {(r["part"], r["dataset"], r["label"], r["clip_id"], r["subject"], r["status"]) for r in rows}
    tallies = sorted({clip[:3] for clip in clips})
    counts = []
    for key in tallies:
        of = [clip for clip in clips if clip[:3] == key]
        frames = sum((r["part"], r["dataset"], r["label"]) == key and r["status"] == "ok" for r in rows)
        counts.append(
            {
                "part": key[0],
                "dataset": key[1],
                "label": key[2],
                "clips": len(of),
                "frames": frames,
                "subjects": len({clip[4] for clip in of}),
                "fta": sum(clip[5] == "fta" for clip in of),
            }
        )
    return {
        "format": 1,
        "canonical": canonical,
        "alias": rows[0]["protocol_alias"],
        "pool": "mcio",
        "recipe": {"name": RECIPE},
        "domains": [domain(*role) for role in roles if role[0] >= 0],
        "target": [domain(*role) for role in roles if role[0] < 0],
        "frame_rules": dict.fromkeys(("train", "val", "test"), "linspace(2)@decoded"),
        "validation": {"mode": "auto", "seed": 0, "share": 0.2, "datasets": []},
        "counts": counts,
        "drops": [],
        "fta": [],
        "missed_frames": [],
        "left_out": [],
        "deviations": [],
        "warnings": [],
        "stores": {name: Store.open(library.store_dir(name)).content_hash() for _, name, _ in roles},
        "fingerprint": table_fingerprint(table),
        "tool_version": "0",
    }
