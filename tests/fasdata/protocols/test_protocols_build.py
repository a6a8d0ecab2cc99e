"""Building a manifest: splits, validation, drops, names, and the library it is written into."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.protocols.build import build_protocol, room_for_millions
from fasdata.protocols.manifest_text import describe
from fasdata.store.keys import crop_key
from fasdata.store.reader import Store
from tests.fasdata.protocols.building import build, lose_faces, rows, write_store


def test_standard_trains_on_train_and_test_and_validates_on_dev(stores):
    manifest = build(stores)
    splits = Counter((row["part"], row["dataset"], row["split_official"]) for row in manifest.table.to_pylist())
    used = {
        part: {(dataset, split) for of, dataset, split in splits if of == part} for part in ("train", "val", "test")
    }
    assert {("replay-attack", "train"), ("replay-attack", "test"), ("oulu-npu", "train")} <= used["train"]
    assert {pair for pair in used["val"] if pair[0] != "casia-fasd"} == {("replay-attack", "dev"), ("oulu-npu", "dev")}
    assert used["test"] == {("msu-mfsd", "train"), ("msu-mfsd", "test")}
    rules = {row["part"]: row["frame_rule"] for row in manifest.table.to_pylist()}
    assert rules == {"train": "ssdg(1)@decoded", "val": "ssdg(2)@decoded", "test": "ssdg(2)@decoded"}
    assert {row["frame_index"] for row in rows(manifest, part="train")} == {6}
    assert {row["frame_index"] for row in rows(manifest, part="test")} == {6, 16}


def test_a_source_without_dev_gives_a_fifth_of_its_people(stores):
    manifest = build(stores)
    held = {entry["dataset"]: entry for entry in manifest.meta["validation"]["datasets"]}
    assert (held["casia-fasd"]["rule"], len(held["casia-fasd"]["subjects"]), held["casia-fasd"]["of"]) == (
        "subjects",
        2,
        10,
    )
    assert (held["oulu-npu"]["rule"], held["oulu-npu"]["subjects"]) == ("official dev", ["de00", "de01"])
    assert {row["subject"] for row in rows(manifest, part="val", dataset="casia-fasd")} == set(
        held["casia-fasd"]["subjects"]
    )
    assert not {row["subject"] for row in rows(manifest, part="train", dataset="casia-fasd")} & set(
        held["casia-fasd"]["subjects"]
    )


def test_hfn_mp_pools_all_splits_and_orders_domains_as_its_authors(stores):
    manifest = build(stores, recipe="hfn_mp")
    assert {row["split_official"] for row in rows(manifest, dataset="oulu-npu", part="train")} == {
        "train",
        "dev",
        "test",
    }
    assert {(row["dataset"], row["domain_id"]) for row in rows(manifest) if row["part"] != "test"} == {
        ("casia-fasd", 0), ("oulu-npu", 1), ("replay-attack", 2),
    }  # fmt: skip
    assert {held["rule"] for held in manifest.meta["validation"]["datasets"]} == {"subjects"}
    assert {row["frame_index"] for row in rows(manifest)} == {0, 19}
    assert {row["domain_id"] for row in rows(manifest, part="test")} == {-1}


def test_validation_none_leaves_the_part_out(stores):
    manifest = build(stores, validation="none")
    assert {row["part"] for row in rows(manifest)} == {"train", "test"}
    assert len({row["subject"] for row in rows(manifest, part="train", dataset="casia-fasd")}) == 10
    assert {row["split_official"] for row in rows(manifest, dataset="oulu-npu")} == {
        "train",
        "test",
    }  # dev is unused, not trained on
    assert {held["rule"] for held in manifest.meta["validation"]["datasets"]} == {"none"}
    with pytest.raises(UserError, match="unknown validation rule 'no'"):
        build(stores, validation="no")


def test_the_seed_chooses_other_people_and_the_same_seed_the_same(stores):
    first, again, other = build(stores), build(stores), build(stores, seed=1)
    assert first.fingerprint == again.fingerprint == first.meta["fingerprint"]
    assert first.fingerprint != other.fingerprint
    assert other.meta["validation"]["seed"] == 1


def test_a_source_with_too_few_people_is_warned_about(stores, make):
    store = make.dataset("msu-mfsd")
    store.clip_records = store.clip_records[:3]
    stores["msu-mfsd"] = store
    manifest = build(stores, "M2C")
    assert {row["part"] for row in rows(manifest)} == {"train", "test"}
    assert "msu-mfsd: no validation clips" in manifest.meta["warnings"][0]
    assert "too few" in describe(manifest)


def test_target_clips_without_a_face_stay_and_source_clips_go(stores, make):
    for slug in ("msu-mfsd", "oulu-npu"):
        lose_faces(make, stores[slug], 1)
    stores["casia-fasd"].change(2, frames=(), status="failed", reason="cannot be decoded at byte 4711")
    manifest = build(stores)
    [lost] = rows(manifest, status="fta")
    assert (lost["part"], lost["dataset"], lost["frame_index"], lost["key_rgb"]) == ("test", "msu-mfsd", -1, "")
    assert lost["box"] is lost["region"] is lost["scale"] is lost["det_score"] is None
    assert lost["clip_id"] == stores["msu-mfsd"].clip_records[1].clip.clip_id
    clips = {row["clip_id"] for row in rows(manifest, dataset="oulu-npu")}
    assert stores["oulu-npu"].clip_records[1].clip.clip_id not in clips
    drops = {(loss["dataset"], loss["label"]): loss for loss in manifest.meta["drops"]}
    assert drops["oulu-npu", "attack"]["reason"] == "fta: no usable face in 20 searched frames of 20"
    assert drops["casia-fasd", "attack"]["reason"] == "failed: cannot be decoded at byte 4711"
    assert [(loss["label"], loss["clips"]) for loss in manifest.meta["fta"]] == [("attack", 1)]
    test = {count["label"]: count for count in manifest.meta["counts"] if count["part"] == "test"}
    assert {key: test["attack"][key] for key in ("clips", "frames", "fta", "subjects")} == {
        "clips": 14, "frames": 26, "fta": 1, "subjects": 7,
    }  # fmt: skip


def test_a_failed_recording_of_the_target_counts_as_failure_to_acquire(stores):
    stores["msu-mfsd"].change(0, frames=(), n_frames=0, status="failed", reason="truncated")
    manifest = build(stores)
    assert [row["n_frames"] for row in rows(manifest, status="fta")] == [0]
    assert manifest.meta["fta"][0]["reason"] == "failed: truncated"


def test_a_part_with_one_label_is_refused(stores, make):
    for place, record in enumerate(stores["msu-mfsd"].clip_records):
        if record.clip.label == "bonafide":
            lose_faces(make, stores["msu-mfsd"], place)
    with pytest.raises(UserError, match="part test; expected usable clips of both labels; found none of bonafide"):
        build(stores)


def test_single_source_and_limited_names_build(stores):
    assert build(stores, "MI2C").meta["canonical"] == "mcio:IM2C@limited"
    assert [domain["dataset"] for domain in build(stores, "c->i").meta["domains"]] == ["casia-fasd"]
    two = build(stores, "OI2CM")
    assert {row["dataset"] for row in rows(two, part="test")} == {"casia-fasd", "msu-mfsd"}


def test_inside_one_dataset(stores):
    store = stores["oulu-npu"]
    for place, record in enumerate(store.clip_records):
        fields = {"phone": "1", "session": "3" if record.clip.split == "test" else "1"}
        store.change(place, clip=replace(record.clip, fields=fields))
    manifest = build(stores, "oulu:P1")
    used = {(row["part"], row["split_official"]) for row in rows(manifest)}
    assert used == {("train", "train"), ("val", "dev"), ("test", "test")}
    assert (manifest.meta["canonical"], manifest.meta["pool"]) == ("oulu:P1", "")
    assert manifest.meta["left_out"] == []
    assert "report ACER at the threshold of dev" in describe(manifest)
    with pytest.raises(UserError, match=r"uses no clip of OULU-NPU.*phone not 1"):
        build(stores, "oulu:P3.1")


def test_build_protocol_reads_the_library_and_writes_into_it(stores, tmp_path, monkeypatch):
    from fasdata.library import Library

    library = Library(tmp_path)
    for slug in stores:
        library.store_dir(slug).mkdir()
        (library.store_dir(slug) / "store.json").write_text("{}")
        (library.store_dir(slug) / "clips.parquet").write_bytes(b"")
    monkeypatch.setattr(Store, "open", lambda folder: stores[folder.name])
    manifest = build_protocol("CIO-M", library=library)
    assert manifest.path == tmp_path / "protocols" / "mcio-CIO2M" / "standard" / "manifest.parquet"
    assert (manifest.path.parent / "manifest.json").is_file()
    again = Manifest.read(manifest.path.parent)
    assert again.meta == manifest.meta
    assert again.open_stores(library)["msu-mfsd"] is stores["msu-mfsd"]
    lines = describe(again).splitlines()
    assert lines[0] == "mcio:CIO2M  (given as CIO-M)"
    assert str(manifest.path) in "\n".join(lines)
    with pytest.raises(UserError, match=r"unknown recipe 'standrd'.*did you mean 'standard'"):
        build_protocol("CIO-M", recipe="standrd", library=library)
    (library.store_dir("oulu-npu") / "store.json").unlink()
    with pytest.raises(UserError, match=r"no store of oulu-npu.*fasdata extract oulu-npu"):
        build_protocol("CIO-M", library=library)
    with pytest.raises(UserError, match=r"no store of rose-youtu.*fasdata extract rose-youtu"):
        build_protocol("Y2M", library=library)


@pytest.fixture
def library(stores, tmp_path) -> Library:
    library = Library(tmp_path)
    for slug in ("casia-fasd", "msu-mfsd"):
        write_store(library, slug, stores[slug].clip_records)
    return library


def test_a_library_becomes_a_manifest_whose_keys_the_stores_hold(library):
    built = build_protocol("C2M", library=library)
    read = Manifest.read(built.path)
    assert read.fingerprint == built.fingerprint
    opened = read.open_stores(library)
    assert set(opened) == {"casia-fasd", "msu-mfsd"}
    for row in read.table.to_pylist():
        record = opened[row["dataset"]].record(row["clip_id"])
        assert (record.clip.label, record.clip.subject) == (row["label"], row["subject"])
        assert crop_key(record.clip.clip_id, row["frame_index"]) == row["key_rgb"]
    assert "mcio:C2M" in describe(built)


def test_building_again_gives_the_same_file(library):
    first = build_protocol("C2M", library=library)
    before = first.path.read_bytes()
    assert build_protocol("C2M", library=library).fingerprint == first.fingerprint
    assert first.path.read_bytes() == before


def test_a_store_that_grew_makes_the_manifest_old(library, make):
    built = build_protocol("C2M", library=library)
    write_store(library, "msu-mfsd", [make.record(make.clip("msu-mfsd", "test", "late", "attack"))])
    assert Store.open(library.store_dir("msu-mfsd")).record("test__late__attack_0")
    with pytest.raises(UserError, match=r"store of msu-mfsd changed since.*build it again"):
        Manifest.read(built.path).open_stores(library)


def test_without_a_store_nothing_is_written(library):
    with pytest.raises(UserError, match=r"no store of oulu-npu.*fasdata extract oulu-npu"):
        build_protocol("O2M", library=library)
    assert not (library.root / "protocols").exists()


def test_the_summary_lists_a_dozen_kinds_of_losses_and_counts_the_rest(stores):
    manifest = build(stores)
    for number, says in ((12, ""), (13, "and 1 more kinds, all in manifest.json")):
        loss = {"part": "train", "dataset": "d", "label": "attack", "clips": 1, "frames": 0, "examples": []}
        drops = [{**loss, "reason": f"reason {place}"} for place in range(number)]
        text = describe(replace(manifest, meta={**manifest.meta, "drops": drops}))
        assert text.count("reason 1") == 3 and says in text and ("more kinds" in text) == bool(says)
        assert f"dropped, no usable frame: {number} clips" in text


def test_a_build_leaves_python_and_arrow_as_they_were_also_when_it_stops() -> None:
    pool = pa.default_memory_pool().backend_name
    with pytest.raises(KeyError), room_for_millions():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled() and pa.default_memory_pool().backend_name == pool
