"""Which of several faces is kept, by each rule; and over a clip, that no frame is decoded for it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.choice import FACE_RULES, STEADY, choose_face
from fasdata.faces.detector import KnownFaces
from fasdata.media.frame import Frame
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, Face

SKULL = Face((247, 174, 388, 343), (), 0.97114)
FACE = Face((269, 78, 340, 164), (), 0.99999)
OTHER = Face((420, 60, 520, 180), (), 0.9805)  # somebody behind, as sure as the face and larger


@pytest.mark.parametrize(
    ("rule", "kept"), [("confident", FACE), ("probable", FACE), ("largest", SKULL), (STEADY, SKULL)]
)
def test_a_print_on_a_shirt_is_larger_and_less_sure_than_the_face(rule, kept):
    assert choose_face([SKULL, FACE], rule) is kept and choose_face([FACE, SKULL], rule) is kept


def test_among_faces_as_sure_as_the_best_the_one_that_continues_is_kept():
    assert choose_face([FACE, OTHER]) is OTHER  # the larger one, as nothing is known before
    assert choose_face([FACE, OTHER], previous=(270, 80, 341, 165)) is FACE
    assert choose_face([FACE, OTHER], given=(270, 80, 341, 165)) is FACE
    assert choose_face([FACE, OTHER], previous=OTHER.box, given=FACE.box) is OTHER
    assert choose_face([FACE, OTHER], previous=(0, 0, 9, 9), given=FACE.box) is FACE
    # A face that is less sure is not kept for having been kept before.
    assert choose_face([FACE, SKULL], previous=SKULL.box) is FACE
    assert choose_face([FACE, SKULL], STEADY, SKULL.box) is SKULL


def test_the_margin_is_two_hundredths_of_the_score_and_includes_its_end():
    best = Face((0, 0, 10, 10), (), 0.92)
    for score, kept in ((0.9, True), (0.89999, False)):
        larger = Face((20, 0, 60, 40), (), score)
        assert (choose_face([best, larger]) is larger) == kept


def test_largest_and_probable_look_at_one_frame_alone():
    for rule, kept in (("largest", OTHER), ("probable", FACE)):
        assert choose_face([FACE, OTHER], rule, FACE.box, FACE.box) is kept
    twin = Face((0, 0, 71, 86), (), FACE.score - 0.5)
    assert choose_face([twin, FACE], "largest") is FACE
    smaller = Face((0, 0, 9, 9), (), FACE.score)
    assert choose_face([smaller, FACE], "probable") is FACE


@pytest.mark.parametrize("rule", FACE_RULES)
def test_no_face_is_none(rule):
    assert choose_face([], rule) is None


class Source:
    """Twenty grey frames; the indices of every decoded one are kept."""

    frame_rate, rotation, n_hint, damage, notes = 25.0, 0, 20, "", ()

    def __init__(self):
        self.n_decoded, self.asked = None, []

    def frames(self, indices=None, *, to_end=False):
        for i in range(20):
            if indices is None or i in indices:
                self.asked.append(i)
                yield Frame(i, i / 25, {"rgb": np.full((480, 640, 3), 90, np.uint8)})
        self.n_decoded = 20


def kept(rule, frames, faces, earlier=None):
    source = Source()
    settings = ExtractSettings(tuple(parse_rules(frames)), detector="given", face_rule=rule)
    detector = KnownFaces("given", "", {}, faces)
    record, _ = ClipExtractor(settings, detector).extract(Clip("d", "c", {"rgb": "c"}), source, earlier=earlier)
    return {frame.index: frame.box for frame in record.frames}, source.asked, record


def test_the_face_kept_on_the_nearest_searched_frame_is_continued_up_to_fifteen_back():
    both = [FACE, OTHER]
    faces = {0: [FACE], 4: both, 8: [], 12: both, 16: both}
    boxes, asked, _ = kept("confident", "every(4)", faces)
    assert {boxes[i] for i in (0, 4, 12, 16)} == {FACE.box}
    assert asked == kept("probable", "every(4)", faces)[1]  # no frame is decoded to know it
    boxes, *_ = kept("confident", "every(19)", {0: [FACE], 19: both})
    assert boxes[19] == OTHER.box  # 19 frames are too far


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="--face-rule"):
        ExtractSettings(tuple(parse_rules("all")), face_rule="biggest")


CLIPS = os.environ.get("FAS_REAL_CLIPS", "")


@pytest.mark.skipif(not CLIPS, reason="FAS_REAL_CLIPS names no folder of real face clips")
def test_the_skull_on_a_shirt_is_not_the_face_of_a_real_clip():
    import torch

    from fasdata.faces.mtcnn import MtcnnDetector
    from fasdata.media.video import VideoSource

    torch.set_num_threads(1)
    (frame,) = VideoSource(next(Path(CLIPS).glob("yes.*"))).frames({0})
    (faces,) = MtcnnDetector().detect([frame.rgb])
    boxes = {rule: choose_face(faces, rule).box for rule in (*FACE_RULES, STEADY)}
    assert boxes["confident"] == boxes["probable"] and boxes["confident"][3] < 170
    assert boxes["largest"] == boxes[STEADY] and boxes["largest"][1] > 170
