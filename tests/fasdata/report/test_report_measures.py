"""Measures: pose from five points, sharpness, brightness, and how well they separate the labels."""

from typing import get_args

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fasdata.page.histograms import MOST_BINS, Group, bin_edges, overlay
from fasdata.records import FaceStatus
from fasdata.report.gallery import as_rgb, different_people
from fasdata.report.measures import separation
from fasdata.report.pixels import face_in_crop, measure
from fasdata.report.recordings import STATUS_MEANINGS
from fasdata.report.survey import eye_distance, roll, yaw_ratio
from tests.fasdata.report.datasets import BOX, POINTS, REGION

pytestmark = pytest.mark.charts


def turned(degrees, points=POINTS, scale=1.0):
    """Five points turned clockwise in the image (y points down) about the origin."""
    angle = np.radians(degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (np.array(points) @ matrix.T)[None]


@pytest.mark.parametrize("degrees", [-170, -31.5, 0, 12, 90])
def test_roll_is_the_angle_of_the_turn_and_leaves_the_yaw_alone(degrees):
    looking = (*POINTS[:2], (150.0, 112.0), *POINTS[3:])  # the nose a quarter of the eye distance off the middle
    assert roll(turned(degrees, looking)) == pytest.approx([degrees])
    assert yaw_ratio(turned(degrees, looking)) == pytest.approx([0.5])
    assert eye_distance(turned(degrees, looking, 2.5)) == pytest.approx([100])


def test_yaw_is_1_where_the_nose_stands_over_the_right_eye_and_unknown_without_eyes():
    over = (*POINTS[:2], (160.0, 140.0), *POINTS[3:])
    assert yaw_ratio(np.array([over])) == pytest.approx([1.0])
    assert np.isnan(yaw_ratio(np.array([[POINTS[0]] * 5]))).all()


def test_brightness_is_the_mean_and_an_even_face_has_no_sharpness():
    assert measure(np.full((90, 70, 3), 77, np.uint8)) == (0.0, 77.0)
    assert measure(np.full((90, 70), 200, np.uint8)) == (0.0, 200.0)


def test_sharpness_falls_with_blur_and_does_not_hang_on_size():
    noise = np.random.default_rng(1).integers(0, 256, (200, 200), np.uint8)
    face = cv2.GaussianBlur(noise, (0, 0), 2)
    large = cv2.resize(face, (400, 400), interpolation=cv2.INTER_CUBIC)
    assert measure(cv2.GaussianBlur(face, (0, 0), 3))[0] < 0.3 * measure(face)[0]
    assert measure(large)[0] == pytest.approx(measure(face)[0], rel=0.1)


def test_the_face_is_cut_out_of_the_crop_by_its_box():
    crop = np.zeros((200, 200, 3), np.uint8)
    x0, y0, x1, y1 = (int(value) for value in BOX)
    crop[y0 - REGION[1] : y1 - REGION[1] + 1, x0 - REGION[0] : x1 - REGION[0] + 1] = 255
    assert face_in_crop(crop, BOX, REGION, 1.0).shape == (101, 81, 3)
    assert face_in_crop(crop, BOX, REGION, 1.0).min() == 255
    half = cv2.resize(crop, (100, 100), interpolation=cv2.INTER_NEAREST)
    assert face_in_crop(half, BOX, REGION, 0.5).mean() > 250
    assert face_in_crop(crop, (np.nan,) * 4, REGION, 1.0) is crop


def test_separation_is_the_area_under_the_roc_curve_of_the_better_direction():
    random = np.random.default_rng(0)
    first, second = random.normal(0, 1, 40), random.normal(0.7, 1, 90).round(1)
    area = roc_auc_score([0] * 40 + [1] * 90, np.concatenate([first, second]))
    assert separation(first, second) == pytest.approx(area)
    assert separation(second, first) == pytest.approx(area)
    assert separation(np.zeros(10), np.ones(10)) == 1
    assert separation(np.zeros(10), np.zeros(30)) == 0.5
    assert separation(np.zeros(9), np.ones(100)) is None


def test_a_few_outliers_do_not_squeeze_the_rest_of_a_histogram():
    values = np.concatenate([np.linspace(0, 10, 1000), [1e6, -1e6]])
    edges = bin_edges(values)
    assert edges[0] > -1 and edges[-1] < 11
    assert len(edges) == MOST_BINS + 1
    assert bin_edges(np.array([3.0, 3.0]))[[0, -1]] == pytest.approx([2.5, 3.5])
    powers = bin_edges(np.array([0.0, 1, 10, 100]), log=True)
    assert powers[[0, -1]] == pytest.approx([1, 100])
    assert np.diff(np.log(powers)) == pytest.approx(np.diff(np.log(powers))[0])


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [5.0, 5.0], [0.1, 1e5]])
def test_an_overlay_of_any_values(values):
    svg = overlay([Group("a", values, 0), Group("b", [1.0], 1)], "x", "frames", name="n", alt="a", log=True)
    assert "<svg" in svg
    assert "mathdefault" not in svg  # formulas are not set in these drawings


def test_every_status_of_a_frame_has_a_meaning():
    assert set(STATUS_MEANINGS) == set(get_args(FaceStatus))


def test_depth_is_shown_over_its_own_range_with_black_where_nothing_was_measured():
    depth = np.zeros((20, 20), np.uint16)
    depth[5:] = np.linspace(800, 1200, 300).reshape(15, 20)
    image = as_rgb(depth)
    assert image.shape == (20, 20, 3) and image.dtype == np.uint8
    assert image[:5].max() == 0
    assert (image[5, 0, 0], image[-1, -1, 0]) == (20, 255)
    with pytest.raises(ValueError, match="cannot be shown"):
        as_rgb(np.zeros((2, 2, 2, 2), np.uint8))


def test_every_person_is_shown_once_before_anybody_twice():
    import pandas as pd

    people = ["anna"] * 6 + ["bert", "cleo", "cleo"] + [""] * 2
    clips = pd.DataFrame({"clip_id": [f"c{n}" for n in range(11)], "subject": people}, index=range(100, 111))
    order = different_people(clips)
    assert sorted(order) == list(range(100, 111))
    first = [people[place - 100] for place in order[:5]]
    assert sorted(first) == ["", "", "anna", "bert", "cleo"]
