"""Augmentation of several modalities at once: what is shared, what is not, and that the generator alone decides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from fastrain.data.transforms import AugmentConfig, augment, to_tensors

SIDE = 24
EVERYTHING = AugmentConfig.model_validate(
    {
        "resize": 20,
        "colour_jitter": {"brightness": 0.25, "contrast": 0.5, "saturation": 0.2, "hue": 0.1},
        "random_resized_crop": {},
        "horizontal_flip": 0.5,
        "rotation": 30,
        "random_crop": {"size": 16, "padding": 2},
        "random_erasing": {"p": 0.5},
        "patch_shuffle": {"size": 5, "p": 0.5},
    }
)


def config(**settings: object) -> AugmentConfig:
    return AugmentConfig.model_validate(settings)


def numbered(height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Depth in which every pixel has its own value, from 1 up: where each came from can be read off the result."""
    return np.arange(1, height * width + 1, dtype=np.uint16).reshape(height, width)


def sample(seed: int = 0) -> dict[str, np.ndarray]:
    """One grey picture as rgb, ir and depth, so that equal geometry gives equal results."""
    grey = np.random.default_rng(seed).integers(1, 256, (SIDE, SIDE), dtype=np.uint8)
    return {"rgb": np.repeat(grey[:, :, None], 3, axis=2), "depth": grey.copy(), "ir": grey[:, :, None].copy()}


def run(images: dict[str, np.ndarray], settings: AugmentConfig, seed: int = 0) -> dict[str, torch.Tensor]:
    return augment(images, settings, np.random.default_rng(seed))


def source(result: torch.Tensor) -> np.ndarray:
    """The pixel numbers of `numbered` in a result."""
    return np.rint(result[0].numpy() * 65535).astype(int)


def test_by_default_nothing_is_changed_but_the_form() -> None:
    images = sample()
    result = run(images, config())
    assert {name: tuple(t.shape) for name, t in result.items()} == {
        "rgb": (3, SIDE, SIDE), "depth": (1, SIDE, SIDE), "ir": (1, SIDE, SIDE),
    }  # fmt: skip
    for name, tensor in result.items():
        assert tensor.dtype == torch.float32 and tensor.is_contiguous()
        assert torch.equal(tensor, to_tensors(images, config())[name])
    assert torch.equal(result["rgb"][0], torch.from_numpy(images["depth"].astype(np.float32) / 255))


@pytest.mark.parametrize("shared", [True, False])
def test_the_generator_alone_decides(shared: bool) -> None:
    settings, images = EVERYTHING.model_copy(update={"shared_geometry": shared}), sample()
    untouched = {name: image.copy() for name, image in images.items()}
    different = 0
    for seed in range(10):
        first, again = run(images, settings, seed), run(dict(reversed(images.items())), settings, seed)
        np.random.seed(seed + 1)
        torch.manual_seed(seed + 1)
        assert all(torch.equal(first[name], again[name]) for name in images)
        # What happens to rgb does not depend on whether another modality was recorded.
        assert torch.equal(first["rgb"], run({"rgb": images["rgb"]}, settings, seed)["rgb"])
        different += not torch.equal(first["rgb"], run(images, settings, seed + 100)["rgb"])
        assert all(float(t.min()) >= 0 and float(t.max()) <= 1 for t in first.values())
        assert tuple(first["rgb"].shape) == (3, 16, 16)
    assert different == 10
    assert all(np.array_equal(images[name], untouched[name]) for name in images)


GEOMETRY = {
    "horizontal_flip": 0.5,
    "rotation": 180,
    "random_resized_crop": {},
    "random_crop": {"padding": 4},
    "random_erasing": {"p": 1},
    "patch_shuffle": {"size": 8, "p": 1},
}


@pytest.mark.parametrize("operation", GEOMETRY)
def test_geometry_is_shared_by_all_modalities_or_drawn_for_each(operation: str) -> None:
    images, parted = sample(), 0
    settings = config(**{operation: GEOMETRY[operation]})
    for seed in range(20):
        together = run(images, settings, seed)
        assert torch.equal(together["ir"][0], together["rgb"][0])
        if operation not in ("rotation", "random_resized_crop"):  # depth is not averaged there: tested below
            assert torch.equal(together["depth"], together["ir"])
        apart = run(images, settings.model_copy(update={"shared_geometry": False}), seed)
        parted += not torch.equal(apart["ir"][0], apart["rgb"][0])
    assert parted >= 5


def test_flip_mirrors_left_and_right_half_of_the_time() -> None:
    mirrored = numbered()[:, ::-1]
    assert np.array_equal(source(run({"depth": numbered()}, config(horizontal_flip=1))["depth"]), mirrored)
    half = config(horizontal_flip=0.5)
    flips = sum(np.array_equal(source(run({"depth": numbered()}, half, s)["depth"]), mirrored) for s in range(400))
    assert 160 <= flips <= 240  # four standard deviations


