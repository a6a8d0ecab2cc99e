"""Extraction of one clip with a detector that sees exactly what the test wrote into the pixels."""

from dataclasses import replace

import numpy as np
import pytest

from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.media.frame import Frame, UnreadableMedia, turn
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, Face
from fasdata.store.codec import decode
from fasdata.store.keys import crop_key

CLIP = Clip("d", "c", {"rgb": "c.avi"}, "train", "bonafide", "bonafide", "", "01")
HEIGHT, WIDTH = 60, 80


class ReadsThePixel:
    """A face wherever the top-left pixel is red; its box moves one pixel right a frame (the index is in green)."""

    name, fingerprint, settings = "pixel", "0", {}

    def __init__(self) -> None:
        self.frames_seen: list[int] = []

    def detect(self, frames, indices=()):
        detected = []
        for frame in frames:
            self.frames_seen.append(int(frame[0, 0, 1]))
            x = float(frame[0, 0, 1])
            face = Face(
                (x, 20.0, x + 20, 40.0), ((x, 25.0), (x + 8, 25.0), (x + 4, 30.0), (x, 35.0), (x + 8, 35.0)), 0.95
            )
            detected.append([face] if frame[0, 0, 0] > 128 else [])
        return detected


class FrameList:
    """A frame source over a list; counts its passes."""

    frame_rate, rotation, damage, notes = 25.0, 0, "", ()

    def __init__(self, faces, n, *, hint=None, turned=0):
        self.pictures = []
        for index in range(n):
            picture = np.full((HEIGHT, WIDTH, 3), index, np.uint8)
            picture[0, 0] = (255 if index in faces else 0, index, 0)
            self.pictures.append(turn(picture, -turned % 360))
        self.n_hint = n if hint is None else hint
        self.n_decoded = None
        self.passes = 0
        self.decoded = []

    def frames(self, indices=None, *, to_end=False):
        self.passes += 1
        self.decoded.append(sorted(indices) if indices is not None else None)
        for index, picture in enumerate(self.pictures):
            if indices is None or index in indices:
                yield Frame(index, index / 25, {"rgb": picture})
        self.n_decoded = len(self.pictures)
        if not self.pictures:
            raise UnreadableMedia("the file has no decodable frame")


def extract(rules, faces, n, *, fallbacks=True, **source):
    source_frames = FrameList(set(faces), n, **source)
    extractor = ClipExtractor(ExtractSettings(tuple(parse_rules(rules)), fallbacks=fallbacks), ReadsThePixel())
    record, crops = extractor.extract(CLIP, source_frames)
    return record, crops, source_frames, extractor.detector


def test_a_dense_rule_needs_one_pass_and_its_frames_are_cropped_as_they_are_searched():
    record, crops, source_frames, detector = extract("every(2)", range(72), 72)
    assert source_frames.passes == 1 and len(crops) == 36 and detector.frames_seen == list(range(0, 72, 2))
    assert all(frame.crop for frame in record.frames)


def test_chosen_frames_are_stored_with_their_crops():
    record, crops, source_frames, _ = extract("ssdg(2)", range(20), 20)
    assert (record.status, record.n_frames, record.width, record.height) == ("ok", 20, WIDTH, HEIGHT)
    assert record.selections == {"ssdg(2)@decoded": (6, 16)}
    assert list(crops) == [crop_key("c", 6), crop_key("c", 16)]
    assert [frame.status for frame in record.frames] == ["ok", "ok"]
    assert record.frame(16).pts == pytest.approx(0.64)
    region = record.frame(6).crop.region
    stored = decode(crops[crop_key("c", 6)])
    assert np.array_equal(stored, source_frames.pictures[6][region[1] : region[3], region[0] : region[2]])


def test_one_decode_pass_when_the_container_counts_right():
    assert extract("ssdg(2) + linspace(2)@with_face", range(20), 20)[2].passes == 1
    record, _, source_frames, _ = extract("ssdg(2)", range(20), 20, hint=25)
    assert source_frames.passes == 2 and record.selections["ssdg(2)@decoded"] == (6, 16)


