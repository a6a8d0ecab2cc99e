"""Following a face through a clip: what is searched, when the whole frame is, and that nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detector import iou
from fasdata.faces.tracking import Tracker
from fasdata.media.frame import Frame
from fasdata.media.readers import MediaForm
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, Face

CLIP = Clip("d", "c", {"rgb": "c.avi"})
POINTS = ((4.0, 5.0), (14.0, 5.0), (9.0, 10.0), (5.0, 15.0), (13.0, 15.0))


class Pictures:
    """Frames with bright squares of 20 pixels; the source of a clip."""

    frame_rate, rotation, damage, notes = 25.0, 0, "", ()

    def __init__(self, places):
        self.pictures = []
        for squares in places:
            picture = np.zeros((120, 160, 3), np.uint8)
            for x, y, light in squares:
                picture[y : y + 20, x : x + 20] = light
            self.pictures.append(picture)
        self.n_hint, self.n_decoded = len(self.pictures), None

    def frames(self, indices=None, *, to_end=False):
        for index, picture in enumerate(self.pictures):
            if indices is None or index in indices:
                yield Frame(index, index / 25, {"rgb": picture})
        self.n_decoded = len(self.pictures)


class FindsSquares:
    """One face a connected bright area, whose score is its brightness; keeps the sizes of what it was shown."""

    name, fingerprint, settings = "squares", "0", {}

    def __init__(self):
        self.shown = []

    def detect(self, frames, indices=()):
        return [self._squares(frame) for frame in frames]

    def _squares(self, frame):
        import cv2

        self.shown.append(frame.shape[:2])
        count, _, stats, _ = cv2.connectedComponentsWithStats((frame[:, :, 0] > 60).astype(np.uint8))
        faces = []
        for x, y, width, height, _area in stats[1:count]:
            light = float(frame[y : y + height, x : x + width, 0].max()) / 255
            box = (x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5)
            faces.append(Face(tuple(map(float, box)), tuple((x + a, y + b) for a, b in POINTS), light))
        return faces

    @property
    def whole(self):
        return [number for number, shape in enumerate(self.shown) if shape == (120, 160)]


class Refines(FindsSquares):
    """Can follow by itself: notes the boxes it was asked about, and finds what overlaps them."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def refine(self, frames, boxes):
        self.asked += boxes
        whole = FindsSquares()
        return [
            [face for face in faces if iou(face.box, box) > 0]
            for faces, box in zip(whole.detect(frames), boxes, strict=True)
        ]


def extract(places, mode, detector=None, rules="all", **options):
    detector = detector or FindsSquares()
    settings = ExtractSettings(tuple(parse_rules(rules)), tracking=mode, **options)
    record, _ = ClipExtractor(settings, detector).extract(CLIP, Pictures(places))
    return record, detector


MOVING = [[(20 + 2 * i, 30 + i, 250)] for i in range(40)]


@pytest.mark.parametrize("mode", ["on", "careful"])
def test_a_face_is_followed_in_patches_and_lands_where_a_whole_search_puts_it(mode):
    plain, _ = extract(MOVING, "off")
    record, detector = extract(MOVING, mode)
    assert detector.whole == [0, 15, 30]
    assert {shape for shape in detector.shown if shape != (120, 160)} == {(192, 192)}
    assert [frame.status for frame in record.frames] == ["ok"] * 40
    for a, b in zip(plain.frames, record.frames, strict=True):
        assert np.allclose(a.box, b.box, atol=0.6)


def test_a_detector_that_can_follow_is_asked_with_the_last_box_in_source_pixels():
    record, detector = extract(MOVING, "on", Refines())
    plain, _ = extract(MOVING, "off")
    assert record.frames == plain.frames
    assert detector.asked == [plain.frames[i].box for i in range(39) if (i + 1) % 15]
    _, careful = extract(MOVING, "careful", Refines())
    assert careful.asked == [] and careful.whole == [0, 15, 30]


def test_the_whole_frame_is_searched_at_least_so_often():
    assert extract(MOVING, "on", detect_every=6)[1].whole == [0, 6, 12, 18, 24, 30, 36]
    assert len(extract(MOVING, "on", detect_every=1)[1].shown) == 40
    every_fifth = extract([[(20 + i, 30, 250)] for i in range(40)], "on", rules="every(5)")[1]
    assert len(every_fifth.shown) == 8 and len(every_fifth.whole) == 3
    apart = extract([[(20, 30, 250)]] * 60, "on", rules="every(16)")[1]
    assert apart.whole == list(range(4))  # a face of 16 frames ago is none to follow


def test_a_fallen_score_a_jump_and_an_absence_bring_a_full_search_and_nothing_is_lost():
    places = [[(20, 30, 250)]] * 3 + [[(20, 30, 200)]] + [[(120, 80, 250)]] * 2 + [[]] * 2 + [[(60, 30, 250)]] * 2
    record, detector = extract(places, "on", fallbacks=False)
    plain, _ = extract(places, "off", fallbacks=False)
    assert [frame.status for frame in record.frames] == [frame.status for frame in plain.frames]
    assert all(
        a.box == b.box or np.allclose(a.box, b.box, atol=0.6) for a, b in zip(record.frames, plain.frames, strict=True)
    )
    shown = ["whole" if shape == (120, 160) else "patch" for shape in detector.shown]
    assert shown == [
        "whole", "patch", "patch", "patch", "whole",  # the score falls from 0.98 to 0.78
        "patch", "whole", "patch",  # a jump
        "patch", "whole", "whole",  # gone: the next frame has no face to follow
        "whole", "patch",
    ]  # fmt: skip


def test_an_onlooker_who_is_larger_does_not_take_over():
    places = [[(20, 30, 250)]] + [[(20, 30, 250), (100, 30, 250), (100, 40, 250)]] * 20
    for mode in ("off", "on"):
        record, _ = extract(places, mode)
        assert all(frame.box[0] < 30 for frame in record.frames)


def test_tracking_is_recorded_and_bad_values_are_told():
    rules = tuple(parse_rules("all"))
    assert {"tracking": "off", "detect_every": 0}.items() <= ExtractSettings(rules).recorded().items()
    on = ExtractSettings(rules, tracking="on", detect_every=7).recorded()
    assert (on["tracking"], on["detect_every"]) == ("on", 7)
    with pytest.raises(UserError, match="careful"):
        ExtractSettings(rules, tracking="carefull")
    with pytest.raises(UserError, match="at least 1"):
        ExtractSettings(rules, tracking="on", detect_every=0)
    with pytest.raises(UserError, match="means nothing here"):
        ExtractSettings(rules, detector="none", tracking="on")
    auto = ExtractSettings(rules, detector="auto", tracking="on")
    assert auto.settled(MediaForm("frames", precropped=True)).tracking == "off"
    assert auto.settled(MediaForm()).tracking == "on"


def test_patches_grow_with_the_smallest_face_that_the_detector_takes():
    detector = FindsSquares()
    tracker = Tracker(detector, "on", 15, min_face=100)
    face = Face((20.0, 30.0, 40.0, 50.0), (), 0.98)
    tracker.detect(Pictures(MOVING).pictures[0], 0, {}, {})
    tracker.detect(Pictures(MOVING).pictures[1], 1, {0: face}, {0: True})
    assert detector.shown == [(120, 160), (300, 300)]
