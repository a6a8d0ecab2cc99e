"""The choice among several faces, and the way from a frame to a network's canvas and back."""

import numpy as np
import pytest

from fasdata.faces.detector import Letterbox, iou, pick_face
from fasdata.records import Face

SMALL = Face((0, 0, 10, 10), ((1, 1),) * 5, 0.99)
LARGE = Face((100, 100, 160, 160), ((110, 110),) * 5, 0.9)


def test_the_largest_face_is_taken_unless_one_continues_the_face_before():
    assert pick_face([SMALL, LARGE]) is LARGE
    assert pick_face([SMALL, LARGE], previous=(1, 1, 11, 11)) is SMALL
    assert pick_face([SMALL, LARGE], previous=(50, 50, 60, 60)) is LARGE
    assert pick_face([]) is None


def test_iou_of_known_boxes():
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (20, 20, 30, 30)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_equally_large_faces_are_told_apart_by_their_score():
    weaker = Face((200, 200, 260, 260), ((210, 210),) * 5, 0.8)
    assert pick_face([weaker, LARGE]) is LARGE and pick_face([LARGE, weaker]) is LARGE


def test_the_release_s_own_box_decides_where_no_face_continues_the_one_before():
    assert pick_face([SMALL, LARGE], given=(1, 1, 11, 11)) is SMALL
    assert pick_face([SMALL, LARGE], (110, 110, 160, 160), (1, 1, 11, 11)) is LARGE
    assert pick_face([SMALL, LARGE], (50, 50, 60, 60), (0, 0, 10, 12)) is SMALL
    assert pick_face([SMALL, LARGE], given=(50, 50, 60, 60)) is LARGE


def test_a_frame_that_fits_is_left_as_it_is():
    frame = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    assert Letterbox.within(64, 48, 640).lay(frame) is frame
    assert Letterbox.fixed(64, 64, (64, 64)) == Letterbox(64, 64, 1.0)


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (853, 481), (100, 100)])
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_all_of_a_frame_lies_on_the_canvas(size, margin):
    for box in (Letterbox.fixed(*size, (640, 640), margin), Letterbox.within(*size, 640, margin)):
        corners = np.array([[0, 0], size]) * box.scale + box.shift
        assert corners.min() >= 0 and (corners[1] <= np.array([box.width, box.height]) + 0.5).all()
        free = margin * max(size) * box.scale
        assert corners[0].min() >= free - 1 and max(box.width, box.height) <= 640


@pytest.mark.parametrize("size", [(1920, 1080), (853, 481), (320, 240)])
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_what_is_seen_on_the_canvas_goes_back_to_where_it_is(size, margin):
    width, height = size
    y, x = np.mgrid[:height, :width]
    spots = np.array([(0.3 * width, 0.4 * height), (0.7 * width, 0.6 * height)])
    spread = 2 * (0.02 * width) ** 2
    for spot in spots:
        blob = 255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / spread)
        for box in (Letterbox.fixed(*size, (640, 640), margin), Letterbox.within(*size, 640, margin)):
            seen = box.lay(np.repeat(blob.astype(np.uint8)[:, :, None], 3, axis=2))[:, :, 0].astype(float)
            assert seen.shape == (box.height, box.width)
            v, u = np.mgrid[: box.height, : box.width]
            centre = np.array([(seen * u).sum(), (seen * v).sum()]) / seen.sum()
            assert np.linalg.norm(box.back(centre) - spot) < 0.05  # pixels of the frame


def test_an_enlarged_frame_only_where_the_canvas_is_fixed():
    assert Letterbox.fixed(320, 240, (640, 640)).scale == 2.0
    assert Letterbox.within(320, 240, 640) == Letterbox(320, 240, 1.0)
    assert Letterbox.within(320, 240, 640, 0.5) == Letterbox(640, 560, 1.0, (160.0, 160.0))