def test_the_first_and_last_face_are_found_without_searching_the_middle():
    record, crops, _, detector = extract("linspace(2)@with_face", range(10, 30), 40)
    assert record.selections["linspace(2)@with_face"] == (10, 29)
    assert len(crops) == 2 and len(detector.frames_seen) < 36 and not record.scanned_all


def test_fallbacks_are_recorded_and_stored():
    record, crops, source_frames, _ = extract("first(6)", {0, 4}, 60)
    assert [f.status for f in record.frames if f.index < 6] == ["ok", "interp", "interp", "interp", "ok", "hold"]
    assert record.frame(2).box == (2.0, 20.0, 22.0, 40.0)
    assert len(crops) == 6
    region = record.frame(2).crop.region
    assert np.array_equal(
        decode(crops[crop_key("c", 2)]), source_frames.pictures[2][region[1] : region[3], region[0] : region[2]]
    )


def test_a_shift_borrows_the_pixels_of_the_frame_that_has_the_face():
    record, crops, source_frames, _ = extract("first(1)", {9}, 40)
    frame = record.frame(0)
    assert (frame.status, frame.shift) == ("shift", 9)
    region = frame.crop.region
    assert np.array_equal(
        decode(crops[crop_key("c", 0)]), source_frames.pictures[9][region[1] : region[3], region[0] : region[2]]
    )


def test_without_fallbacks_a_frame_has_a_face_or_is_skipped():
    record, crops, _, _ = extract("first(6)", {0, 4}, 60, fallbacks=False)
    assert [f.status for f in record.frames] == ["ok", "skip", "skip", "skip", "ok", "skip"]
    assert len(crops) == 2


def test_a_clip_without_any_face_is_a_failure_to_acquire_that_says_so():
    record, crops, _, _ = extract("ssdg(2)", (), 20)
    assert (record.status, crops) == ("fta", {})
    assert "no usable face" in record.reason and "of 20" in record.reason
    assert all(frame.status == "skip" for frame in record.frames)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_clip_stored_turned_is_turned_back(turned):
    upright = extract("ssdg(2)", range(20), 20)
    record, crops, _, _ = extract("ssdg(2)", range(20), 20, turned=turned)
    assert record.rotation == turned and [f.status for f in record.frames if f.index in (6, 16)] == ["rotated"] * 2
    assert crops == upright[1]
    assert (record.width, record.height) == (WIDTH, HEIGHT)
    assert any("turned" in note for note in record.notes)


def test_an_empty_recording_fails_and_says_why():
    record, crops, _, _ = extract("ssdg(2)", (), 0, hint=0)
    assert (record.status, record.reason, crops) == ("failed", "the file has no decodable frame", {})


def test_a_short_clip_and_a_boastful_container_are_noted():
    assert any("held at the last" in note for note in extract("ssdg(2)", range(8), 8)[0].notes)
    assert any("claims 30" in note for note in extract("first(1)", range(20), 20, hint=30)[0].notes)
    assert extract("first(1)", range(20), 20)[0].notes == ()


def test_the_batch_size_changes_nothing():
    rules = tuple(parse_rules("every(3) + linspace(3)@with_face"))
    results = []
    for batch in (1, 7, 64):
        settings = replace(ExtractSettings(rules), batch=batch, device="cuda")  # a processor takes frames one by one
        results.append(ClipExtractor(settings, ReadsThePixel()).extract(CLIP, FrameList(set(range(5, 50)), 55)))
    assert results[0] == results[1] == results[2]


def test_rules_that_count_every_face_search_every_frame_and_still_crop_what_they_choose():
    record, crops, _, _ = extract("linspace(3)@with_face", range(5, 50), 55)
    assert record.scanned_all and record.selections["linspace(3)@with_face"] == (5, 27, 49)
    assert list(crops) == [crop_key("c", index) for index in (5, 27, 49)]
