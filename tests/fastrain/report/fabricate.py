"""Run folders made of numbers alone, in the form that `fastrain run` writes; no network is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fasdata.manifests.meta import Deviation, Domain, HeldOut, Loss, Meta, Tally, Unused, Validation
from fasdata.records import LABELS, Clip, ClipRecord, CropRecord, FrameRecord
from fasdata.store.codec import encode
from fasdata.store.info import StoreInfo
from fasdata.store.keys import crop_key
from fasdata.store.writer import StoreWriter
from fastrain.evaluation.results import evaluate
from fastrain.evaluation.scores import ScoreTable

SOURCES = ("casia-fasd", "replay-attack", "oulu-npu")
TARGET = "msu-mfsd"
FRAMES = 2
_TALLY = ("part", "dataset", "label", "clips", "frames", "subjects")


def fabricate_run(
    folder: Path,
    *,
    seed: int = 0,
    library: Path | None = None,
    gap: float = 0.22,
    shuffled: bool = False,
    subjects: int = 4,
    clip_id: str = "{subject}__{kind}",
    attack_types: tuple[str, ...] = ("print", "replay"),
    validation: bool = True,
) -> Path:
    """Write a run folder; `gap` is how far apart bona fide and attack scores lie on the source."""
    random = np.random.default_rng(seed)
    gap = 0.0 if shuffled else gap
    rows = []
    for dataset in SOURCES if validation else ():
        rows += _clips(random, dataset, "val", gap, subjects, clip_id, attack_types)
    rows += _clips(random, TARGET, "test", 0.6 * gap, 8, clip_id, attack_types)
    folder.mkdir(parents=True)
    table = ScoreTable(pd.DataFrame(rows))
    table.write_csv(folder / "scores.csv")
    results = evaluate(table, selection="source_val")
    _json(folder / "results.json", results)
    _json(folder / "run.json", _run(seed, shuffled, library or folder.parent / "library"))
    _json(folder / "manifest.json", _manifest(results))
    _json(folder / "probe.json", {"auc": {"train": 0.64, "val": 0.61, "test": 0.55}})
    (folder / "config.yaml").write_text("method: erm\ntrain:\n  max_iterations: 400\n  seed: 0\n")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in _log(random)))
    return folder


def fabricate_store(library: Path) -> None:
    """Write a store of the target with a plain coloured crop for every frame that `fabricate_run` scores."""
    random = np.random.default_rng(0)
    with StoreWriter(library / TARGET, StoreInfo(TARGET, {}, "0.1.0")) as writer:
        for subject in range(1, 9):
            for kind in ("bonafide", "print", "replay"):
                name, image = f"{subject}__{kind}", np.full((150, 140, 3), random.integers(60, 220, 3), np.uint8)
                crop = CropRecord((0, 0, 140, 150), 1.0, "png")
                frames = tuple(FrameRecord(10 * frame, 0.0, "ok", crop=crop) for frame in range(FRAMES))
                record = ClipRecord(Clip(TARGET, name, {}), "ok", frames=frames)
                writer.add(record, {crop_key(name, frame.index): encode(image) for frame in frames})


def _clips(
    random: np.random.Generator, dataset: str, part: str, gap: float, subjects: int, name: str, kinds: tuple[str, ...]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for subject in range(1, subjects + 1):
        for kind in ("bonafide", *kinds):
            clip = name.format(subject=subject, kind=kind)
            of_clip = {
                "dataset": dataset, "domain": dataset, "part": part, "clip_id": clip, "subject": str(subject),
                "label": "bonafide" if kind == "bonafide" else "attack", "attack_type": kind, "pai": "", "status": "ok",
            }  # fmt: skip
            if part == "test" and subject == 1:  # no face was found in these
                empty = {"sample_id": f"{dataset}/{clip}/-1", "frame_index": -1, "status": "fta", "score": np.nan}
                rows.append(of_clip | empty)
                continue
            for index in range(0, 10 * FRAMES, 10):
                score = 0.5 + (gap if kind == "bonafide" else -gap / 2) + random.normal(0, 0.15)
                sample = {"sample_id": f"{dataset}/{clip}/{index}", "frame_index": index, "score": round(score, 6)}
                rows.append(of_clip | sample)
    return rows


def _run(seed: int, shuffled: bool, library: Path) -> dict[str, Any]:
    return {
        "method": "erm", "protocol": "mcio:CIO2M", "protocol_alias": "CIO-M", "recipe": "standard",
        "manifest_path": "protocols/mcio-CIO2M/standard/manifest.parquet", "manifest_fingerprint": "5f0c" * 16,
        "library": str(library), "view": "mxnet-256", "image_size": 64, "seed": seed, "preset": "demo",
        "overrides": ["pretrained=false"], "device": "cpu", "precision": "32-true",
        "selection": {"policy": "source_val", "metric": "auc", "checkpoint": "best", "iteration": 300},
        "versions": {"python": "3.11", "torch": "2.12.1"}, "n_parameters": 11_180_000, "train_seconds": 61.2,
        "started": "2025-01-01T10:00:00", "finished": "2025-01-01T10:01:02", "status": "finished",
        "shuffle_labels": shuffled, "tool_version": "0.1.0", "color_order": "rgb",
    }  # fmt: skip


def _manifest(results: dict[str, Any]) -> dict[str, Any]:
    counts = [{key: row[key] for key in _TALLY} | {"fta": row["fta_clips"]} for row in results["counts"]]
    train = {"part": "train", "clips": 20, "frames": 20, "subjects": 10, "fta": 0}
    counts = [train | {"dataset": name, "label": label} for name in SOURCES for label in LABELS] + counts
    meta = Meta(
        format=1,
        canonical="mcio:CIO2M",
        alias="CIO-M",
        pool="mcio",
        recipe={"name": "standard", "title": "the common ground"},
        domains=[_domain(number, name) for number, name in enumerate(SOURCES)],
        target=[_domain(-1, TARGET)],
        frame_rules={"train": "ssdg(1)@decoded", "val": "ssdg(2)@decoded", "test": "ssdg(2)@decoded"},
        validation=Validation(
            mode="auto",
            seed=0,
            share=0.2,
            datasets=[
                HeldOut(dataset="casia-fasd", rule="subjects", subjects=["1", "2", "3", "4"], of=20),
                HeldOut(dataset="oulu-npu", rule="official dev"),
            ],
        ),
        counts=[Tally(**row) for row in counts],
        drops=[
            Loss(part="train", dataset="casia-fasd", label="attack", reason="no face found", clips=2, examples=["1__a"])
        ],
        fta=[Loss(part="test", dataset=TARGET, label="bonafide", reason="no face found", clips=1, examples=["1__b"])],
        missed_frames=[Loss(part="val", dataset="oulu-npu", label="attack", reason="face cut off", frames=3)],
        left_out=[Unused(dataset="replay-attack", split="dev", label="attack", clips=30)],
        deviations=[Deviation(role="target", dataset=TARGET, label="attack", expected=210, found=16)],
        warnings=["replay-attack: no validation clips, one subject only"],
        stores=dict.fromkeys([*SOURCES, TARGET], "5f0c" * 16),
        fingerprint="5f0c" * 16,
        tool_version="0.1.0",
    )
    return meta.model_dump(mode="json")


def _domain(number: int, name: str) -> Domain:
    return Domain(domain_id=number, domain=name, dataset=name, letter=name[0].upper(), name=name.upper())


def _log(random: np.random.Generator) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for iteration in range(10, 401, 10):
        fall, at = float(np.exp(-iteration / 150)), {"iteration": iteration, "epoch": 1 + iteration // 100}
        loss = 0.2 + 0.5 * fall + random.normal(0, 0.02)
        lines.append({"kind": "train", **at, "loss": loss, "map": 0.1 + 0.15 * fall})
        if iteration % 100 == 0:
            lines.append({"kind": "val", **at, "auc": 0.95 - 0.4 * fall, "eer": 0.1 + 0.35 * fall})
    return lines


def _json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")
