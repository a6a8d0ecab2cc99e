import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasdata.errors import UserError
from fasdata.protocols.sampling import FrameRule, choose, parse_rules
from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord


def rule(text: str) -> FrameRule:
    return FrameRule.parse(text)


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [
        ("first(3)", 10, [0, 1, 2]),
        ("first(3)", 2, [0, 1]),
        ("linspace(2)", 100, [0, 99]),
        ("linspace(2)", 2, [0, 1]),
        ("linspace(2)", 1, [0]),
        ("linspace(5)", 11, [0, 2, 5, 7, 10]),
        ("linspace(1)", 7, [0]),
        ("ssdg(1)", 100, [6]),
        ("ssdg(2)", 100, [6, 56]),
        ("ssdg(2)", 8, [6, 7]),
        ("ssdg(2)", 5, [4]),
        ("quarter", 10, [2, 7]),
        ("quarter", 1, [0]),
        ("equidistant(4)", 10, [0, 2, 5, 7]),
        ("every(5)", 12, [0, 5, 10]),
        ("every(5,1000)", 2000, list(range(0, 1001, 5))),
        ("all", 4, [0, 1, 2, 3]),
        ("all", 0, []),
        ("ssdg(2)", 0, []),
    ],
)
def test_positions(text, n, expected):
    assert rule(text).positions(n) == expected


@given(st.integers(1, 400), st.integers(2, 40))
def test_linspace_is_the_floor_of_numpys(n, k):
    expected = range(n) if n <= k else sorted({math.floor(round(v, 9)) for v in np.linspace(0, n - 1, k)})
    assert rule(f"linspace({k})").positions(n) == list(expected)


@given(
    st.integers(0, 300),
    st.sampled_from(["first(3)", "linspace(4)", "ssdg(2)", "quarter", "equidistant(5)", "every(7)", "random(4,1)"]),
)
def test_positions_are_inside_ascending_and_distinct(n, text):
    positions = rule(text).positions(n, "clip")
    assert positions == sorted(set(positions))
    assert all(0 <= position < n for position in positions)
    assert bool(positions) == (n > 0)


def test_random_depends_on_seed_and_clip_alone():
    assert rule("random(3,1)").positions(50, "a") == rule("random(3,1)").positions(50, "a")
    drawn = {tuple(rule(f"random(3,{seed})").positions(50, clip)) for seed in (1, 2) for clip in "ab"}
    assert len(drawn) == 4


def test_ssdg_tells_when_a_clip_is_too_short():
    assert rule("ssdg(2)").clamps(8) and not rule("ssdg(2)").clamps(14)
    assert rule("ssdg(1)").clamps(6) and not rule("ssdg(1)").clamps(7)


@pytest.mark.parametrize(
    "text", ["ssdg(2)@decoded", "linspace(2)@with_face", "all@decoded", "every(5,1000)@decoded", "quarter@with_face"]
)
def test_text_form_is_stable(text):
    assert str(rule(text)) == text
    assert rule(str(rule(text))) == rule(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sdsg(2)", "ssdg"),
        ("ssdg", "1 number"),
        ("ssdg(1,2)", "1 number"),
        ("every(0)", "at least 1"),
        ("first(2)@faces", "with_face"),
        ("?", "not understood"),
    ],
)
def test_bad_rules_are_refused_in_one_line(text, words):
    with pytest.raises(UserError, match=words) as error:
        rule(text)
    assert "\n" not in str(error.value)


def test_rules_are_joined_by_plus():
    assert [str(r) for r in parse_rules("ssdg(2) + linspace(2)@with_face+ssdg(2)@decoded")] == [
        "ssdg(2)@decoded",
        "linspace(2)@with_face",
    ]


# -- on=with_face: which frames have to be searched, and what comes out


def search(text: str, faces: set[int], n: int) -> tuple[tuple[int, ...], int]:
    """Play the extractor: search what the rule asks for until it is decided."""
    known: dict[int, bool] = {}
    while missing := rule(text).missing(n, known):
        known |= {index: index in faces for index in missing}
    return rule(text).resolve(n, known), len(known)


@pytest.mark.parametrize(
    "text",
    ["first(2)@with_face", "linspace(2)@with_face", "linspace(3)@with_face", "ssdg(2)@with_face", "quarter@with_face"],
)
@given(faces=st.sets(st.integers(0, 59)))
def test_lazy_search_gives_what_a_full_search_would(text, faces):
    chosen, _ = search(text, faces, 60)
    ordered = sorted(faces)
    assert chosen == tuple(ordered[p] for p in rule(text).positions(len(ordered)))


