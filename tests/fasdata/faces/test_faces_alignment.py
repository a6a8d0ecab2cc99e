import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.alignment import TEMPLATES, apply, arcface_points, fas_points, fit, fit_face, mxnet_points
from fasdata.faces.region import crop_region, cut
from fasdata.faces.view import NAMES, View

BOX = (100.0, 80.0, 180.0, 190.0)
POINTS = ((122.0, 120.0), (158.0, 121.0), (140.0, 142.0), (125.0, 162.0), (156.0, 163.0))
REGION = (20, 10, 260, 250)


def test_fit_recovers_a_known_similarity():
    angle, scale, shift = 0.3, 1.7, np.array([5.0, -3.0])
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = np.random.default_rng(0).normal(size=(5, 2)) * 40
    assert np.allclose(fit(source, source @ linear.T + shift), np.hstack([linear, shift[:, None]]), atol=1e-12)


def test_fit_is_least_squares():
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    best = fit(source, target)
    error = ((apply(best, source) - target) ** 2).sum()
    for _ in range(50):
        a, b = best[0, 0] + rng.normal() * 0.01, best[1, 0] + rng.normal() * 0.01
        other = np.array([[a, -b, best[0, 2]], [b, a, best[1, 2]]])
        assert ((apply(other, source) - target) ** 2).sum() >= error


def test_implausible_landmarks_fall_back_to_the_eyes():
    target = TEMPLATES["fas-256"].points(256)
    broken = np.array(POINTS)
    broken[2:] = [[300, 10], [10, 300], [280, 280]]
    assert np.allclose(apply(fit_face(broken, target), broken[:2]), target[:2], atol=1e-9)


def test_mxnet_chip_has_the_known_eye_distance():
    points = mxnet_points(256)
    assert np.linalg.norm(points[1] - points[0]) == pytest.approx(78.3, abs=0.1)


def test_fas_template_puts_the_eyes_where_it_says():
    points = fas_points(256)
    assert np.linalg.norm(points[1] - points[0]) == pytest.approx(0.30 * 256)
    assert np.allclose(points[:2].mean(axis=0), [128, 0.40 * 256])


def test_arcface_points_move_right_on_multiples_of_128():
    assert np.allclose(arcface_points(112)[0], [38.2946, 51.6963])
    assert np.allclose(arcface_points(224), 2 * arcface_points(112))
    assert np.allclose(arcface_points(128)[0], [46.2946, 51.6963])


@pytest.mark.parametrize("size", [64, 256])
def test_mxnet_view_puts_the_eyes_mid_point_at_half_and_two_fifths(size):
    matrix = View.named("mxnet-256", size).matrix(REGION, BOX, POINTS)
    assert np.allclose(apply(matrix, np.array(POINTS[:2])).mean(axis=0), [0.5 * size, 0.4 * size])


def test_region_is_a_square_of_context_times_the_longer_side_clipped_to_the_frame():
    x0, y0, x1, y1 = crop_region(BOX, 1000, 1000, 2.0)
    assert (x1 - x0, y1 - y0) == (221, 221)
    assert ((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2) == (140, 135)
    assert crop_region(BOX, 200, 150, 2.0) == (30, 25, 200, 150)
    assert crop_region((500, 500, 520, 520), 200, 150, 2.0) is None


def test_cut_keeps_native_pixels_and_shrinks_only_past_the_limit():
    image = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    same, scale = cut(image, REGION, 1024)
    assert scale == 1.0 and np.array_equal(same, image[10:250, 20:260])
    small, scale = cut(image, REGION, 120)
    assert scale == 0.5 and small.shape == (120, 120, 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_view_of_the_crop_equals_the_view_of_the_whole_frame(name):
    rng = np.random.default_rng(3)
    frame = rng.integers(0, 255, (300, 400, 3), dtype=np.uint8)
    view = View.named(name, 96)
    whole = view.render(frame, (0, 0, 400, 300), 1.0, BOX, POINTS)
    x0, y0, x1, y1 = REGION
    part = view.render(frame[y0:y1, x0:x1], REGION, 1.0, BOX, POINTS)
    assert part.shape == (96, 96, 3) and part.dtype == np.uint8
    if view.outside(REGION, BOX, POINTS) == 0:
        assert np.abs(whole.astype(int) - part.astype(int)).max() <= 2


def test_a_shrunk_crop_gives_the_same_view_but_for_sharpness():
    import cv2

    smooth = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 255, (300, 400, 3), dtype=np.uint8), (0, 0), 8)
    view = View.named("fas-256", 64)
    native, _ = cut(smooth, REGION, 0)
    small, scale = cut(smooth, REGION, 120)
    a, b = view.render(native, REGION, 1.0, BOX, POINTS), view.render(small, REGION, scale, BOX, POINTS)
    assert np.abs(a.astype(int) - b.astype(int)).mean() < 1.0


def test_depth_is_never_blended():
    depth = np.zeros((240, 240), np.uint16)
    depth[::2] = 1000
    view = View.named("fas-256", 200).render(depth, REGION, 1.0, BOX, POINTS)
    assert view.dtype == np.uint16 and set(np.unique(view)) <= {0, 1000}


def test_a_box_view_shows_exactly_the_box():
    frame = np.zeros((300, 400, 3), np.uint8)
    frame[80:190, 100:180] = 200
    view = View.named("box", 80).render(frame, (0, 0, 400, 300), 1.0, BOX, None)
    assert view[2:-2, 2:-2].min() >= 198


def test_outside_tells_how_much_of_the_view_the_region_lacks():
    view = View.named("fas-256")
    assert view.outside((0, 0, 1000, 1000), BOX, POINTS) < view.outside((100, 80, 180, 190), BOX, POINTS) < 1


def test_views_that_need_landmarks_say_so_and_unknown_ones_name_the_nearest():
    with pytest.raises(UserError, match="needs landmarks"):
        View.named("fas-256").matrix(REGION, BOX, None)
    with pytest.raises(UserError, match="mxnet-256"):
        View.named("mxnet256")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_a_registered_modality_at_another_size_gets_the_same_warp(name, ratio):
    import cv2

    rgb = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 255, (240, 240), dtype=np.uint8), (0, 0), 8)
    side = round(240 * ratio)
    other = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    view = View.named(name, 64)
    seen = view.render(rgb, REGION, 1.0, BOX, POINTS).astype(int)
    assert np.array_equal(view.render(rgb, REGION, None, BOX, POINTS), seen)
    assert np.abs(view.render(other, REGION, None, BOX, POINTS) - seen).mean() < 1.0


def test_an_unregistered_modality_is_stretched_whole():
    image = np.zeros((30, 60), np.uint8)
    image[:, 30:] = 200
    whole = View.named("mxnet-256", 40).stretched(image)
    assert whole.shape == (40, 40) and whole[:, :19].max() == 0 and whole[:, 21:].min() == 200
