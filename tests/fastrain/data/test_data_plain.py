"""The short way of images that are only mirrored gives what the long way gives, to the bit, and knows its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.packs.make import make_pack, plan_pack
from fasdata.packs.pack import Pack
from fastrain.augmentation import AugmentConfig
from fastrain.data import plain
from fastrain.data.batches import ordered_batches
from fastrain.data.images import Images
from fastrain.data.loader import TrainLoader
from fastrain.data.samples import Samples
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.world import CANONICAL, RECIPE

VIEW = View.named("box", 24)
OTHER_STEPS = {
    "resize": 24, "rotation": 5, "artefacts": {}, "levels_gamma": {}, "colour_jitter": {}, "random_resized_crop": {},
    "random_crop": {}, "random_erasing": {}, "erasures": {}, "black_square": {}, "cutout": {}, "patch_shuffle": {},
    "mix_crop_mask": {}, "base_views": {}, "simclr_views": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def multimodal(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = write_multimodal(tmp_path_factory.mktemp("multimodal"))
    make_pack(plan_pack("CIO-M", RECIPE, library, VIEW, "raw"))
    return library


def images_of(library: Library, modalities: tuple[str, ...], *, packed: bool, part: str = "train") -> Images:
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    pack = Pack.open(plan_pack("CIO-M", RECIPE, library, VIEW, "raw").folder, manifest) if packed else None
    stores, samples = manifest.open_stores(library), Samples.of(manifest, part)
    return Images(samples, stores, VIEW, modalities=modalities, pack=pack)


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first["id"] == second["id"] and all(
        torch.equal(first[kind][name], second[kind][name])
        for kind in ("modalities", "available")
        for name in first["modalities"]
    )


def test_every_other_step_takes_the_long_way() -> None:
    silent = {"horizontal_flip": 0.5, "shared_geometry": False, "interpolation": "bicubic", "depth_divisor": 9.0}
    assert plain.only_mirrors(AugmentConfig()) and plain.only_mirrors(AugmentConfig.model_validate(silent))
    assert set(OTHER_STEPS) | set(silent) | {"rotate_first"} == set(AugmentConfig.model_fields)
    for name, value in OTHER_STEPS.items():
        assert not plain.only_mirrors(AugmentConfig.model_validate({name: value})), name


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("modalities", [("rgb",), ("rgb", "ir"), ("rgb", "depth", "ir")])
@pytest.mark.parametrize("shared", [True, False])
def test_both_ways_give_the_same_batches(
    multimodal: Library, monkeypatch: pytest.MonkeyPatch, modalities: tuple[str, ...], packed: bool, shared: bool
) -> None:
    config = AugmentConfig.model_validate({"horizontal_flip": 0.5, "shared_geometry": shared})
    source, held_out = (images_of(multimodal, modalities, packed=packed, part=part) for part in ("train", "val"))
    short, taken = plain.fill, []

    def batches(workers: int) -> list[dict[str, Any]]:
        loader = TrainLoader(source, config, n_domains=3, per_group=3, seed=2, workers=workers)
        drawn = [loader.draw(domains) for domains in ([0, 1, 2], [1], [2, 0])]
        loader.close()
        members = np.arange(len(held_out.samples))
        return [*drawn, *ordered_batches(held_out, config, members, size=7, workers=workers)]

    def watched(*of: Any) -> bool:
        taken.append(short(*of))
        return taken[-1]

    monkeypatch.setattr(plain, "fill", watched)
    ours = [batches(workers) for workers in (0, 2)]
    # One person has no infrared pictures; depth is of 16 bits in two of the sources.
    assert any(taken) and (modalities == ("rgb",)) == all(taken)
    monkeypatch.setattr(plain, "fill", lambda *of: False)
    for longer in (batches(0), batches(2)):
        for batch in ours:
            assert all(same(a, b) for a, b in zip(batch, longer, strict=True))
