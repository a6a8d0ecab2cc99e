"""Views as text, their parameters, borders and fallbacks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.alignment import TEMPLATES, apply
from fasdata.faces.view import NAMES, View, parameters

BOX = (100.0, 80.0, 180.0, 190.0)
POINTS = ((122.0, 120.0), (158.0, 121.0), (140.0, 142.0), (125.0, 162.0), (156.0, 163.0))
REGION = (20, 10, 260, 250)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        *((name, name) for name in NAMES),
        ("fas-256()", "fas-256"),
        ("fas-256(size=256,eye_dist=0.3,eye_y=0.40,border=constant)", "fas-256"),
        ("fas-256( eye_y = .45, size=224 )", "fas-256(size=224,eye_y=0.45)"),
        ("mxnet-256(border=reflect)", "mxnet-256(border=reflect)"),
        ("box(size=224)", "box(size=224)"),
        ("box-224(size=224)", "box-224"),
        ("square(resize=pillow,size=256)", "square(resize=pillow)"),
        ("box(resize=area)", "box"),
        ("box(scale=1.30)", "box(scale=1.3)"),
        ("box(resize=linear)", "box(resize=linear)"),
        ("box( resize=pillow, size=224)", "box(size=224,resize=pillow)"),
        ("fas-256(resize=linear,border=reflect)", "fas-256(border=reflect,resize=linear)"),
    ],
)
def test_a_view_is_named_by_a_text_that_reads_back(text: str, canonical: str) -> None:
    view = View.named(text)
    assert str(view) == canonical and View.named(canonical) == view
    assert View.named(view.geometry, view.size) == view and "size" not in parameters(view.geometry)[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fas256", "did you mean 'fas-256'"),
        ("fas-256(size=224", "cannot read the view"),
        ("fas-256)", "unknown view"),
        ("fas-256(224)", "cannot read the view"),
        ("fas-256(size=64,size=64)", "cannot read the view"),
        ("fas-256(eye_d=0.3)", "unknown parameter of a view 'eye_d'.*eye_dist"),
        ("fas-256(size=7)", "8 to 4096 pixels; found 7"),
        ("fas-256(size=2e2)", "8 to 4096 pixels"),
        ("fas-256(eye_dist=nan)", "eye_dist is out of range"),
        ("fas-256(eye_y=1.1)", "eye_y is out of range"),
        ("fas-256(border=mirror)", "expected one of constant, reflect"),
        ("mxnet-256(eye_y=0.5)", "has no eye_y; they are those of fas-256"),
        ("arcface-112(eye_dist=0.3)", "has no eye_dist"),
        ("box(border=reflect)", "has no border"),
        ("box(scale=9)", "scale is out of range; expected 0.5 to 4 times the face box; found 9"),
        ("mxnet-256(scale=1.3)", "has no scale; it is that of box and box-224"),
        ("box(resize=cubic)", "unknown resize of a view 'cubic'; expected one of area, linear, pillow"),
        ("mxnet-256(resize=pillow)", "cannot be resized by Pillow"),
    ],
)
def test_what_is_no_view_is_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        View.named(text)


def test_a_size_stated_twice_must_agree() -> None:
    assert View.named("fas-256(size=64)", 64).size == View.named("fas-256", 64).size == 64
    with pytest.raises(UserError, match=r"fas-256\(size=64\) is asked for at another size; found 65"):
        View.named("fas-256(size=64)", 65)


def test_the_eyes_stand_where_the_parameters_say() -> None:
    view = View.named("fas-256(size=200,eye_dist=0.25,eye_y=0.5)")
    # Points of ArcFace's own shape, somewhere in the frame, turned: all five fit, so the eyes are exact.
    turn, shape = np.array([[0.8, -0.6], [0.6, 0.8]]) * 1.7, TEMPLATES["arcface-112"].points(112)
    eyes = apply(view.matrix((0, 0, 900, 900), BOX, shape @ turn.T + 300), (shape @ turn.T + 300)[:2])
    assert np.allclose(eyes.mean(axis=0), [100, 100]) and abs(eyes[1] - eyes[0])[1] < 0.5
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(50)


@pytest.mark.parametrize("kind", [np.float32, np.float64, float])
def test_geometry_may_come_as_rows_of_arrays(kind: type) -> None:
    """As a manifest's columns hold it; a box is cut towards zero and held inside the region."""
    region, points = np.array(REGION, np.int32), np.array(POINTS, kind)
    box = np.array([99.7, -3.2, 180.9, 400.5], kind)
    for name in NAMES:
        view = View.named(name, 64)
        plain = view.matrix(REGION, (99, 10, 180, 250), POINTS)
        assert np.allclose(view.matrix(region, box, points), plain, atol=1e-5)


