import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.alignment import TEMPLATES, apply, arcface_points, fas_points, fit, mxnet_points
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


# A face in millimetres: eyes, nose, mouth corners; z points away from the camera.
FACE = np.array([(-32, -35, 0), (32, -35, 0), (0, 0, -30), (-25, 32, -5), (25, 32, -5)], float)


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return the five points of a head at 52 cm that turns about an axis 8 cm behind its eyes, in perspective."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = (FACE - [0, 0, 80]) @ (about_z @ about_x @ about_y).T + [0, 0, 600]
    return points[:, :2] / points[:, 2:] * 900 + [500, 400]


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(("sign", "pitch", "roll"), [(1, 0, 0), (-1, 0, 0), (1, 20, 0), (-1, -20, 30)])
def test_nothing_jumps_while_a_head_turns(name: str, sign: int, pitch: float, roll: float) -> None:
    """By half a degree a time from 0 to 70: scale, angle and the place of the face change a little each time."""
    view = View.named(name)
    matrices = [
        view.matrix((0, 0, 1000, 800), (0, 0, 1, 1), turned(sign * yaw, pitch, roll)) for yaw in np.arange(0, 70.1, 0.5)
    ]
    scales = np.array([np.hypot(m[0, 0], m[1, 0]) for m in matrices])
    angles = np.array([np.arctan2(m[1, 0], m[0, 0]) for m in matrices])
    centres = np.array([np.linalg.solve(m[:, :2], view.size / 2 - m[:, 2]) for m in matrices])
    assert np.abs(np.diff(np.log(scales))).max() < 0.005 and np.abs(np.diff(angles)).max() < np.radians(1)
    moved = np.linalg.norm(np.diff(centres, axis=0), axis=1) * scales[1:] / view.size
    assert moved.max() < 0.01
    # The head stays as large as it was: by its eyes alone it would be twice as large in the end.
    assert np.abs(np.log(scales / scales[0])).max() < 0.15


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("yaw", [0, 25, 45, 65])
def test_five_points_decide_together_however_badly_they_fit(name: str, yaw: float) -> None:
    view, points = View.named(name), turned(yaw, 10, -15)
    elsewhere = points.copy()
    elsewhere[2] += [300, -300]
    for far in (points, points * [1.0, 0.2], elsewhere):
        matrix = view.matrix((0, 0, 1000, 800), (0, 0, 1, 1), far)
        assert np.allclose(matrix[:, :2], fit(far, TEMPLATES[name].points(view.size))[:, :2], atol=1e-12)


def test_the_published_alignment_is_made_pixel_for_pixel() -> None:
    """mxnet-256 with plain bilinear, beside what the published wrapper does with a whole frame."""
    import cv2

    frame = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 256, (800, 1000, 3), dtype=np.uint8), (0, 0), 2)
    view = View.named("mxnet-256(resize=linear)")
    for yaw, roll, large in ((0, 0, 1.0), (55, 20, 1.0), (-65, -35, 2.5)):
        points = (turned(yaw, 5, roll) - [500, 400]) * large + [500, 400]
        linear = fit(points, mxnet_points(256))[:, :2]
        eyes = points[:2].mean(axis=0)
        angle, scale = np.degrees(np.arctan2(linear[1, 0], linear[0, 0])), np.hypot(*linear[:, 0])
        published = cv2.getRotationMatrix2D(tuple(eyes), -angle, scale)
        published[:, 2] += [128, 102.4] - eyes
        expected = cv2.warpAffine(frame, published, (256, 256))
        seen = view.render(frame, (0, 0, 1000, 800), 1.0, (0, 0, 1, 1), points)
        assert np.abs(seen.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", TEMPLATES)
def test_two_eyes_alone_decide_where_nothing_else_is_known(name: str) -> None:
    view, eyes = View.named(name), turned(50)[:2]
    target = TEMPLATES[name].points(view.size)[:2]
    unknown = np.vstack([eyes, np.full((3, 2), np.nan)])
    for landmarks in (eyes, unknown):
        placed = apply(view.matrix((0, 0, 1000, 800), (0, 0, 1, 1), landmarks), eyes)
        assert np.linalg.norm(placed[1] - placed[0]) == pytest.approx(np.linalg.norm(target[1] - target[0]))
        assert np.allclose(placed.mean(axis=0), target.mean(axis=0) if name != "mxnet-256" else [128, 102.4])


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
