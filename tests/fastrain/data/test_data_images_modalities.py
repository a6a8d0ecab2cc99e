"""Several modalities from stores to batches: the same warp, units, what is missing, and views without landmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.store.reader import Store
from fastrain.augmentation import AugmentConfig
from fastrain.data.batches import ordered_batches
from fastrain.data.images import Images
from fastrain.data.loader import TrainLoader
from fastrain.data.samples import Samples
from tests.fastrain.modalities import depth_of, write_multimodal
from tests.fastrain.world import CANONICAL, RECIPE, SIDE

ALL = ("rgb", "depth", "ir")
PLAIN = AugmentConfig()


@pytest.fixture(scope="module")
def multimodal(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return write_multimodal(tmp_path_factory.mktemp("multimodal"))


def images_of(library: Library, part: str, *, size: int = SIDE, **options: Any) -> Images:
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    view = View.named("box", size)
    return Images(Samples.of(manifest, part), manifest.open_stores(library), view, **{"modalities": ALL, **options})


def batch_of(images: Images, config: AugmentConfig = PLAIN) -> dict[str, Any]:
    (batch,) = ordered_batches(images, config, np.arange(len(images.samples)), size=1000)
    return batch


def test_a_batch_holds_every_modality_in_its_own_channels(multimodal: Library) -> None:
    batch = TrainLoader(images_of(multimodal, "train"), PLAIN, n_domains=3, per_group=2, seed=0).draw([0, 1, 2])
    assert {name: tuple(image.shape) for name, image in batch["modalities"].items()} == {
        "rgb": (12, 3, SIDE, SIDE), "depth": (12, 1, SIDE, SIDE), "ir": (12, 1, SIDE, SIDE),
    }  # fmt: skip
    for name, image in batch["modalities"].items():
        assert image.dtype == torch.float32 and image.min() >= 0 and image.max() <= 1
        assert batch["available"][name].shape == (12,) and batch["available"][name].all()


@pytest.mark.parametrize(("config", "full"), [({}, 4096), ({"depth_divisor": 8000}, 8000)])
def test_sixteen_bit_depth_is_scaled_by_its_unit_or_by_the_setting(multimodal: Library, config, full: int) -> None:
    images = images_of(multimodal, "train")
    batch = batch_of(images, AugmentConfig.model_validate(config))
    checked = set()
    for i, name in enumerate(batch["id"]):
        dataset, clip_id, frame = name.split("/")
        unit, divisor = {"casia-fasd": ("mm", full), "replay-attack": ("scaled-65535", 65535)}.get(dataset, ("", 0))
        if unit:
            assert images.depth_unit(i) == unit
            expected = depth_of(clip_id, int(frame)) / (config.get("depth_divisor") or divisor)
            np.testing.assert_allclose(batch["modalities"]["depth"][i, 0], np.minimum(expected, 1), atol=1e-6)
            checked.add(dataset)
    assert len(checked) == 2


def test_what_a_sample_lacks_is_zero_and_said_so(multimodal: Library) -> None:
    """In the target depth is taken away by the protocol; one clip of the validation part never had ir."""
    batch = batch_of(images_of(multimodal, "test"))
    assert not batch["available"]["depth"].any() and batch["available"]["ir"].all()
    assert batch["modalities"]["depth"].shape[1:] == (1, SIDE, SIDE) and not batch["modalities"]["depth"].any()
    batch = batch_of(images_of(multimodal, "val"))
    missing = ~batch["available"]["ir"]
    assert 0 < missing.sum() < len(missing)
    assert all("s2__attack" in name for name, gone in zip(batch["id"], missing.tolist(), strict=True) if gone)
    assert not batch["modalities"]["ir"][missing].any() and batch["modalities"]["ir"][~missing].flatten(1).any(1).all()
    alone = batch_of(images_of(multimodal, "test", modalities=("depth",)))
    assert not alone["modalities"]["depth"].any()


def test_geometry_is_shared_and_rgb_does_not_depend_on_its_company(multimodal: Library) -> None:
    changes = AugmentConfig.model_validate({"horizontal_flip": 0.5, "random_crop": {"padding": 4}})

    def drawn(**options: Any) -> dict[str, Any]:
        return TrainLoader(images_of(multimodal, "train", **options), changes, n_domains=3, per_group=4, seed=1).draw(
            [2]
        )

    together, alone, cached = drawn(), drawn(modalities=("rgb",)), drawn(cache=True)
    assert torch.equal(together["modalities"]["rgb"], alone["modalities"]["rgb"])
    assert set(alone["modalities"]) == set(alone["available"]) == {"rgb"}
    for name in ALL:
        assert torch.equal(together["modalities"][name], cached["modalities"][name])
    # In the third source ir is the red channel: what moves one must move the other.
    assert torch.equal(together["modalities"]["ir"][:, 0], together["modalities"]["rgb"][:, 0])


def test_a_registered_modality_of_another_size_is_warped_like_rgb(multimodal: Library) -> None:
    batch = batch_of(images_of(multimodal, "train", size=24))
    scaled = torch.tensor([name.startswith("replay-attack") for name in batch["id"]])  # ir there has twice the size
    difference = batch["modalities"]["ir"][scaled, 0] - batch["modalities"]["rgb"][scaled, 0]
    assert scaled.any() and difference.abs().mean() < 0.02


def test_a_view_that_needs_landmarks_is_refused_by_name(multimodal: Library) -> None:
    manifest = Manifest.read(multimodal.protocol_dir(CANONICAL, RECIPE))
    with pytest.raises(UserError, match=r"mxnet-256 needs the landmarks.*data.view=box"):
        Images(Samples.of(manifest, "train"), {}, View.named("mxnet-256"))


def test_a_modality_that_no_training_frame_has_is_refused(library: Library, multimodal: Library) -> None:
    samples = Samples.of(Manifest.read(library.protocol_dir(CANONICAL, RECIPE)), "train")
    with pytest.raises(UserError, match=r"no train frame has depth.*found rgb.*modalities=\[rgb\]"):
        samples.require(("rgb", "depth"))
    Samples.of(Manifest.read(multimodal.protocol_dir(CANONICAL, RECIPE)), "train").require(ALL)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("rgb", lambda image: image[:, :, 0].copy(), "expected 3 channels of 8 bits; found 1 channel of 8 bits"),
        ("rgb", lambda image: image.astype(np.uint16) * 257, "expected 3 channels of 8 bits; found 3 channels of 16"),
        ("depth", lambda image: np.stack([image] * 3, axis=2), "1 channel of 8 or 16 bits; found 3 channels of"),
        ("ir", lambda image: image.astype(np.float32), "1 channel of 8 or 16 bits; found 1 channel of 32 bits"),
    ],
    ids=["grey colour", "16-bit colour", "colour depth", "32-bit ir"],
)
def test_other_channels_or_bits_are_refused_with_their_clip(
    multimodal: Library, monkeypatch: pytest.MonkeyPatch, name: str, change: Callable, message: str
) -> None:
    """Stores that others filled may hold what ours never do."""
    whole = Store.crop

    def crop(self: Store, clip_id: str, frame_index: int, modality: str = "rgb") -> np.ndarray:
        image = whole(self, clip_id, frame_index, modality)
        return change(image) if modality == name else image

    monkeypatch.setattr(Store, "crop", crop)
    images = images_of(multimodal, "val")
    sample = "casia-fasd/s2__bonafide/3"
    with pytest.raises(UserError, match=f"{name} of {sample} .*{message}.*extract casia-fasd again"):
        images.load([images.samples.sample_id(i) for i in range(len(images.samples))].index(sample))


def test_the_probe_sees_colour_whatever_the_network_sees(multimodal: Library) -> None:
    rgb, depth = images_of(multimodal, "train"), images_of(multimodal, "train", modalities=("depth",))
    assert np.array_equal(rgb.colour(3), depth.colour(3)) and rgb.colour(3).shape == (SIDE, SIDE, 3)
    assert set(depth.load(3)) == {"depth"}