def test_landmarks_in_one_point_are_an_error_of_one_line() -> None:
    with pytest.raises(UserError, match="cannot be aligned: the source points coincide"):
        View.named("fas-256").matrix(REGION, BOX, [(5.0, 5.0)] * 5)


def test_the_border_is_black_or_the_region_mirrored() -> None:
    crop = np.full((60, 60, 3), 200, np.uint8)  # a region much smaller than the view
    region = (110, 110, 170, 170)
    black = View.named("fas-256(size=96)").render(crop, region, 1.0, BOX, POINTS)
    mirrored = View.named("fas-256(size=96,border=reflect)").render(crop, region, 1.0, BOX, POINTS)
    assert black.min() == 0 and (black == 0).mean() > 0.2
    assert mirrored.min() == mirrored.max() == 200
    inside = (black == 200).all(axis=2)
    assert np.array_equal(black[inside], mirrored[inside])


@pytest.mark.parametrize("name", NAMES)
def test_shrinking_by_more_than_two_averages_areas(name: str) -> None:
    """One pixel checks: sampled bilinearly they would beat, averaged they are grey."""
    board = np.indices((1200, 1200)).sum(axis=0).astype(np.uint8) % 2 * 255
    region, k = (0, 0, 1200, 1200), 5
    box, points = [k * v for v in BOX], [(k * x, k * y) for x, y in POINTS]
    seen = View.named(name, 64).render(board, region, 1.0, box, points)
    assert np.abs(seen[8:-8, 8:-8].astype(int) - 127).max() <= 12


@pytest.mark.parametrize("name", NAMES)
def test_sixteen_bits_take_the_nearest_pixel_even_when_shrunk(name: str) -> None:
    depth = np.where(np.indices((600, 600)).sum(axis=0) % 2, 400, 60000).astype(np.uint16)
    box, points = [2.5 * v for v in BOX], [(2.5 * x, 2.5 * y) for x, y in POINTS]
    for side in (24, 300):
        seen = View.named(name, side).render(depth, (0, 0, 600, 600), None, box, points)
        assert seen.dtype == np.uint16 and set(np.unique(seen)) <= {0, 400, 60000}


def test_one_warp_serves_every_registered_modality_at_any_size() -> None:
    """A dot at the same place of the face in three images of different size lands on the same pixel of the view."""
    view = View.named("fas-256(size=128,eye_dist=0.4)")
    large = np.zeros((480, 480), np.uint8)
    cv2.circle(large, (280, 240), 20, 255, -1)
    places = []
    for side in (120, 240, 480):
        image = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
        seen = view.render(image, REGION, 1.0 if side == 240 else None, BOX, POINTS).astype(float)
        places.append((np.indices(seen.shape) * seen).sum(axis=(1, 2)) / seen.sum())
    assert np.ptp(places, axis=0).max() < 0.1


@pytest.mark.parametrize("box", [(30, 20, 70, 81), (30, 20, 91, 60), (30, 20, 70, 60), (-9, 20, 50, 60)])
def test_a_square_is_the_middle_of_a_box_that_is_not_stretched(box: tuple[int, int, int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (100, 120, 3), np.uint8)
    x0, y0, x1, y1 = max(box[0], 0), *box[1:]
    side = min(x1 - x0, y1 - y0)
    left, top = x0 + (x1 - x0 - side) // 2, y0 + (y1 - y0 - side) // 2
    cut = picture[top : top + side, left : left + side]
    view = View.named("square(resize=linear)", 64)
    ours = view.render(picture, (0, 0, 120, 100), 1.0, tuple(map(float, box)), None)
    np.testing.assert_array_equal(ours, cv2.resize(cut, (64, 64), interpolation=cv2.INTER_LINEAR))
