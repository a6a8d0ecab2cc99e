"""Recordings that a release stores upside down, and faces that it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Face
from tests.fasdata.extract.test_extract_clip_extractor import CLIP, FrameList, ReadsThePixel

LISTED = replace(CLIP, fields={"turned": "180"})
SMALL = Face((60.0, 2.0, 68.0, 10.0), (), 0.95)


class SeesBothWays(ReadsThePixel):
    """Finds faces upright; upside down it takes something for one here and there, with a lower score."""

    def detect(self, frames, indices=()):
        detected = super().detect(frames)
        return [faces or [Face((1.0, 1.0, 30.0, 30.0), (), 0.7)] for faces in detected]


def extract(clip, source, rules="ssdg(2)", detector=None, given=None, **options):
    settings = ExtractSettings(tuple(parse_rules(rules)), **options)
    return ClipExtractor(settings, detector or ReadsThePixel()).extract(clip, source, given=given)[0]


@pytest.mark.parametrize("fallbacks", [True, False])
def test_a_listed_clip_is_turned_even_where_something_looks_like_a_face(fallbacks):
    upside_down = FrameList(set(range(20)), 20, turned=180)
    record = extract(LISTED, upside_down, detector=SeesBothWays(), fallbacks=fallbacks)
    assert record.rotation == 180 and {frame.status for frame in record.frames} == {"rotated"}
    assert any("stored turned; upright after 180 degrees" in note for note in record.notes)
    unlisted = extract(CLIP, FrameList(set(range(20)), 20, turned=180), detector=SeesBothWays())
    assert unlisted.rotation == 0 and {frame.score for frame in unlisted.frames} == {0.7}


def test_a_listed_clip_that_is_upright_already_stays_so():
    record = extract(LISTED, FrameList(set(range(20)), 20), detector=SeesBothWays())
    assert record.rotation == 0 and {frame.status for frame in record.frames} == {"ok"} and record.notes == ()


def test_a_listed_clip_in_which_nobody_is_seen_is_not_turned():
    record = extract(LISTED, FrameList(set(), 20))
    assert (record.rotation, record.status) == (0, "fta")


def test_the_turn_adds_to_that_of_the_container():
    source = FrameList(set(range(20)), 20, turned=180)
    source.rotation = 270
    assert extract(LISTED, source).rotation == 90


@pytest.mark.parametrize("name", ["given", "none"])
def test_a_detector_that_does_not_look_leaves_a_listed_clip_and_says_so(name):
    def notes(clip, source):
        work = ClipExtractor(ExtractSettings(tuple(parse_rules("ssdg(2)")), detector=name), ReadsThePixel())
        record, _ = work.extract(clip, source)
        assert record.rotation == source.rotation
        return record.notes

    note = f"its release stores it turned by 180 degrees, and the detector {name} does not look"
    source = FrameList(set(range(20)), 20)
    assert notes(LISTED, source) == (note,) and notes(CLIP, source) == ()
    source.rotation = 180  # the container itself has turned it
    assert notes(LISTED, source) == ()


class LikeMtcnn(SeesBothWays):
    """Its doubtful faces are known to be doubtful."""

    name = "mtcnn"

    def detect(self, frames, indices=()):
        return [
            [replace(face, score=0.99 if face.score > 0.9 else 0.7) for face in faces]
            for faces in super().detect(frames)
        ]


def test_doubtful_faces_do_not_keep_a_clip_from_being_turned():
    record = extract(CLIP, FrameList(set(range(20)), 20, turned=180), detector=LikeMtcnn())
    assert record.rotation == 180 and {frame.score for frame in record.frames} == {0.99}
    few = extract(CLIP, FrameList({0, 1, 2}, 20, turned=180), detector=LikeMtcnn())  # turned, most frames are no better
    assert few.rotation == 0
    sure = extract(CLIP, FrameList(set(range(20)), 20), detector=LikeMtcnn())
    assert sure.rotation == 0 and sure.frames[0].score == 0.99


class Two(ReadsThePixel):
    """Sees the large face that moves and a small one in the corner."""

    def detect(self, frames, indices=()):
        return [[*faces, SMALL] for faces in super().detect(frames)]


def test_the_release_s_own_box_chooses_among_several_faces():
    def boxes(given):
        record = extract(CLIP, FrameList(set(range(20)), 20), "every(9)", Two(), given)
        return [frame.box for frame in record.frames]

    assert SMALL.box not in boxes({})
    assert boxes({0: SMALL}) == [SMALL.box] * 3  # and then it is followed
    assert boxes({0: replace(SMALL, box=(30.0, 50.0, 40.0, 60.0))}) == boxes({})


def test_the_release_s_own_box_stands_in_where_no_face_is_near():
    eyes = replace(SMALL, landmarks=((62.0, 5.0), (66.0, 5.0)))
    record = extract(CLIP, FrameList({30}, 40), "three(2,25,39)", given={2: eyes, 25: SMALL, 39: SMALL})
    first, before, after = (record.frame(index) for index in (2, 25, 39))
    assert (first.status, first.box, first.landmarks) == ("given", SMALL.box, eyes.landmarks)
    assert (first.n_faces, first.face_observed, first.crop is not None) == (0, False, True)
    assert before.status == "given"  # before a shift to frame 30
    assert after.status == "hold"  # after a held box
    off = extract(CLIP, FrameList({30}, 40), "first(1)", given={0: SMALL}, fallbacks=False)
    assert off.frames[0].status == "skip" and off.status == "fta"


def test_given_boxes_of_a_clip_that_only_a_trial_turned_are_not_trusted():
    source = FrameList({0, 1, 2, 3, 4, 5, 6, 7}, 60, turned=180)
    record = extract(CLIP, source, "three(2,50,55)", given={50: SMALL})
    assert (record.rotation, record.frame(50).status) == (180, "skip")
    record = extract(LISTED, FrameList({0, 1, 2, 3}, 60, turned=180), "three(2,50,55)", given={50: SMALL})
    assert (record.rotation, record.frame(50).status) == (180, "given")
