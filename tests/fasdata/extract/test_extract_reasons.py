"""Reasons that differ only in their counts are one line, which shows a reason that somebody really got."""

import pytest

from fasdata.extract.reasons import Reasons, without_counts


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("no usable face in 12 searched frames of 120", "no usable face in # searched frames of #"),
        ("ssdg(2)@decoded: only 8 frames", "ssdg(2)@decoded: only # frames"),
        ("three(12,24,36)@decoded", "three(12,24,36)@decoded"),
        ("score 0.25 at h264", "score # at h264"),
        ("depth left out: too dark (12 of the stored frames)", "depth left out: too dark (# of the stored frames)"),
        ("12.face: 3 lines are not understood", "12.face: # lines are not understood"),
        ("cannot read subject 7/take 12.avi", "cannot read subject 7/take 12.avi"),
        ("1 line is left out, such as line 4: '12 30 a'", "# line is left out, such as line #: '12 30 a'"),
        ("line 4: \"it's 5 o'clock\" after 2 seconds", "line #: \"it's 5 o'clock\" after # seconds"),
        ("the frame's 3 planes and the file's 4 rows", "the frame's # planes and the file's # rows"),
        ("ends after 90.", "ends after #."),
    ],
)
def test_numbers_count_only_where_they_stand_alone_and_unquoted(text, wording):
    assert without_counts(text) == wording


def test_the_first_text_is_shown_as_it_was_and_the_others_are_told_of():
    reasons = Reasons()
    for path, frames in (("a.avi", 12), ("b.avi", 9), ("c.avi", 12), ("d.avi", 7)):
        reasons.add(f"only {frames} frames", path, "attack", "fta")
    reasons.add("only 12 frames", "e.avi", "bonafide", "fta")
    (kind, most), (other, single) = reasons.ranked()
    assert (kind, str(most)) == (("attack", "fta"), "only 12 frames (and 2 more with other numbers)")
    assert (most.total, most.path, len(reasons)) == (4, "a.avi", 2)
    assert (other, str(single), single.total) == (("bonafide", "fta"), "only 12 frames", 1)


def test_other_contents_of_a_quote_are_other_reasons():
    reasons = Reasons()
    for line in ("1 2 x", "3 4 x"):
        reasons.add(f"not understood: {line!r}", "a.avi")
    assert [str(group) for _, group in reasons.ranked()] == ["not understood: '1 2 x'", "not understood: '3 4 x'"]


def test_a_picture_is_no_recording_that_was_too_short():
    reasons = Reasons()
    for rule in ("ssdg(1)@decoded", "ssdg(2)@decoded"):
        reasons.add(f"{rule}: only 1 frames to count, positions were held at the last", "a.jpg", "note")
    texts = [str(group) for _, group in reasons.ranked()]
    assert texts == [f"ssdg({n})@decoded: a single frame, which stands for every position" for n in (1, 2)]
