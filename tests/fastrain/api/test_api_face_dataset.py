"""`fastrain.FaceDataset`: through torch's own loader, the tensors that training and scoring here see."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import fasdata
import fastrain
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.augmentation import AugmentConfig
from fastrain.data.batches import ordered_batches
from fastrain.data.images import Images
from fastrain.data.loader import PositionalRandom, TrainLoader
from fastrain.data.samples import Samples
from fastrain.data.transforms import augment
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.world import CANONICAL, RECIPE

VIEW = "box(size=24)"
CHANGES = {"horizontal_flip": 0.5, "colour_jitter": {"brightness": 0.4}, "random_crop": {"padding": 2}}


def trainers_images(library: Library, part: str, modalities: tuple[str, ...] = ("rgb",)) -> Images:
    """Return images as a run puts them together."""
    manifest = Manifest.read(library.protocol_dir(CANONICAL, RECIPE))
    view = fasdata.View.named(VIEW)
    return Images(Samples.of(manifest, part), manifest.open_stores(library), view, modalities=modalities)


def require_same(ours: dict, theirs: dict) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        if isinstance(value, dict):
            require_same(ours[name], value)
        elif isinstance(value, torch.Tensor):
            assert ours[name].dtype == value.dtype and torch.equal(ours[name], value), name
        else:
            assert ours[name] == value, name


@pytest.mark.parametrize(("workers", "start"), [(0, None), (2, "fork")])
def test_a_loader_gives_the_batches_of_scoring(library: Library, workers: int, start: str | None) -> None:
    faces = fastrain.FaceDataset("CIO-M", VIEW, part="test", data=library.root)
    loader = DataLoader(
        faces, batch_size=6, collate_fn=faces.collate, num_workers=workers, multiprocessing_context=start
    )
    ours = list(loader)
    theirs = ordered_batches(trainers_images(library, "test"), AugmentConfig(), np.arange(len(faces)), size=6)
    for batch, expected in zip(ours, theirs, strict=True):
        require_same(batch, expected)
    faces.close()


def test_modalities_that_a_sample_lacks_are_zero_and_said(tmp_path: Path) -> None:
    library = write_multimodal(tmp_path)
    three = ("rgb", "depth", "ir")
    faces = fastrain.FaceDataset("CIO-M", VIEW, part="train", data=library.root, modalities=three)
    (batch,) = DataLoader(faces, batch_size=len(faces), collate_fn=faces.collate)
    (expected,) = ordered_batches(
        trainers_images(library, "train", three), AugmentConfig(), np.arange(len(faces)), size=len(faces)
    )
    require_same(batch, expected)
    faces.close()


def test_random_steps_are_those_of_training_and_follow_seed_epoch_and_place(library: Library) -> None:
    faces = fastrain.FaceDataset("CIO-M", VIEW, data=library.root, augment=CHANGES, random=True, seed=3)
    images, config = trainers_images(library, "train"), AugmentConfig.model_validate(CHANGES)
    faces.set_epoch(2)
    (batch,) = DataLoader(faces, batch_size=len(faces), collate_fn=faces.collate)
    for i in range(len(faces)):
        expected = augment(images.load(i), config, PositionalRandom(3, 2).at(i))["rgb"]
        assert torch.equal(batch["modalities"]["rgb"][i], expected)
    assert torch.equal(faces[5]["modalities"]["rgb"], batch["modalities"]["rgb"][5])
    faces.set_epoch(3)
    assert not torch.equal(faces[5]["modalities"]["rgb"], batch["modalities"]["rgb"][5])
    still = fastrain.FaceDataset("CIO-M", VIEW, data=library.root, augment=CHANGES)
    assert torch.equal(still[5]["modalities"]["rgb"], torch.from_numpy(images.load(5)["rgb"]).permute(2, 0, 1) / 255)


def test_the_samples_of_a_training_batch_are_those_of_the_data_set(library: Library) -> None:
    images = trainers_images(library, "train")
    loader = TrainLoader(images, AugmentConfig(), n_domains=3, per_group=2, seed=0)
    batch = loader.draw([0, 1, 2])
    faces = fastrain.FaceDataset("CIO-M", VIEW, data=library.root)
    place = {name: i for i, name in enumerate(faces.ids)}
    require_same(faces.collate([faces[place[name]] for name in batch["id"]]), batch)


def test_it_is_a_sequence_with_labels_and_domains(library: Library) -> None:
    manifest = fasdata.manifest("CIO-M", data=library.root)
    faces = fastrain.FaceDataset(manifest, fasdata.View.named(VIEW), data=library.root)
    rows = manifest.frame().query("part == 'train'")
    assert len(faces) == len(rows) == 24 and faces.ids == rows["sample_id"].tolist()
    assert faces.labels.tolist() == (rows["label"] == "bonafide").astype(int).tolist()
    assert faces.domains.tolist() == rows["domain_id"].tolist()
    assert faces[-1]["id"] == faces.ids[-1]
    with pytest.raises(IndexError, match="sample 24 of 24"):
        faces[24]
    assert [sample["id"] for sample in faces] == faces.ids  # by position, until it ends
    copy = pickle.loads(pickle.dumps(faces))
    require_same(copy[3], faces[3])


def test_its_datasets_are_in_use_until_it_is_closed(library: Library) -> None:
    faces = fastrain.FaceDataset("CIO-M", VIEW, data=library.root)
    with pytest.raises(fasdata.UserError, match="is in use"):
        library.emptying("oulu-npu")
    faces.close()
    with library.emptying("oulu-npu"):
        pass
    assert len(fastrain.FaceDataset("CIO-M", VIEW, data=library.root)) == 24  # held by nobody
    with library.emptying("oulu-npu"):
        pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"part": "trian"}, "unknown part 'trian'; .* did you mean 'train'"),
        ({"modalities": ("depth",)}, "no train frame has depth"),
        ({"modalities": ("thermal",)}, "unknown modality 'thermal'"),
        ({"view": "fas-265"}, "unknown view 'fas-265'"),
        ({"augment": {"horizontal_flip": 2}}, "augment, horizontal_flip"),
        ({"augment": {"flip": 1}}, "augment, flip"),
        ({"images": "pack"}, "no pack at"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(library: Library, options: dict, words: str) -> None:
    with pytest.raises(fasdata.UserError, match=words) as raised:
        partial(fastrain.FaceDataset, "CIO-M", data=library.root)(**options)
    assert "\n" not in str(raised.value)
    with library.emptying("oulu-npu"):  # nothing stays claimed
        pass