def test_first_and_last_face_need_only_the_ends():
    chosen, searched = search("linspace(2)@with_face", set(range(60)), 60)
    assert chosen == (0, 59) and searched == 2
    chosen, searched = search("linspace(2)@with_face", {3, 20, 50}, 60)
    assert chosen == (3, 50) and searched <= 26  # one, then eight at a time from either end


def test_counting_rules_search_every_frame():
    assert search("ssdg(2)@with_face", set(range(60)), 60) == ((6, 36), 60)


# -- reading the choice back from a stored clip


def record(**changes) -> ClipRecord:
    crop = CropRecord((0, 0, 9, 9), 1.0, "png")
    frames = tuple(FrameRecord(i, i / 25, "ok", 0.9, 1, (0, 0, 9, 9), None, 0, crop) for i in (6, 16))
    return ClipRecord(Clip("d", "c", {"rgb": "c.avi"}), "ok", n_frames=20, frames=frames, **changes)


def test_choose_prefers_what_extraction_recorded():
    assert choose(rule("linspace(2)@with_face"), record(selections={"linspace(2)@with_face": (3, 4)})) == (3, 4)


def test_choose_works_out_a_rule_whose_frames_are_there():
    assert choose(rule("ssdg(2)"), record()) == (6, 16)
    assert choose(rule("ssdg(1)"), record()) == (6,)


def test_choose_says_how_to_get_missing_frames():
    with pytest.raises(UserError, match=r"--frames 'quarter@decoded'"):
        choose(rule("quarter"), record())


def test_a_frame_that_was_only_searched_is_no_answer():
    """It may have no face of its own and still get one from its neighbours: only extraction works that out."""
    searched = FrameRecord(8, 8 / 25, "skip")
    with pytest.raises(UserError, match="lacks frames"):
        choose(rule("random(20,1)"), replace(record(), frames=(*record().frames, searched)))
    chosen = record(selections={"first(9)@decoded": (8,)})
    assert choose(rule("every(8,8)"), replace(chosen, n_frames=9, frames=(searched,), selections={"a": (0, 8)})) == (
        0,
        8,
    )


@pytest.mark.parametrize(
    ("text", "n", "positions"),
    [
        ("every(5,1000)", 1000, list(range(0, 1000, 5))),
        ("every(5,1000)", 1001, list(range(0, 1001, 5))),
        ("every(5,1000)", 1002, list(range(0, 1001, 5))),
        ("every(3,9)", 30, [0, 3, 6, 9]),
        ("every(3,8)", 30, [0, 3, 6]),
        ("every(3,10)", 30, [0, 3, 6, 9]),
        ("every(3,11)", 30, [0, 3, 6, 9]),
        ("every(3,12)", 12, [0, 3, 6, 9]),
        ("every(1,0)", 5, [0]),
        ("linspace(1)", 9, [0]),
        ("linspace(3)", 3, [0, 1, 2]),
        ("linspace(3)", 4, [0, 1, 3]),
        ("first(3)", 3, [0, 1, 2]),
        ("three(1,4,9)", 9, [1, 4, 8]),
        ("quarter", 1, [0]),
        ("quarter", 4, [1, 3]),
        ("all", 1, [0]),
        ("all", 0, []),
        ("ssdg(2)", -1, []),
    ],
)
def test_the_ends_of_every_rule(text, n, positions):
    assert rule(text).positions(n) == positions


@pytest.mark.parametrize(
    ("text", "n", "clamps"),
    [
        ("ssdg(2)", 0, False), ("ssdg(2)", 1, True), ("three(1,4,9)", 9, True), ("three(1,4,9)", 10, False),
        ("all", 5, False),
        ("first(3)", 2, False), ("quarter", 1, False), ("every(5)", 1, False),
    ],
)  # fmt: skip
def test_what_is_too_short_for_a_rule_and_what_holds_no_frame_at_all(text, n, clamps):
    assert rule(text).clamps(n) is clamps


def test_a_random_rule_takes_so_many_of_any_clip_and_depends_on_clip_and_seed():
    for n in (1, 2, 3, 50):
        assert len(rule("random(3,7)").positions(n, "a")) == min(3, n)
    taken = {tuple(rule(text).positions(50, clip)) for text in ("random(3,7)", "random(3,8)") for clip in "ab"}
    assert len(taken) == 4