@pytest.mark.parametrize("settings", [{"rotation": 90}, {"random_resized_crop": {}}, {"resize": 15}])
def test_depth_takes_the_nearest_value_and_never_an_average(settings: dict[str, object]) -> None:
    # Steps of 1000: an average of neighbours would be a value that was never measured.
    depth = (np.random.default_rng(0).integers(1, 60, (SIDE, SIDE)) * 1000).astype(np.uint16)
    for seed in range(10):
        values = source(run({"depth": depth}, config(**settings), seed)["depth"])
        assert set(np.unique(values)) <= {0, *np.unique(depth)}


def test_depth_and_rgb_stay_aligned_where_they_are_resampled() -> None:
    # A bright square on black: its centre of mass in rgb (averaged) and in depth (nearest) must be one point, but for
    # the rounding of single edges, which favours no side.
    square = np.zeros((64, 64), np.uint8)
    square[20:40, 24:48] = 255
    images = {"rgb": np.repeat(square[:, :, None], 3, axis=2), "depth": square.astype(np.uint16) * 257}
    settings = config(rotation=25, random_resized_crop={"scale": (0.7, 1.0)}, horizontal_flip=0.5)
    places = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij"))
    apart = []
    for seed in range(60):
        rgb, depth = (run(images, settings, seed)[name][0] for name in ("rgb", "depth"))
        apart.append((places * rgb).sum(dim=(1, 2)) / rgb.sum() - (places * depth).sum(dim=(1, 2)) / depth.sum())
    assert float(torch.stack(apart).abs().max()) < 0.8
    assert float(torch.stack(apart).mean(dim=0).abs().max()) < 0.1


def test_rotation_turns_about_the_centre_and_fills_with_black() -> None:
    board = np.full((33, 33, 3), 200, np.uint8)
    board[16, 16] = 255
    for seed in range(10):
        turned = run({"rgb": board}, config(rotation=45), seed)["rgb"]
        assert int(turned[0].argmax()) == 16 * 33 + 16
    assert any(float(run({"rgb": board}, config(rotation=45), seed)["rgb"][0, 0, 0]) == 0 for seed in range(10))


def test_random_crop_is_a_window_of_the_padded_image() -> None:
    settings, padding, size = config(random_crop={"size": 20, "padding": 3}), 3, 20
    padded = np.pad(numbered(), padding)
    corners = set()
    for seed in range(600):
        window = source(run({"depth": numbered()}, settings, seed)["depth"])
        centre = np.argwhere(padded == window[10, 10])[0] - 10
        assert np.array_equal(window, padded[centre[0] : centre[0] + size, centre[1] : centre[1] + size])
        corners.add(tuple(centre))
    # 11 places on each axis, 24 + 6 - 20 = 10 the last.
    assert {y for y, _ in corners} == {x for _, x in corners} == set(range(11))


def test_random_resized_crop_keeps_the_size_and_takes_the_area_it_was_told() -> None:
    full = config(random_resized_crop={"scale": (1, 1), "ratio": (1, 1)})
    assert np.array_equal(source(run({"depth": numbered()}, full)["depth"]), numbered())
    quarter = config(random_resized_crop={"scale": (0.25, 0.25), "ratio": (1, 1)})
    for seed in range(10):
        values = source(run({"depth": numbered()}, quarter, seed)["depth"])
        rows, columns = np.unique((values - 1) // SIDE), np.unique((values - 1) % SIDE)
        assert values.shape == (SIDE, SIDE) and rows.size == columns.size == SIDE // 2
        assert np.ptp(rows) == np.ptp(columns) == SIDE // 2 - 1


def test_bicubic_and_bilinear_are_pils() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    for name in ("bilinear", "bicubic"):
        expected = np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling[name.upper()]))
        resized = to_tensors({"rgb": image}, config(resize=16, interpolation=name))["rgb"]
        assert np.array_equal(np.rint(resized.numpy().transpose(1, 2, 0) * 255).astype(np.uint8), expected)


def test_sixteen_bit_infrared_is_averaged_without_losing_its_low_byte() -> None:
    ramp = np.tile(np.arange(0, 40_000, 1000, dtype=np.uint16), (40, 1))
    halved = np.rint(to_tensors({"ir": ramp}, config(resize=20))["ir"][0].numpy() * 65535)
    assert np.abs(halved[:, 2:-2] - np.arange(500, 40_000, 2000)[2:-2]).max() <= 1


def test_erasing_blackens_a_rectangle_of_the_share_it_was_told() -> None:
    shares, white = [], np.full((64, 64, 3), 255, np.uint8)
    for seed in range(60):
        result = run({"rgb": white}, config(random_erasing={"p": 0.5}), seed)["rgb"]
        dark = np.argwhere(result[0].numpy() == 0)
        if dark.size:
            height, width = np.ptp(dark, axis=0) + 1
            assert height * width == len(dark)  # one full rectangle
            assert 0.25 < height / width < 4
            shares.append(len(dark) / 64**2)
    assert 15 <= len(shares) <= 45
    assert min(shares) > 0.015 and max(shares) < 0.35


