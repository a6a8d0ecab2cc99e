"""The checks of a build: clip counts, leakage, contradictory labels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fasdata.errors import UserError
from fasdata.manifests import Manifest
from fasdata.protocols.manifest_text import describe
from tests.fasdata.protocols.building import build, lose_faces, rows


def test_counts_before_drops_are_compared_with_the_full_datasets(stores, make):
    lose_faces(make, stores["msu-mfsd"], 0)
    manifest = build(stores)
    counts = {
        (count["role"], count["dataset"], count["label"]): (count["expected"], count["found"])
        for count in manifest.meta["deviations"]
    }
    assert counts["target", "msu-mfsd", "bonafide"] == (70, 7)  # the clip without a face counts
    assert counts["sources", "casia-fasd", "attack"] == (450, 20)  # held-out people too
    assert counts["validation", "oulu-npu", "bonafide"] == (270, 2)
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
    assert [count["found"] for count in build(stores, "C2M", strict=True).meta["deviations"]] == [147]
    assert "147" in describe(build(stores, "C2M"))
    stores["casia-fasd"].clip_records = [
        record for record in stores["casia-fasd"].clip_records if record.clip.subject != "test1"
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


def test_a_copy_of_which_other_frames_are_stored_stops_the_build(stores):
    def measured(record, sharpness):  # one frame of all has the sharpness that both may share
        frames = record.frames[3:7]
        return tuple(
            replace(
                frame, sharpness=sharpness if frame.index == 5 else float(len(record.clip.clip_id)), brightness=90.0
            )
            for frame in frames
        )

    first, second = stores["casia-fasd"].clip_records[0], stores["msu-mfsd"].clip_records[4]
    stores["casia-fasd"].change(0, frames=measured(first, 71.125))
    stores["msu-mfsd"].change(4, frames=measured(second, 71.126))  # a face at the same place in another picture
    assert len(first.clip.clip_id) != len(second.clip.clip_id)
    build(stores)
    stores["msu-mfsd"].change(4, frames=measured(second, 71.125))
    with pytest.raises(UserError, match=r"leakage: the same content.*found 1, such as casia-fasd/.* = msu-mfsd/"):
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


def test_leakage_needs_a_reason_which_stays_in_the_manifest(stores, tmp_path):
    copied = stores["casia-fasd"].clip_records[0].pixel_hash
    stores["msu-mfsd"].change(4, pixel_hash=copied)
    held = stores["oulu-npu"].clip_records[-1]
    stores["oulu-npu"].change(-1, clip=replace(held.clip, subject="de00"))
    with pytest.raises(UserError, match="--allow-leakage"):
        build(stores, "CIO-M")
    with pytest.raises(UserError, match="leakage"):
        build(stores, "CIO-M", allow_leakage="  ")
    manifest = build(stores, "CIO-M", allow_leakage="the paper has it so")
    assert manifest.meta["leakage"]["reason"] == "the paper has it so"
    assert {crossing["kind"]: crossing["number"] for crossing in manifest.meta["leakage"]["found"]} == {
        "person": 1,
        "content": 1,
    }
    again = Manifest.read(manifest.write(tmp_path))
    assert "let through: the paper has it so" in describe(again)
    clean = Manifest(manifest.table, {**manifest.meta, "leakage": None})
    with pytest.raises(UserError, match="the same person is in two parts"):
        clean.check()


def test_a_reason_without_leakage_is_not_kept(stores):
    assert build(stores, "CIO-M", allow_leakage="to be sure").meta["leakage"] is None


def test_contradictions_and_uneven_losses_are_told_in_the_build(stores, make):
    first = stores["oulu-npu"].clip_records[1].clip
    stores["oulu-npu"].change(1, clip=replace(first, pai="display-1"))
    lost = make.record(stores["msu-mfsd"].clip_records[0].clip, dict.fromkeys(range(20), "skip"))
    stores["msu-mfsd"].change(0, frames=lost.frames, status=lost.status, reason=lost.reason)
    warnings = build(stores, "CIO-M").meta["warnings"]
    assert any("species display-1 with the attack type print" in line and first.clip_id in line for line in warnings)
    assert any(
        "uneven losses: 1 clips of msu-mfsd in test" in line and "1 of 7 bonafide and 0 of 14 attack" in line
        for line in warnings
    )
