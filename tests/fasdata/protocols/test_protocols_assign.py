"""Clips assigned to parts: held-out subjects, few-shot clips, clips whose part no list gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasdata.errors import UserError
from fasdata.protocols.assign import choose_subjects
from tests.fasdata.protocols.building import build, rows


def test_a_fifth_of_the_people_the_same_on_every_machine(make):
    clips = [
        make.clip("casia-fasd", "train", f"s{person:02}", label)
        for person in range(50)
        for label in ("bonafide", "attack")
    ]
    held = choose_subjects("casia-fasd", clips, 0.2, 0)
    # sha256 of "0/casia-fasd/s00" …, worked out by hand with sha256sum: the ten smallest.
    assert sorted(held) == ["s01", "s04", "s06", "s13", "s17", "s24", "s25", "s27", "s29", "s46"]
    assert held == choose_subjects("casia-fasd", clips[::-1], 0.2, 0)
    assert held != choose_subjects("casia-fasd", clips, 0.2, 1)
    assert held != choose_subjects("oulu-npu", clips, 0.2, 0)


def test_where_people_have_one_label_each_both_kinds_are_held_out(make):
    clips = [make.clip("x", "train", f"g{person}", "bonafide") for person in range(10)]
    clips += [make.clip("x", "train", f"a{person}", "attack") for person in range(30)]
    held = choose_subjects("x", clips, 0.2, 0)
    assert (sum(name[0] == "g" for name in held), sum(name[0] == "a" for name in held)) == (2, 6)


def test_clips_without_a_known_person_stand_for_themselves(make):
    clips = [make.clip("x", "train", "", label, number) for number in range(20) for label in ("bonafide", "attack")]
    assert len(choose_subjects("x", clips, 0.2, 0)) == 8


def test_too_few_people_means_nobody(make):
    clips = [make.clip("x", "train", "only", label) for label in ("bonafide", "attack")]
    assert choose_subjects("x", clips, 0.2, 0) == frozenset()


PEOPLE = st.lists(st.sampled_from([("bonafide",), ("attack",), ("bonafide", "attack")]), min_size=1, max_size=40)


@settings(deadline=None)  # the machine may be busy
@given(PEOPLE, st.integers(0, 99))
def test_held_out_or_not_both_sides_keep_both_labels(people, seed):
    from fasdata.records import Clip

    clips = [
        Clip("x", f"{person}-{label}", {}, "train", label, subject=str(person))
        for person, labels in enumerate(people)
        for label in labels
    ]
    held = choose_subjects("x", clips, 0.2, seed)
    for side in (True, False):
        labels = {clip.label for clip in clips if (clip.subject in held) == side}
        assert labels == {"bonafide", "attack"} or not held
    assert len(held) <= 0.2 * len(people) + 3


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
    store.clip_records = [record for record in store.clip_records if record.clip.split == "dev"]
    stores["oulu-npu"] = store
    with pytest.raises(UserError, match=r"uses no clip of OULU-NPU.*found 6 of dev"):
        build(stores)


def test_shots_train_and_their_people_are_not_tested(stores):
    manifest = build(stores, "CIO-M@shot1")
    shots = rows(manifest, domain="msu-mfsd-shots")
    assert Counter(row["label"] for row in shots) == {"bonafide": 1, "attack": 1}
    assert {(row["part"], row["domain_id"], row["dataset"]) for row in shots} == {("train", 3, "msu-mfsd")}
    assert not {row["subject"] for row in shots} & {row["subject"] for row in rows(manifest, part="test")}
    assert manifest.meta["shots"] == 1 and len({row["clip_id"] for row in rows(manifest, part="test")}) == 18
    other = build(stores, "CIO-M@shot1", seed=5)
    assert {row["subject"] for row in rows(other, domain="msu-mfsd-shots")} != {row["subject"] for row in shots}
    assert [held["dataset"] for held in manifest.meta["validation"]["datasets"]] == [
        "casia-fasd",
        "replay-attack",
        "oulu-npu",
    ]