def test_patches_change_places_and_the_rest_stays() -> None:
    values = source(run({"depth": numbered()}, config(patch_shuffle={"size": 7, "p": 1}), 3)["depth"])
    original, blocks = numbered(), [(y, x) for y in (0, 7, 14) for x in (0, 7, 14)]
    before = {original[y : y + 7, x : x + 7].tobytes() for y, x in blocks}
    after = {values[y : y + 7, x : x + 7].astype(np.uint16).tobytes() for y, x in blocks}
    assert before == after
    assert np.array_equal(values[21:], original[21:]) and np.array_equal(values[:, 21:], original[:, 21:])
    assert not np.array_equal(values, original)


def test_colours_change_in_rgb_alone_and_within_their_strength() -> None:
    grey = {name: np.full_like(image, 100) for name, image in sample().items()}
    values = set()
    for seed in range(50):
        result = run(grey, config(colour_jitter={"brightness": 0.25, "p": 0.8}), seed)
        assert torch.equal(result["depth"], torch.full((1, SIDE, SIDE), 100 / 255))
        assert torch.equal(result["ir"], result["depth"])
        values.add(int((result["rgb"] * 255).round().unique()))
    assert min(values) in range(74, 85) and max(values) in range(116, 126) and 100 in values


def test_hue_and_saturation_leave_grey_alone_and_contrast_its_mean() -> None:
    images = sample()
    plain = to_tensors(images, config())["rgb"]
    turned = run(images, config(colour_jitter={"hue": 0.5, "saturation": 0.9}))["rgb"]
    assert float((turned - plain).abs().max()) <= 1.5 / 255
    flatter = run(images, config(colour_jitter={"contrast": 0.4}), 1)["rgb"]
    assert float(flatter.std()) != pytest.approx(float(plain.std()), rel=0.01)
    coloured = {"rgb": np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)}
    assert not torch.equal(
        run(coloured, config(colour_jitter={"hue": 0.5}))["rgb"], to_tensors(coloured, config())["rgb"]
    )


def test_depth_has_its_own_divisor_and_ends_at_one() -> None:
    depth = np.array([[0, 1000], [4000, 9000]], np.uint16)
    settings = config(depth_divisor=4000)
    assert to_tensors({"depth": depth}, settings)["depth"][0].tolist() == [[0, 0.25], [1, 1]]
    assert float(to_tensors({"ir": depth}, settings)["ir"].max()) == pytest.approx(9000 / 65535)
    eight_bits = to_tensors({"depth": np.full((2, 2), 51, np.uint8)}, settings)["depth"]
    assert float(eight_bits.max()) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ({}, "found nothing"),
        ({"thermal": numbered()}, "found thermal"),
        ({"rgb": np.zeros((4, 4, 3), np.float32)}, "float32"),
        ({"rgb": np.zeros((4, 4, 2), np.uint8)}, r"\(4, 4, 2\)"),
        ({"rgb": np.zeros((4, 4, 3), np.uint8), "ir": np.zeros((5, 4), np.uint8)}, "differ in height and width"),
    ],
)
def test_images_of_another_form_are_refused(images: dict[str, np.ndarray], words: str) -> None:
    for transform in (lambda: run(images, config()), lambda: to_tensors(images, config())):
        with pytest.raises(ValueError, match=words):
            transform()


def test_a_crop_larger_than_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"30 is larger than the padded image, 28x28"):
        run({"depth": numbered()}, config(random_crop={"size": 30, "padding": 2}))


def test_sizes_that_differ_are_made_equal_by_resize() -> None:
    images = {"rgb": np.zeros((40, 30, 3), np.uint8), "depth": numbered(), "ir": np.zeros((16, 16), np.uint8)}
    assert {tuple(t.shape[1:]) for t in run(images, config(resize=16, horizontal_flip=0.5)).values()} == {(16, 16)}


@pytest.mark.parametrize(
    "settings",
    [
        {"flip": 0.5},
        {"horizontal_flip": 1.5},
        {"horizontal_flip": float("nan")},
        {"rotation": -5},
        {"random_erasing": {"scale": (0.5, 0.1)}},
        {"random_erasing": {"scale": (0.5, 1.5)}},
        {"random_resized_crop": {"ratio": (0, 1)}},
        {"colour_jitter": {"hue": 0.6}},
        {"colour_jitter": {"gamma": 1}},
        {"patch_shuffle": {"size": 0}},
        {"depth_divisor": 0},
        {"interpolation": "lanczos"},
    ],
)
def test_a_setting_that_means_nothing_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(**settings)


def test_the_settings_survive_yaml() -> None:
    import yaml

    again = yaml.safe_load(yaml.safe_dump(EVERYTHING.model_dump(mode="json")))
    assert AugmentConfig.model_validate(again) == EVERYTHING
