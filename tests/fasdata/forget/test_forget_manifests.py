"""Manifests without a person: rows, counts, description."""

from __future__ import annotations

from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.meta import Meta
from fasdata.protocols.manifest_text import describe
from tests.commands import Called
from tests.fasdata.forget.forgetting import DATASET, WHO, forget, manifest_of
from tests.fastrain.world import CANONICAL, RECIPE, row, rows_of, write_manifest


def test_the_manifest_fits_what_is_left(library: Library) -> None:
    old = manifest_of(library)
    assert forget(library).code == 0
    new = manifest_of(library)
    left = [r for r in old.table.to_pylist() if (r["dataset"], r["subject"]) != (DATASET, WHO)]
    assert new.table.to_pylist() == left and new.table.num_rows == old.table.num_rows - 4
    changed = {key for key in new.meta if new.meta[key] != old.meta.get(key)}
    assert changed == {"counts", "fingerprint", "forgotten", "stores"}
    cells = {(count["part"], count["dataset"], count["label"]): count for count in new.meta["counts"]}
    assert (
        cells["val", DATASET, "attack"] | {"clips": 2, "frames": 4, "subjects": 2, "fta": 0}
        == cells["val", DATASET, "attack"]
    )
    assert cells["train", DATASET, "attack"]["clips"] == 2 and cells["val", "oulu-npu", "attack"]["clips"] == 3
    assert new.meta["forgotten"] == [
        {"dataset": DATASET, "clips": 2, "frames": 4, "parts": ["val"], "fingerprint": old.meta["fingerprint"]}
    ]
    assert set(new.open_stores(library)) == set(library.stores())  # it is of the stores as they are now
    full = Meta.model_validate({**new.meta, "recipe": {"name": RECIPE, "title": "a test"}}).model_dump(mode="json")
    assert f"forgotten   2 clips (4 frames) of {DATASET}" in describe(Manifest(new.table, full))


def test_a_description_no_longer_names_what_went(library: Library) -> None:
    rows = [*rows_of(library)]
    path = write_manifest(library, rows)
    manifest = Manifest.read(path)
    loss = {"part": "val", "dataset": DATASET, "label": "attack", "reason": "fta: x", "clips": 2, "frames": 0}
    meta = {
        **manifest.meta,
        "drops": [{**loss, "examples": ["s3__attack", "s33__attack"]}],
        "warnings": [f"{DATASET}/s3 and s3__attack, s3__attack2 differ"],
        "validation": {
            **manifest.meta["validation"],
            "datasets": [
                {"dataset": DATASET, "rule": "subjects", "subjects": ["s2", "s3"], "of": 5, "why": ""},
                {"dataset": "oulu-npu", "rule": "subjects", "subjects": ["s3"], "of": 5, "why": ""},
            ],
        },
    }
    Manifest(manifest.table, meta).write(path.parent)
    assert forget(library).code == 0
    new = manifest_of(library).meta
    assert new["drops"][0]["examples"] == ["s33__attack"] and new["drops"][0]["clips"] == 2
    assert new["warnings"] == ["(forgotten) and (forgotten), s3__attack2 differ"]
    assert [(held["subjects"], held["of"]) for held in new["validation"]["datasets"]] == [(["s2"], 4), (["s3"], 5)]


def test_failures_to_acquire_are_counted_anew(library: Library) -> None:
    rows = [*rows_of(library), row("msu-mfsd", -1, "test", "s3__lost", "s3", "bonafide", -1)]
    manifest = Manifest.read(write_manifest(library, rows))
    loss = {"part": "test", "dataset": "msu-mfsd", "label": "bonafide", "frames": 0}
    meta = {
        **manifest.meta,
        "fta": [
            {**loss, "reason": "failed: x", "clips": 1, "examples": ["a"]},
            {**loss, "reason": "fta: y", "clips": 3, "examples": ["b", "s3__lost"]},
        ],
    }
    Manifest(manifest.table, meta).write(library.protocol_dir(CANONICAL, RECIPE))
    assert Called("fasdata", "forget", "MSU-MFSD", WHO, "--data", library.root, "--yes").code == 0
    new = manifest_of(library).meta
    assert [(loss["clips"], loss["examples"]) for loss in new["fta"]] == [(1, ["a"]), (2, ["b"])]
    assert [count["fta"] for count in new["counts"] if (count["part"], count["label"]) == ("test", "bonafide")] == [0]


def test_a_manifest_that_cannot_stand_without_the_person_is_removed(library: Library) -> None:
    kept = [r for r in rows_of(library) if r["part"] != "val" or r["dataset"] == DATASET]
    write_manifest(library, [r for r in kept if r["part"] != "val" or r["subject"] == WHO or r["label"] == "attack"])
    text = forget(library).out
    assert "part val" in text and "build it again" in text
    assert not list(library.protocol_dir(CANONICAL, RECIPE).iterdir())
