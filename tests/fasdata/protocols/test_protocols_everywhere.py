"""Splits and folds by people and species left out, for every dataset: nobody on two sides, both labels, or why not."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasdata.errors import UserError
from fasdata.protocols.everywhere import TEST_SHARE, deal, generic_protocol, hold_out, sides_of, subject_key
from fasdata.records import LABELS, Clip
from fasdata.species import species_slug
from tests.fasdata.protocols.building import build, rows
from tests.fasdata.protocols.conftest import FakeStore

KINDS = ("bonafide", "print", "replay", "latex")


def made(who: str, kind: str, number: int = 0, split: str = "") -> Clip:
    attack_type = kind if kind in ("bonafide", "print", "replay") else "unknown"
    pai = "" if attack_type != "unknown" else kind
    label = "bonafide" if kind == "bonafide" else "attack"
    name = f"{who or 'nobody'}-{kind}-{number}"
    return Clip("mylab", name, {"rgb": f"{name}.mp4"}, split, label, attack_type, pai, who)


PEOPLE = st.dictionaries(
    st.text("abcdefghij", min_size=1, max_size=2), st.sets(st.sampled_from(KINDS), min_size=1), min_size=1, max_size=14
)


def sides(protocol: str, clips: list[Clip], seed: int = 0, fold: str = "") -> SimpleNamespace:
    chosen = sides_of(f"mylab:{protocol}", protocol, fold, clips, "mylab", seed)
    by_id = {clip.clip_id: clip for clip in clips}
    of_side = {side: [by_id[clip_id] for clip_id in getattr(chosen, side)] for side in ("train", "dev", "test")}
    return SimpleNamespace(note=chosen.note, **of_side)


@settings(max_examples=150, deadline=None)
@given(PEOPLE, st.integers(0, 3), st.sampled_from(["split", "cv2.1", "cv3.3", "LOO_print", "LOO_latex"]))
def test_sides_share_no_person_and_hold_both_labels_or_say_why_not(
    people: dict[str, set[str]], seed: int, spelled: str
) -> None:
    clips = [made(who, kind) for who, kinds in people.items() for kind in sorted(kinds)]
    protocol, fold = generic_protocol(spelled) or ("", "")
    try:
        chosen = sides(protocol, clips, seed, fold)
    except UserError as error:
        assert re.search(r"cannot be divided|is of the species|none of another species", str(error))
        return
    train, test = {clip.subject for clip in chosen.train}, {clip.subject for clip in chosen.test}
    assert not train & test
    for side in (chosen.train, chosen.test):
        assert {clip.label for clip in side} == set(LABELS)
    if protocol.startswith("LOO_"):
        slug = protocol.removeprefix("LOO_")
        of = {side: {species_slug(c.pai or c.attack_type) for c in getattr(chosen, side) if c.label == "attack"}
              for side in ("train", "test")}  # fmt: skip
        assert of["test"] == {slug} and slug not in of["train"]
    else:
        assert len(chosen.train) + len(chosen.test) == len(clips)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(0, 5), st.integers(6, 24))
def test_every_person_is_tested_in_exactly_one_fold(folds: int, seed: int, people: int) -> None:
    clips = [made(f"p{who}", kind) for who in range(people) for kind in ("bonafide", "print")]
    tested = [
        {clip.subject for clip in sides(f"cv{folds}", clips, seed, str(fold)).test} for fold in range(1, folds + 1)
    ]
    assert sum(map(len, tested)) == people and set.union(*tested) == {clip.subject for clip in clips}
    assert max(map(len, tested)) - min(map(len, tested)) <= 1


def test_the_share_the_seed_and_the_order_of_people() -> None:
    clips = [made(f"p{who:02}", kind) for who in range(20) for kind in ("bonafide", "print")]
    held = hold_out(clips, "mylab", TEST_SHARE, 0, lambda clip: clip.label)
    assert len(held) == 6
    assert held == hold_out(clips[::-1], "mylab", TEST_SHARE, 0, lambda clip: clip.label)
    assert held != hold_out(clips, "mylab", TEST_SHARE, 1, lambda clip: clip.label)
    assert held != hold_out(clips, "other", TEST_SHARE, 0, lambda clip: clip.label)
    assert deal(clips, "mylab", 4, 0) != deal(clips, "mylab", 4, 1)
    assert subject_key(made("", "print")) == "clip nobody-print-0"


def test_a_side_that_needs_a_kind_gets_one_person_of_it() -> None:
    clips = [made("a", "bonafide"), made("b", "bonafide"), made("c", "print"), made("d", "print")]
    held = hold_out(clips, "mylab", 0.2, 0, lambda clip: clip.label)  # 0.2 of two people of a kind is nobody
    assert len(held) == 2 and len(held & {"a", "b"}) == 1
    assert not hold_out(clips[:3], "mylab", 0.2, 0, lambda clip: clip.label)


@pytest.mark.parametrize(
    ("protocol", "kinds", "words"),
    [
        ("split", {"a": ["bonafide", "print"]}, "found 1 with attack + bonafide; add recordings of other people"),
        ("split", {"a": ["bonafide"], "b": ["bonafide"]}, "expected two people of each label; found 2 with bonafide"),
        (
            "LOO_latex",
            {"a": ["bonafide", "print"]},
            "no attack of mylab is of the species 'latex'; expected one of LOO_p",
        ),
        (
            "LOO_print",
            {"a": ["bonafide", "print"], "b": ["bonafide"]},
            "every attack of mylab is print: none of another",
        ),
        ("LOO_print", {"a": ["bonafide", "print", "latex"]}, "1 with bonafide + left out + other attacks"),
    ],
)
def test_what_cannot_be_divided_says_why(protocol: str, kinds: dict[str, list[str]], words: str) -> None:
    clips = [made(who, kind) for who, of in kinds.items() for kind in of]
    with pytest.raises(UserError) as error:
        sides(protocol, clips)
    assert words in str(error.value)


def test_too_few_people_for_the_folds_say_so() -> None:
    clips = [made(who, kind) for who in "ab" for kind in ("bonafide", "print")]
    with pytest.raises(UserError, match="expected 3 people of each label; found 2 with attack"):
        sides("cv3", clips, fold="1")


def test_every_fold_needs_both_labels_and_not_this_one_alone() -> None:
    clips = [made(who, kind) for who in "ab" for kind in ("bonafide", "print")]
    clips += [made("c", "bonafide")]  # of three folds one lacks attacks
    for fold in "123":
        with pytest.raises(UserError, match="expected 3 people of each label"):
            sides("cv3", clips, fold=fold)
    assert sides("cv3", [*clips, made("c", "print")], fold="3").test


def test_a_species_left_out_goes_by_the_official_split_where_that_will_do() -> None:
    clips = [
        *(made(f"t{who}", kind, split="train") for who in range(3) for kind in KINDS),
        *(made(f"d{who}", kind, split="dev") for who in range(2) for kind in KINDS),
        *(made(f"e{who}", kind, split="test") for who in range(3) for kind in KINDS),
    ]
    chosen = sides("LOO_latex", clips)
    assert "official split" in chosen.note
    assert {clip.split for clip in chosen.train} == {"train"} and {clip.split for clip in chosen.dev} == {"dev"}
    assert {(clip.label, clip.pai) for clip in chosen.test} == {("bonafide", ""), ("attack", "latex")}
    assert "latex" not in {clip.pai for clip in (*chosen.train, *chosen.dev)}
    without = [clip for clip in clips if (clip.split, clip.pai) != ("test", "latex")]  # no latex mask to test there
    assert "of the people are tested" in sides("LOO_latex", without).note


def test_an_official_split_that_shares_people_is_none_to_leave_a_species_out_by() -> None:
    clips = [
        made(f"p{who}", kind, split="train" if kind != "latex" and number == 0 else "test", number=number)
        for who in range(8)
        for kind in KINDS
        for number in range(2)
    ]
    chosen = sides("LOO_latex", clips)
    assert "of the people are tested" in chosen.note
    assert not {clip.subject for clip in chosen.train} & {clip.subject for clip in chosen.test}


def test_attacks_of_unknown_species_in_training_are_said() -> None:
    clips = [made(f"p{who}", kind) for who in range(8) for kind in (*KINDS, "")]
    unnamed = [clip for clip in clips if clip.label == "attack" and not clip.pai and clip.attack_type == "unknown"]
    assert unnamed and "attacks of unknown species train, and some may be of this one" in sides("LOO_latex", clips).note
    assert "unknown species" not in sides("LOO_latex", [clip for clip in clips if clip not in unnamed]).note


def test_unknown_people_are_said(make: SimpleNamespace) -> None:
    clips = [made("", kind, number) for kind in ("bonafide", "print") for number in range(10)]
    chosen = sides("split", clips)
    assert "20 clips name no person and stand for themselves: the same person may be on both sides" in chosen.note
    assert "name no person" not in sides("split", [made(f"p{n}", k) for n in range(9) for k in KINDS]).note


def lab(make: SimpleNamespace, split: bool = False, people: int = 10) -> FakeStore:
    parts = ("train", "train", "dev", "test", "test") if split else ("",)
    records = [
        make.record(made(f"p{who:02}", kind, split=parts[who % len(parts)]))
        for who in range(people)
        for kind in ("bonafide", "print", "latex")
    ]
    return FakeStore(records, content="hash of mylab")


def test_a_split_by_people_becomes_a_manifest_with_its_note(make: SimpleNamespace) -> None:
    stores = {"mylab": lab(make)}
    manifest = build(stores, "mylab:split")
    people = {part: {row["subject"] for row in rows(manifest, part=part)} for part in ("train", "val", "test")}
    assert [len(people[part]) for part in ("train", "val", "test")] == [6, 1, 3]
    assert not people["train"] & people["test"] and not people["val"] & (people["train"] | people["test"])
    assert "30% of the people are tested, seed 0" in manifest.meta["notes"]
    other = build(stores, "mylab:split", seed=1)
    assert {row["subject"] for row in rows(other, part="test")} != people["test"]
    assert {row["recipe"] for row in rows(other)} == {"standard@" + other.table["recipe"][0].as_py().split("@")[1]}
    assert other.meta["recipe"]["parameters"] == {"seed": "1"}


def test_the_official_split_of_own_data_and_where_there_is_none(make: SimpleNamespace) -> None:
    manifest = build({"mylab": lab(make, split=True)}, "mylab:official")
    assert {(row["part"], row["split_official"]) for row in rows(manifest)} == {
        ("train", "train"), ("val", "dev"), ("test", "test"),
    }  # fmt: skip
    with pytest.raises(UserError, match=r"belong to no split.*or divide by people: mylab:split"):
        build({"mylab": lab(make)}, "mylab:official")


def test_a_species_left_out_is_tested_alone_and_nowhere_else(make: SimpleNamespace) -> None:
    manifest = build({"mylab": lab(make)}, "mylab:LOO_latex")
    attacks = {part: {row["pai"] for row in rows(manifest, part=part, label="attack")} for part in ("train", "test")}
    assert attacks == {"train": {""}, "test": {"latex"}}
    assert any(note.startswith("latex only in the test") for note in manifest.meta["notes"])


def test_shipped_datasets_have_them_too(stores: dict[str, FakeStore]) -> None:
    fold = build(stores, "casia:cv5.2")
    assert (
        fold.meta["canonical"] == "casia-fasd:cv5.2" and len({row["subject"] for row in rows(fold, part="test")}) == 2
    )
    official = build(stores, "oulu:official")
    assert {(row["part"], row["split_official"]) for row in rows(official)} == {
        ("train", "train"), ("val", "dev"), ("test", "test"),
    }  # fmt: skip
