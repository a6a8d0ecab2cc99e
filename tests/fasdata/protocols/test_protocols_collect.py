"""The frames of a clip that a part can use: stand-ins, short clips, frames that were not extracted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fasdata.errors import UserError
from fasdata.protocols.build import assemble
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import Recipe, load_recipe
from tests.fasdata.protocols.building import build, rows


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


def test_only_the_first_frames_of_siw(make):
    store = make.dataset("oulu-npu")
    store.clip_records = [
        make.record(
            replace(record.clip, dataset="siw", split="train" if record.clip.split == "dev" else record.clip.split),
            n=70,
        )
        for record in store.clip_records
    ]
    plan = make_plan(parse("siw:P1"), load_recipe("standard"))
    [domain] = plan.sources
    far = replace(domain.takes[0], frames="linspace(2)@decoded")
    plan = replace(plan, sources=(replace(domain, takes=(far, domain.takes[1])),))
    manifest = assemble(plan, {"siw": store})
    assert {row["frame_index"] for row in rows(manifest, part="train")} == {0}  # frame 69 lies past the sixtieth
    assert {row["frame_index"] for row in rows(manifest, part="test")} == {6, 41}
