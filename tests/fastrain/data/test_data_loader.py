"""The training loader: what a draw holds, and that it depends on seed and history alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.augmentation import AugmentConfig
from fastrain.data.batches import ordered_batches
from fastrain.data.images import Images
from fastrain.data.loader import PositionalRandom, TrainLoader
from fastrain.data.samples import Samples
from tests.fastrain.world import CANONICAL, RECIPE

CHANGES = AugmentConfig.model_validate(
    {"horizontal_flip": 0.5, "colour_jitter": {"brightness": 0.3}, "random_erasing": {}}
)


def images_of(library: Library, part: str, *, cache: bool = False) -> Images:
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    view = View.named("mxnet-256").resized(32)
    return Images(Samples.of(manifest, part), manifest.open_stores(library), view, cache=cache)


def loader(library: Library, *, cache: bool = False, **options: Any) -> TrainLoader:
    options = {"n_domains": 3, "per_group": 2, "seed": 5, **options}
    return TrainLoader(images_of(library, "train", cache=cache), CHANGES, **options)


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first["id"] == second["id"] and torch.equal(first["modalities"]["rgb"], second["modalities"]["rgb"])


def test_a_draw_is_bona_fide_then_attack_for_each_domain_in_the_given_order(library: Library) -> None:
    batch = loader(library).draw([2, 0])
    assert batch["domain"].tolist() == [2, 2, 2, 2, 0, 0, 0, 0]
    assert batch["label"].tolist() == [1, 1, 0, 0, 1, 1, 0, 0]
    assert torch.equal(batch["group"], 2 * batch["domain"] + batch["label"])
    assert [name.split("/")[0] for name in batch["id"]] == ["oulu-npu"] * 4 + ["casia-fasd"] * 4
    assert all(("bonafide" in name) == bool(label) for name, label in zip(batch["id"], batch["label"], strict=True))
    rgb = batch["modalities"]["rgb"]
    assert rgb.shape == (8, 3, 32, 32) and rgb.dtype == torch.float32
    assert rgb.min() >= 0 and rgb.max() <= 1
    assert batch["available"]["rgb"].tolist() == [True] * 8


@pytest.mark.parametrize(
    "other", [{"workers": 3}, {"cache": True}, {"workers": 2, "cache": True}, {"workers": 2, "processes": True}]
)
def test_neither_threads_nor_cache_change_a_batch(library: Library, other: dict[str, Any]) -> None:
    plain, ahead = loader(library), loader(library, **other)
    for domains in ([0, 1], [2], [1, 2, 0], [0], [0], [0, 2]):
        assert same(plain.draw(domains), ahead.draw(domains))
    assert plain.state() == ahead.state()
    ahead.close()


def test_a_stream_does_not_depend_on_what_others_gave(library: Library) -> None:
    alone, among = loader(library), loader(library)
    for _ in range(5):
        among.draw([0, 2])
        assert same(alone.draw([1]), among.draw([1]))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_restored_loader_goes_on_exactly(library: Library, workers: int) -> None:
    first, second = loader(library, workers=workers), loader(library, workers=workers)
    for _ in range(3):
        first.draw([0, 1, 2])
    second.draw([1])  # what was prepared before restoring must not leak into what follows
    second.restore(first.state())
    for _ in range(4):
        assert same(first.draw([2, 1]), second.draw([2, 1]))
    first.close()
    second.close()


def test_seeds_and_visits_change_order_and_augmentation(library: Library) -> None:
    def draws(**options: Any) -> list[dict[str, Any]]:
        made = loader(library, **options)
        return [made.draw([0]) for _ in range(8)]

    first = draws()
    assert not all(same(a, b) for a, b in zip(first, draws(seed=6), strict=True))
    seen: dict[str, list[torch.Tensor]] = {}
    for batch in first:
        for name, image in zip(batch["id"], batch["modalities"]["rgb"], strict=True):
            seen.setdefault(name, []).append(image)
    assert all(not torch.equal(images[0], images[1]) for images in seen.values())


def test_devices_share_the_draw_of_one_device(library: Library) -> None:
    whole = loader(library, per_group=4, last_batch="fill")
    shares = [loader(library, per_group=2, rank=rank, devices=2) for rank in range(2)]
    for _ in range(5):
        batch, parts = whole.draw([1]), [share.draw([1]) for share in shares]
        assert batch["id"][:4] == parts[0]["id"][:2] + parts[1]["id"][:2]
        assert batch["id"][4:] == parts[0]["id"][2:] + parts[1]["id"][2:]
        assert torch.equal(batch["modalities"]["rgb"][2], parts[1]["modalities"]["rgb"][0])
        assert shares[0].state() == shares[1].state() == whole.state()


def test_short_batches_are_kept_or_filled(library: Library) -> None:
    keep, fill = loader(library, per_group=3), loader(library, per_group=3, last_batch="fill")
    assert [len(keep.draw([0])["id"]) for _ in range(4)] == [6, 2, 6, 2]  # four frames of each label
    assert [len(fill.draw([0])["id"]) for _ in range(4)] == [6, 6, 6, 6]


@pytest.mark.parametrize("domains", [[], [3], [-1]])
def test_a_draw_without_a_known_domain_is_refused(library: Library, domains: list[int]) -> None:
    with pytest.raises(UserError, match="expected some of 0, 1, 2"):
        loader(library).draw(domains)


def test_an_unreadable_crop_says_which(library: Library) -> None:
    images = images_of(library, "train")
    images.samples.frame_index[:] = 5  # a frame that no store holds
    for workers in (0, 2):
        broken = TrainLoader(images, CHANGES, n_domains=3, per_group=2, seed=0, workers=workers)
        with pytest.raises(UserError, match="crop/s"):
            broken.draw([0])
        broken.close()


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_an_ordered_pass_gives_each_sample_once_unchanged(library: Library, size: int, workers: int) -> None:
    images = images_of(library, "val")
    members = torch.arange(len(images.samples)).flip(0).numpy()
    batches = list(ordered_batches(images, CHANGES, members, size=size, workers=workers))
    assert [name for batch in batches for name in batch["id"]] == [images.samples.sample_id(int(i)) for i in members]
    assert max(len(batch["id"]) for batch in batches) == min(size, len(members))
    rgb = torch.cat([batch["modalities"]["rgb"] for batch in batches])
    plain = torch.stack([torch.from_numpy(images.load(int(i))["rgb"]).permute(2, 0, 1) / 255 for i in members])
    assert torch.equal(rgb, plain)


def numbers(random: PositionalRandom, position: int) -> list[float]:
    return random.at(position).random(5).tolist()


def test_a_position_has_its_own_numbers_whatever_was_asked_before() -> None:
    forwards, backwards = PositionalRandom(5, 1, 0, 1), PositionalRandom(5, 1, 0, 1)
    forward = [numbers(forwards, position) for position in range(50)]
    forwards.at(7).integers(10)  # leaves half a word behind, which must not leak into the next position
    assert [numbers(backwards, position) for position in reversed(range(50))] == forward[::-1]
    assert numbers(forwards, 3) == forward[3]


def test_positions_and_keys_differ() -> None:
    keys = [(5, 1, 0, 1), (6, 1, 0, 1), (5, 2, 0, 1), (5, 1, 1, 1), (5, 1, 0, 0)]
    drawn = [tuple(numbers(PositionalRandom(*key), position)) for key in keys for position in (0, 1, 2**40)]
    assert len(set(drawn)) == 15


def test_neighbouring_positions_are_not_alike() -> None:
    random = PositionalRandom(0, 1, 0, 0)
    drawn = np.array([random.at(position).random(8) for position in range(4000)])
    assert abs(drawn.mean() - 0.5) < 0.01 and abs(drawn.var() - 1 / 12) < 0.005
    beside = np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]
    within = np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]
    assert abs(beside) < 0.03 and abs(within) < 0.03


def test_threads_do_not_disturb_each_other() -> None:
    random = PositionalRandom(1, 2, 3)
    expected = [numbers(random, position) for position in range(300)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda position: numbers(random, position), range(300))) == expected


@pytest.mark.parametrize("workers", [0, 2])
def test_two_views_are_augmentations_of_the_same_images(library: Library, workers: int) -> None:
    single_views, double_views = loader(library, views=1), loader(library, views=2, workers=workers)
    for _ in range(3):
        single, batch = single_views.draw([0, 1, 2]), double_views.draw([0, 1, 2])
        assert "views" not in single
        first, second = (view["rgb"] for view in batch["views"])
        assert batch["modalities"]["rgb"] is first and batch["id"] == single["id"]
        assert torch.equal(first, single["modalities"]["rgb"])
        assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    state = double_views.state()
    assert state == single_views.state()
    again = loader(library, views=2)
    again.restore(state)
    for left, right in zip(double_views.draw([1])["views"], again.draw([1])["views"], strict=True):
        assert torch.equal(left["rgb"], right["rgb"])
    double_views.close()
