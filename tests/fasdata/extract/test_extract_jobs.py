"""Frames added to a clip later: nothing is done twice, and the result is that of one extraction with all rules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.media.frame import UnreadableMedia
from fasdata.protocols.sampling import parse_rules
from fasdata.store.hashes import sealed
from tests.fasdata.extract.test_extract_clip_extractor import CLIP, FrameList, ReadsThePixel


def work(rules: str, **options) -> ClipExtractor:
    return ClipExtractor(ExtractSettings(tuple(parse_rules(rules)), **options), ReadsThePixel())


def widened(first: str, both: str, faces, n: int, **options):
    """Extract by the first rules, then by all; return both results, the source and the detector of the second."""
    sources = [FrameList(set(faces), n, **options) for _ in range(2)]
    earlier, old = work(first).extract(CLIP, sources[0])
    earlier = sealed(earlier, dict.fromkeys(old, "0" * 64))
    later = work(both)
    record, new = later.extract(CLIP, sources[1], earlier=earlier)
    return (record, {**old, **new}), (earlier, old, new), sources[1], later.detector


CASES = [
    ("ssdg(2)", "every(5)", range(40), 40),
    ("ssdg(2)", "linspace(3)@with_face", range(5, 50), 55),
    ("linspace(2)@with_face", "quarter + ssdg(1)", range(10, 30), 40),
    ("first(4)", "first(9) + every(7)", {0, 4, 5, 30}, 60),  # misses bridged, held and shifted
    ("ssdg(1)", "first(3)", {50}, 60),  # nothing usable at first
    ("all", "ssdg(2)", {3, 4}, 20),
    ("ssdg(2)", "three(3,4,25)", range(9), 12),  # positions held at the last frame
]


@pytest.mark.parametrize(("first", "second", "faces", "n"), CASES)
def test_widening_equals_extracting_all_at_once(first, second, faces, n):
    both = f"{first} + {second}"
    (record, crops), (earlier, _, new), _, _ = widened(first, both, faces, n)
    at_once, all_crops = work(both).extract(CLIP, FrameList(set(faces), n))
    known = {frame.index for frame in record.frames}
    assert [frame for frame in at_once.frames if frame.index in known] == [
        frame for frame in record.frames if frame.index in {other.index for other in at_once.frames}
    ]
    settled = {index for chosen in record.selections.values() for index in chosen}
    assert {frame.index for frame in at_once.frames} ^ known <= set(range(n)) - settled  # who was only looked at
    left_open = {"frames": (), "scanned_all": False, "reason": ""}
    assert replace(record, **left_open) == replace(at_once, **left_open)
    assert crops == all_crops and record.pixel_hash == ""
    assert not set(new) & {key for key in all_crops if any(f"/{f.index:06d}/" in key for f in earlier.frames if f.crop)}


def test_what_is_known_is_neither_searched_nor_decoded_again():
    (record, _), (_, _, new), source, detector = widened("ssdg(2)", "ssdg(2) + quarter", range(40), 40)
    assert detector.frames_seen == [10, 30] and source.decoded == [[10, 30]] and len(new) == 2
    assert sorted(record.selections) == ["quarter@decoded", "ssdg(2)@decoded"]


def test_a_frame_that_was_only_searched_is_cropped_without_another_search():
    (_, _), (earlier, _, new), _, detector = widened("linspace(3)@with_face", "linspace(3)@with_face + ssdg(2)",
                                                     range(20), 20)  # fmt: skip
    assert earlier.scanned_all and detector.frames_seen == [] and len(new) == 2


def test_no_new_frame_is_needed_for_a_rule_that_takes_stored_ones():
    (record, _), (_, _, new), source, _ = widened("all", "all + ssdg(2)", range(20), 20)
    assert new == {} and source.passes == 0 and record.selections["ssdg(2)@decoded"] == (6, 16)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_turned_clip_stays_turned(turned):
    (record, crops), _, _, _ = widened("ssdg(2)", "ssdg(2) + first(2)", range(20), 20, turned=turned)
    upright, upright_crops = work("ssdg(2) + first(2)").extract(CLIP, FrameList(set(range(20)), 20))
    assert record.rotation == turned and crops == upright_crops
    assert {frame.status for frame in record.frames} == {"rotated"}
    assert (record.width, record.height) == (upright.width, upright.height)


@pytest.mark.parametrize("clip", [CLIP, replace(CLIP, fields={"turned": "180"})])
def test_a_turned_clip_stays_turned_where_no_frame_of_its_record_shows_it(clip):
    def extract(rules, earlier=None):
        source = FrameList(set(range(12)), 60, turned=180)
        return work(rules).extract(clip, source, earlier=earlier)

    earlier, _ = extract("three(40,41,42)")
    assert earlier.status == "fta" and earlier.rotation == 180
    assert not any(frame.face_observed for frame in earlier.frames)
    record, crops = extract("three(40,41,42) + first(3)", earlier)
    assert [frame.status for frame in record.frames[:3]] == ["rotated"] * 3
    assert (record, crops) == extract("three(40,41,42) + first(3)")


def test_a_recording_that_can_no_longer_be_read_says_so():
    earlier, _ = work("ssdg(2)").extract(CLIP, FrameList(set(range(20)), 20))
    record, crops = work("ssdg(2) + first(2)").extract(CLIP, Gone(set(), 20), earlier=earlier)
    assert (record.status, record.reason, crops) == ("failed", "gone", {})
    shorter = FrameList(set(range(3)), 3)
    record, _ = work("ssdg(2) + quarter").extract(CLIP, shorter, earlier=earlier)
    assert record.status == "failed" and "could not be decoded again" in record.reason


class Gone(FrameList):
    def frames(self, indices=None, *, to_end=False):
        raise UnreadableMedia("gone")


def test_counts_in_notes_are_added_up():
    from tests.fasdata.extract.test_extract_cropping import Fixed, MediaForm
    from tests.fasdata.extract.test_extract_cropping import FrameList as Pictures

    frames = [{"rgb": np.full((40, 50, 3), 9, np.uint8), "depth": np.zeros((20, 25), np.uint8)} for _ in range(4)]
    rules = [tuple(parse_rules(text)) for text in ("first(1)", "first(3)")]
    settings = ExtractSettings(rules[0]).settled(MediaForm("frames", "exact"))
    earlier, _ = ClipExtractor(settings, Fixed()).extract(CLIP, Pictures(frames))
    later = replace(settings, rules=(*rules[0], *rules[1]))
    record, _ = ClipExtractor(later, Fixed()).extract(CLIP, Pictures(frames), earlier=earlier)
    assert any("(1 of the stored frames)" in note for note in earlier.notes)
    assert sum("of the stored frames" in note for note in record.notes) == 1
    assert any("(3 of the stored frames)" in note for note in record.notes)
    assert record.notes == ClipExtractor(later, Fixed()).extract(CLIP, Pictures(frames))[0].notes
