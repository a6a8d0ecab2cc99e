"""The view `context` is the published crop to the pixel; what a store must hold for it; what it says without."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fasdata.errors import UserError
from fasdata.faces.context import context_region
from fasdata.faces.region import crop_region
from fasdata.faces.view import View
from fasdata.faces.view_text import split_views

RNG = np.random.default_rng(7)


def published(image: np.ndarray, box: tuple[float, ...], scale: float, out: int) -> np.ndarray:
    """Retell minivision-ai/Silent-Face-Anti-Spoofing: `Detection.get_bbox`, then `CropImage.crop`, step by step."""
    left, top, right, bottom = box
    bbox = [int(left), int(top), int(right - left + 1), int(bottom - top + 1)]
    src_h, src_w = image.shape[:2]
    scale = min((src_h - 1) / bbox[3], min((src_w - 1) / bbox[2], scale))
    new_w, new_h = bbox[2] * scale, bbox[3] * scale
    cx, cy = bbox[2] / 2 + bbox[0], bbox[3] / 2 + bbox[1]
    corners = [cx - new_w / 2, cy - new_h / 2, cx + new_w / 2, cy + new_h / 2]
    for axis in (0, 1):
        if corners[axis] < 0:
            corners[axis + 2] -= corners[axis]
            corners[axis] = 0
    for axis, limit in ((0, src_w), (1, src_h)):
        if corners[axis + 2] > limit - 1:
            corners[axis] -= corners[axis + 2] - limit + 1
            corners[axis + 2] = limit - 1
    x0, y0, x1, y1 = map(int, corners)
    return cv2.resize(image[y0 : y1 + 1, x0 : x1 + 1], (out, out))


def picture(width: int, height: int) -> np.ndarray:
    return RNG.integers(0, 255, (height, width, 3), dtype=np.uint8)


def random_box(width: int, height: int) -> tuple[float, ...]:
    """Return a box that often lies at, or over, an edge."""
    w, h = RNG.uniform(12, 0.6 * width), RNG.uniform(12, 0.6 * height)
    x, y = RNG.uniform(-0.3 * w, width - 0.7 * w), RNG.uniform(-0.3 * h, height - 0.7 * h)
    return tuple(round(float(value), 3) for value in (x, y, x + w, y + h))


@pytest.mark.parametrize("text", ["context(factor=2.7,size=80)", "context(factor=1.5,size=224)", "context(factor=4)"])
def test_the_view_is_the_published_crop_to_the_pixel(text):
    view = View.named(text)
    for width, height in ((640, 480), (240, 240), (121, 300)):
        image = picture(width, height)
        for _ in range(60):
            box = random_box(width, height)
            expected = published(image, box, view.factor, view.size)
            whole = view.render(image, (0, 0, width, height), 1.0, box, None)
            assert np.array_equal(whole, expected), box
            x0, y0, x1, y1 = view.reach(box, None, (width, height))
            stored = view.render(image[y0:y1, x0:x1], (x0, y0, x1, y1), 1.0, box, None, (width, height))
            assert np.array_equal(stored, expected), box
            assert (x0, y0, x1, y1) == context_region(box, (width, height), view.factor)  # nothing more is stored


def test_a_box_of_the_middle_keeps_its_middle_and_one_at_an_edge_is_moved():
    assert context_region((300, 200, 339, 239), (640, 480), 3) == (260, 160, 381, 281)
    assert context_region((0, 0, 39, 39), (640, 480), 3) == (0, 0, 121, 121)
    assert context_region((600, 440, 639, 479), (640, 480), 3) == (519, 359, 640, 480)


def test_a_context_moved_by_an_edge_takes_up_to_twice_the_factor_less_one_of_the_square():
    box = (0.0, 200.0, 39.0, 239.0)
    shown = context_region(box, (640, 480), 2.7)
    assert shown[2] == 109  # 2 x 2.7 - 1 = 4.4 times the box, about its middle: 20 + 2.2 x 40 = 108
    for context, holds in ((2.7, False), (4.5, True)):
        region = crop_region(box, 640, 480, context)
        assert (region[0] <= shown[0] and shown[2] <= region[2]) == holds


def test_what_is_not_stored_is_told_in_a_line_with_the_option():
    view, image = View.named("context(factor=2.7,size=80)"), picture(640, 480)
    region = crop_region((300, 200, 339, 239), 640, 480, 2.0)
    x0, y0, x1, y1 = region
    with pytest.raises(UserError) as refusal:
        view.render(image[y0:y1, x0:x1], region, 1.0, (300, 200, 339, 239), None, (640, 480))
    assert "extract with --views 'context(factor=2.7,size=80)'" in str(refusal.value) and "\n" not in str(refusal.value)
    View.named("context(factor=1.5)").render(image[y0:y1, x0:x1], region, 1.0, (300, 200, 339, 239), None, (640, 480))


def test_depth_takes_its_nearest_pixel_and_a_picture_of_another_size_the_same_place():
    view, box, size = View.named("context(factor=2,size=40)"), (20.0, 20.0, 59.0, 59.0), (100, 100)
    x0, y0, x1, y1 = region = view.reach(box, None, size)
    depth = np.arange(100 * 100, dtype=np.uint16).reshape(100, 100)
    seen = view.render(depth[y0:y1, x0:x1], region, None, box, None, size)
    assert seen.dtype == np.uint16 and set(np.unique(seen)) <= set(np.unique(depth[y0:y1, x0:x1]))


@pytest.mark.parametrize(
    "name", ["mxnet-256", "fas-256", "arcface-112", "box", "box-224(resize=linear)", "box(resize=pillow)"]
)
@pytest.mark.parametrize("side", [60, 300])
def test_the_reach_of_a_view_holds_all_that_it_shows(name, side):
    view, image = View.named(name), cv2.GaussianBlur(picture(900, 900), (0, 0), 4)
    box = (400.0, 400.0, 400.0 + side, 400.0 + 1.2 * side)
    five = [(0.3, 0.4), (0.72, 0.38), (0.5, 0.62), (0.34, 0.8), (0.68, 0.79)]
    points = [(400 + x * side, 400 + 1.2 * y * side) for x, y in five]
    x0, y0, x1, y1 = region = view.reach(box, points, (900, 900))
    assert max(x1 - x0, y1 - y0) < 3.2 * 1.2 * side
    whole = view.render(image, (0, 0, 900, 900), 1.0, box, points).astype(int)
    stored = view.render(image[y0:y1, x0:x1], region, 1.0, box, points).astype(int)
    assert np.abs(whole - stored).max() <= 8 and np.abs(whole - stored).mean() < 0.6


def test_the_factor_belongs_to_the_context_and_has_a_range():
    refused = {
        "box(factor=2)": "no factor", "context(factor=0.5)": "1 to 10", "context(factor=x)": "factor",
        "context(border=reflect)": "no border", "contxt": "context",
    }  # fmt: skip
    for text, words in refused.items():
        with pytest.raises(UserError, match=words):
            View.named(text)
    assert View.named("context") == View.named("context(factor=2.7,size=80,resize=linear)")
    assert str(View.named("context(resize=area)")) == "context(resize=area)"
    assert split_views(["context(factor=4,size=80),box"]) == ("context(factor=4,size=80)", "box")
