"""From stores to a manifest: parts, frames, validation, drops, gates."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from fasdata.errors import UserError
from fasdata.manifest import Manifest
from fasdata.protocols.build import Options, assemble, build_protocol
from fasdata.protocols.describe import describe
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import Recipe, load_recipe
from fasdata.store.reader import Store


def build(stores, name="CIO-M", recipe="standard", **options) -> Manifest:
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    manifest = assemble(make_plan(parse(name), chosen), stores, Options(**options))
    manifest.check()
    return manifest


def rows(manifest: Manifest, **where: object) -> list[dict]:
    return [row for row in manifest.table.to_pylist() if all(row[key] == value for key, value in where.items())]


def lose_faces(make, store, place: int) -> None:
    """Make the clip one in which no face was found."""
    lost = make.record(store.clip_records[place].clip, dict.fromkeys(range(20), "skip"))
    store.change(place, frames=lost.frames, status=lost.status, reason=lost.reason)


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
    held = {one["dataset"]: one for one in manifest.meta["validation"]["datasets"]}
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
    assert {one["rule"] for one in manifest.meta["validation"]["datasets"]} == {"subjects"}
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
    assert {one["rule"] for one in manifest.meta["validation"]["datasets"]} == {"none"}
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


def test_a_row_carries_what_the_store_knows(stores):
    row = rows(build(stores), sample_id="casia-fasd/train__train-00__attack_1/6")[0]
    assert row["key_rgb"] == "crop/train__train-00__attack_1/000006/rgb"
    assert (row["key_depth"], row["key_ir"], row["modalities_available"]) == ("", "", "rgb")
    assert (row["box"], row["region"], row["scale"]) == ([20.5, 30.0, 60.0, 80.0], [0, 5, 80, 105], 1.0)
    assert row["landmarks"] == [30.0, 40.0, 35.0, 41.0, 40.0, 42.0, 45.0, 43.0, 50.0, 44.0]
    assert row["det_score"] == pytest.approx(0.99)
    assert (row["detector"], row["face_status"], row["frame_shift"], row["n_frames"]) == ("mtcnn", "ok", 0, 20)
    assert (row["subject"], row["label"], row["attack_type"]) == ("train-00", "attack", "print")
    assert (row["protocol"], row["protocol_alias"], row["recipe"]) == ("mcio:CIO2M", "CIO-M", "standard")


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
    drops = {(one["dataset"], one["label"]): one for one in manifest.meta["drops"]}
    assert drops["oulu-npu", "attack"]["reason"] == "fta: no usable face in 20 searched frames of 20"
    assert drops["casia-fasd", "attack"]["reason"] == "failed: cannot be decoded at byte 4711"
    assert [(one["label"], one["clips"]) for one in manifest.meta["fta"]] == [("attack", 1)]
    test = {one["label"]: one for one in manifest.meta["counts"] if one["part"] == "test"}
    assert {key: test["attack"][key] for key in ("clips", "frames", "fta", "subjects")} == {
        "clips": 14, "frames": 26, "fta": 1, "subjects": 7,
    }  # fmt: skip


def test_a_failed_recording_of_the_target_counts_as_failure_to_acquire(stores):
    stores["msu-mfsd"].change(0, frames=(), n_frames=0, status="failed", reason="truncated")
    manifest = build(stores)
    assert [row["n_frames"] for row in rows(manifest, status="fta")] == [0]
    assert manifest.meta["fta"][0]["reason"] == "failed: truncated"


def test_stand_ins_are_used_where_the_recipe_accepts_them(stores, make):
    clip = stores["msu-mfsd"].clip_records[0].clip
    stores["msu-mfsd"].change(0, frames=make.record(clip, {6: "shift", 16: "hold", 0: "interp"}).frames)
    shifted = {row["frame_index"]: row for row in rows(build(stores), clip_id=clip.clip_id, dataset=clip.dataset)}
    assert {index: row["face_status"] for index, row in shifted.items()} == {6: "shift", 16: "hold"}
    assert shifted[6]["on_miss"] == "interp+hold+given+shift"
    # with_face counts observed faces only: the first is frame 1.
    plain = rows(build(stores, recipe="hfn_mp"), clip_id=clip.clip_id, dataset=clip.dataset)
    assert [(row["frame_index"], row["on_miss"]) for row in plain] == [(1, "skip"), (19, "skip")]


def test_a_recipe_that_accepts_fewer_stand_ins_misses_frames(stores, make):
    data = load_recipe("standard").model_dump(mode="json")
    data["pools"]["mcio"]["target"]["on_miss"] = ["interp"]
    strict = Recipe.model_validate(data)
    clip = stores["msu-mfsd"].clip_records[0].clip
    stores["msu-mfsd"].change(0, frames=make.record(clip, {6: "hold", 16: "interp"}).frames)
    manifest = build(stores, recipe=strict)
    assert [row["frame_index"] for row in rows(manifest, clip_id=clip.clip_id, dataset=clip.dataset)] == [16]
    [missed] = manifest.meta["missed_frames"]
    assert (missed["frames"], missed["label"], missed["reason"]) == (
        1,
        "bonafide",
        "no face; holding the last box is not accepted",
    )
    assert missed["examples"] == [clip.clip_id]


def test_short_clips_do_not_repeat_a_frame(stores, make):
    clip = stores["msu-mfsd"].clip_records[0].clip
    stores["msu-mfsd"].change(0, frames=make.record(clip, n=3).frames, n_frames=3)
    assert [row["frame_index"] for row in rows(build(stores), clip_id=clip.clip_id, dataset=clip.dataset)] == [2]


def test_counts_before_drops_are_compared_with_the_full_datasets(stores, make):
    lose_faces(make, stores["msu-mfsd"], 0)
    manifest = build(stores)
    found = {
        (one["role"], one["dataset"], one["label"]): (one["expected"], one["found"])
        for one in manifest.meta["deviations"]
    }
    assert found["target", "msu-mfsd", "bonafide"] == (70, 7)  # the clip without a face counts
    assert found["sources", "casia-fasd", "attack"] == (450, 20)  # held-out people too
    assert found["validation", "oulu-npu", "bonafide"] == (270, 2)
    with pytest.raises(UserError, match=r"more than 2 % off.*msu-mfsd \(target\) bonafide 7 instead of 70"):
        build(stores, strict=True)


def test_strict_allows_two_percent(stores, make):
    def full(slug, people, splits):
        store = make.dataset(slug)
        store.clip_records = [
            make.record(make.clip(slug, splits[person % 2], f"{splits[person % 2]}{person}", label, number))
            for person in range(people)
            for label, many in (
                ("bonafide", 2 if slug == "msu-mfsd" else 3),
                ("attack", 6 if slug == "msu-mfsd" else 9),
            )
            for number in range(many)
        ]
        return store

    stores = {
        "msu-mfsd": full("msu-mfsd", 35, ("train", "test")),
        "casia-fasd": full("casia-fasd", 50, ("train", "test")),
    }
    assert build(stores, "C2M", strict=True).meta["deviations"] == []
    stores["casia-fasd"].clip_records = stores["casia-fasd"].clip_records[3:]  # 147 of 150 bona fide: two percent
    assert [one["found"] for one in build(stores, "C2M", strict=True).meta["deviations"]] == [147]
    assert "147" in describe(build(stores, "C2M"))
    stores["casia-fasd"].clip_records = [
        one for one in stores["casia-fasd"].clip_records if one.clip.subject != "test1"
    ]
    with pytest.raises(UserError, match="144 instead of 150"):
        build(stores, "C2M", strict=True)


def test_a_person_in_two_parts_stops_the_build(stores):
    held = stores["oulu-npu"].clip_records[-1]
    stores["oulu-npu"].change(-1, clip=replace(held.clip, subject="de00"))
    with pytest.raises(UserError, match=r"leakage: the same person.*oulu-npu/de00 in train and val"):
        build(stores)


def test_the_same_number_in_two_datasets_is_two_people(stores):
    # tr00 stands in OULU-NPU, Replay-Attack (sources) and MSU-MFSD (target).
    assert {row["dataset"] for row in rows(build(stores), subject="tr00")} == {"oulu-npu", "replay-attack", "msu-mfsd"}


def test_the_same_content_under_another_name_stops_the_build(stores):
    copied = stores["casia-fasd"].clip_records[0].pixel_hash
    stores["msu-mfsd"].change(4, pixel_hash=copied)
    with pytest.raises(
        UserError, match=r"leakage: the same content.*casia-fasd/train__train-00__bonafide_0 = msu-mfsd/.* in test and"
    ):
        build(stores)


def test_clips_without_faces_are_not_taken_for_copies(stores, make):
    for slug in ("msu-mfsd", "oulu-npu"):
        lose_faces(make, stores[slug], 0)
        stores[slug].change(0, content_hash="nothing")
    build(stores)


def test_the_same_clip_in_two_parts_stops_the_build(stores):
    first = stores["oulu-npu"].clip_records[0]
    dev = replace(first, clip=replace(first.clip, split="dev", subject="de00"), pixel_hash="x")
    stores["oulu-npu"].clip_records = [*stores["oulu-npu"].clip_records, dev]
    with pytest.raises(UserError, match=r"leakage: the same clip.*train and val"):
        build(stores)


def test_a_part_with_one_label_is_refused(stores, make):
    for place, record in enumerate(stores["msu-mfsd"].clip_records):
        if record.clip.label == "bonafide":
            lose_faces(make, stores["msu-mfsd"], place)
    with pytest.raises(UserError, match="part test; expected usable clips of both labels; found none of bonafide"):
        build(stores)


def test_clips_whose_label_or_split_no_list_gave_stop_the_build(stores):
    clip = stores["msu-mfsd"].clip_records[0].clip
    stores["msu-mfsd"].change(0, clip=replace(clip, split=""))
    with pytest.raises(UserError, match=r"1 clips of MSU-MFSD belong to no split.*list"):
        build(stores)
    build(stores, recipe="hfn_mp")  # pools all splits: it does not matter
    stores["msu-mfsd"].change(0, clip=replace(clip, label=""))
    with pytest.raises(UserError, match="1 clips of MSU-MFSD have no label"):
        build(stores, recipe="hfn_mp")


def test_a_store_without_a_split_that_is_needed(stores, make):
    store = make.dataset("oulu-npu")
    store.clip_records = [one for one in store.clip_records if one.clip.split == "dev"]
    stores["oulu-npu"] = store
    with pytest.raises(UserError, match=r"uses no clip of OULU-NPU.*found 6 of dev"):
        build(stores)


def test_frames_that_were_not_extracted_are_asked_for(stores, make):
    first = stores["msu-mfsd"].clip_records[0]
    stores["msu-mfsd"].change(0, frames=first.frames[:3], scanned_all=False, selections={})
    with pytest.raises(UserError, match=r"lacks frames of the rule ssdg\(2\)@decoded.*--frames"):
        build(stores)


def test_only_the_rules_of_a_clips_own_part_are_asked_for(stores):
    # Training clips of OULU hold frame 6 alone; ssdg(2), which validation uses, would need frame 16 too.
    for place, record in enumerate(stores["oulu-npu"].clip_records):
        if record.clip.split != "dev":
            stores["oulu-npu"].change(place, frames=record.frames[6:7], scanned_all=False)
    build(stores)


def test_single_source_and_limited_names_build(stores):
    assert build(stores, "MI2C").meta["canonical"] == "mcio:IM2C@limited"
    assert [one["dataset"] for one in build(stores, "c->i").meta["domains"]] == ["casia-fasd"]
    two = build(stores, "OI2CM")
    assert {row["dataset"] for row in rows(two, part="test")} == {"casia-fasd", "msu-mfsd"}


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
    said = describe(again).splitlines()
    assert said[0] == "mcio:CIO2M  (given as CIO-M)"
    assert str(manifest.path) in "\n".join(said)
    with pytest.raises(UserError, match=r"unknown recipe 'standrd'.*did you mean 'standard'"):
        build_protocol("CIO-M", recipe="standrd", library=library)
    (library.store_dir("oulu-npu") / "store.json").unlink()
    with pytest.raises(UserError, match=r"no store of oulu-npu.*fasdata extract oulu-npu"):
        build_protocol("CIO-M", library=library)
    with pytest.raises(UserError, match=r"no store of rose-youtu.*fasdata extract rose-youtu"):
        build_protocol("Y2M", library=library)


def test_the_summary_tells_losses_by_label_and_reason(stores, make):
    lose_faces(make, stores["msu-mfsd"], 0)
    lose_faces(make, stores["oulu-npu"], 0)
    said = describe(build(stores, validation="none"))
    for part in (
        "0 = CASIA-FASD (C), 1 = Replay-Attack (I), 2 = OULU-NPU (O)",
        "validation  none",
        "dropped, no usable frame: 1 clips",
        "failure to acquire (kept in the target with status fta): 1 clips",
        "not used by the recipe: replay-attack dev attack 6, replay-attack dev bonafide 3",
        "fta: no usable face in 20 searched frames of 20",
    ):
        assert part in said
