"""How a view's pixels are made: `resize`, pixel for pixel against the libraries that published code resizes with."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from fasdata.faces.view import NAMES, View

POINTS = ((122.0, 120.0), (158.0, 121.0), (140.0, 142.0), (125.0, 162.0), (156.0, 163.0))
REGION = (20, 10, 740, 650)
# Boxes by how the view of 100 pixels shrinks them: enlarged, by less than 2, by 5 and by 6 times.
BOXES = [(100.7, 80.2, 150.9, 130.0), (100.0, 80.0, 250.5, 260.0), (100.0, 40.0, 600.0, 640.0)]


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(params=[(640, 720, 3), (640, 720)], ids=["colour", "one channel"])
def crop(request: pytest.FixtureRequest) -> np.ndarray:
    return noise(request.param)


def inside(crop: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    x0, y0, x1, y1 = map(int, box)
    return crop[y0 - 10 : y1 - 10, x0 - 20 : x1 - 20]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("scale", [1.0, None])
def test_linear_is_what_opencv_makes_of_the_box(crop: np.ndarray, box: tuple[float, ...], scale: float | None) -> None:
    seen = View.named("box(resize=linear)", 100).render(crop, REGION, scale, box, None)
    assert np.array_equal(seen, cv2.resize(inside(crop, box), (100, 100), interpolation=cv2.INTER_LINEAR))


@pytest.mark.parametrize("box", BOXES)
def test_pillow_is_what_pillow_makes_of_the_box(crop: np.ndarray, box: tuple[float, ...]) -> None:
    seen = View.named("box(resize=pillow)", 100).render(crop, REGION, 1.0, box, None)
    picture = Image.fromarray(np.ascontiguousarray(inside(crop, box))).resize((100, 100), Image.Resampling.BILINEAR)
    assert np.array_equal(seen, np.asarray(picture))


def test_area_is_what_opencv_averages() -> None:
    picture = noise((600, 600, 3))
    whole = (0, 0, 600, 600)
    for size in (100, 120, 128, 299):
        seen = View.named("box", size).render(picture, whole, 1.0, whole, None)
        assert np.array_equal(seen, cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("resize", ["area", "linear", "pillow"])
def test_a_modality_without_a_place_is_resized_whole_in_the_same_way(resize: str) -> None:
    picture = noise((500, 500))
    kinds = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}
    expected = (
        cv2.resize(picture, (112, 112), interpolation=kinds[resize])
        if resize in kinds
        else np.asarray(Image.fromarray(picture).resize((112, 112), Image.Resampling.BILINEAR))
    )
    assert np.array_equal(View.named(f"box(resize={resize})", 112).stretched(picture), expected)


@pytest.mark.parametrize("name", NAMES)
def test_linear_skips_pixels_where_area_averages_them(name: str) -> None:
    """One pixel checks, shrunk by five and more: averaged they are grey, sampled they beat."""
    board = np.indices((1200, 1200)).sum(axis=0).astype(np.uint8) % 2 * 255
    box, points = [500, 400, 1000, 1000], [(5 * x, 5 * y) for x, y in POINTS]
    seen = {
        resize: View.named(f"{name}(resize={resize})", 64).render(board, (0, 0, 1200, 1200), 1.0, box, points)[
            8:-8, 8:-8
        ]
        for resize in ("area", "linear")
    }
    assert seen["area"].astype(int).std() < 6 < 20 < seen["linear"].astype(int).std()


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_shrinks_by_two_all_ways_agree(name: str) -> None:
    smooth = cv2.GaussianBlur(noise((640, 720, 3)), (0, 0), 4)
    views = [View.named(f"{name}(resize={resize})", 112) for resize in ("area", "linear")]
    area, linear = (view.render(smooth, REGION, 1.0, BOXES[0], POINTS).astype(int) for view in views)
    assert np.abs(area - linear).max() <= 1


@pytest.mark.parametrize("resize", ["area", "linear", "pillow"])
def test_crops_stored_smaller_and_boxes_past_the_region_are_shown_too(resize: str) -> None:
    smooth = cv2.GaussianBlur(noise((640, 720, 3)), (0, 0), 12)
    view = View.named(f"box(resize={resize})", 64)
    native = view.render(smooth, REGION, 1.0, BOXES[1], None).astype(int)
    third = cv2.resize(smooth, (240, 213), interpolation=cv2.INTER_AREA)
    for scale in (1 / 3, None):
        assert np.abs(view.render(third, REGION, scale, BOXES[1], None) - native).mean() < 3
    for box in ((700.0, 600.0, 900.0, 900.0), (900.0, 900.0, 950.0, 950.0)):
        assert view.render(smooth, REGION, 1.0, box, None).shape == (64, 64, 3)


@pytest.mark.parametrize("resize", ["linear", "pillow"])
def test_sixteen_bits_take_the_nearest_pixel_all_the_same(resize: str) -> None:
    depth = np.where(np.indices((640, 720)).sum(axis=0) % 2, 400, 60000).astype(np.uint16)
    for box in BOXES:
        seen = View.named(f"box(resize={resize})", 100).render(depth, REGION, None, box, None)
        assert seen.dtype == np.uint16 and set(np.unique(seen)) <= {400, 60000}
