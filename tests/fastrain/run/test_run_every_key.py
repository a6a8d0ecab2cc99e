"""Every key of the sections data, train and evaluate changes what a run does; the methods' own tests prove `model`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.store.reader import Store
from fastrain.data.images import Images
from fastrain.report import run_report
from fastrain.run.plan import check_settings, make_plan
from fastrain.run.request import RunRequest
from fastrain.run.run import run
from fastrain.run.settings import known_keys
from fastrain.train import engine
from tests.fastrain.modalities import write_multimodal
from tests.fastrain.sessions import request, session
from tests.fastrain.world import TARGET, row, rows_of, write_library, write_manifest

SECTIONS = ("method", "model", "data", "data.augment", "train", "evaluate")
Overrides: TypeAlias = tuple[str, ...]
Probe: TypeAlias = Callable[[RunRequest], Any]


# -- Probes: run a part of a training run, and return what can be seen of it ------------------------------------------


def plan(wanted: RunRequest) -> Any:
    """What is settled before training: the note about a preset, and where images come from."""
    settled = make_plan(wanted, check_settings(wanted))
    return settled.preset_note, settled.images.note


def batches(wanted: RunRequest) -> Any:
    """Three training batches: samples, labels and pixels."""
    loader = session(wanted).loader
    drawn = [loader.draw([0, 1, 2]) for _ in range(3)]
    loader.close()
    views = [batch.get("views", [batch["modalities"]]) for batch in drawn]
    pixels = [[{name: image.numpy() for name, image in view.items()} for view in of_batch] for of_batch in views]
    return [batch["id"] for batch in drawn], [batch["label"].tolist() for batch in drawn], pixels


def darkened(wanted: RunRequest) -> Any:
    """Training batches whose stored crops are dark in their first rows and in some rows amid the face."""
    stored = Store.crop

    def crop(self: Store, clip_id: str, frame_index: int, modality: str = "rgb") -> np.ndarray:
        image = stored(self, clip_id, frame_index, modality).copy()
        image[:12] = image[24:28] = 0
        return image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "crop", crop)
        return batches(wanted)


def reading(wanted: RunRequest) -> Any:
    """Whether the thread that trains reads the images itself, or a process does, and whether it keeps them."""
    readers = set()

    def recorded(read: Callable[..., Any]) -> Callable[..., Any]:
        def reader(*of: Any) -> Any:
            readers.add(threading.current_thread() is threading.main_thread())
            return read(*of)

        return reader

    with pytest.MonkeyPatch.context() as patch:
        for way in ("load", "read_into"):
            patch.setattr(Images, way, recorded(getattr(Images, way)))
        running = session(wanted)
        running.loader.draw([0, 1, 2])
        running.loader.close()
    images = running.true_images["train"]
    return readers, images.load(0)["rgb"] is images.load(0)["rgb"]


def training(wanted: RunRequest, *, rise: float = 0.01) -> Any:
    """A short training: its log, its checkpoints, what was validated, and how weights lie in memory.

    Validations are scripted: all their numbers rise, so that a policy of high numbers takes the last and one of low
    numbers the first.
    """
    running = session(wanted)
    scored, numbers = [], iter(range(100))
    predict = running.method.predict

    def recorded(batch: dict[str, Any]) -> torch.Tensor:
        scored.append(tuple(batch["id"]))
        return predict(batch)

    def rising(images: Images, scores: np.ndarray) -> dict[str, float]:
        number = next(numbers)
        return {f"{name}{of}": number * rise for name in ("auc", "eer", "min_hter") for of in ("", "_frame")}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.method, "predict", recorded)
        patch.setattr(engine, "validation_metrics", rising)
        outcome = running.train()
    folder = Path(wanted.out or "")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    log = [{name: value for name, value in line.items() if "seconds" not in name and name != "time"} for line in lines]
    inside_out = any(
        weight.ndim == 4 and not weight.is_contiguous() and weight.is_contiguous(memory_format=torch.channels_last)
        for weight in running.method.parameters()
    )
    best = outcome.best and outcome.best["iteration"]
    return (
        log,
        sorted(file.name for file in (Path(wanted.out or "") / "checkpoints").iterdir()),
        scored,
        inside_out,
        best,
    )


def level(wanted: RunRequest) -> Any:
    """A short training of which all validations are alike."""
    return training(wanted, rise=0)


def results(wanted: RunRequest) -> Any:
    """The results of a finished run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_report, "write_report", lambda *_, **__: None)  # takes longer than the rest
        run(wanted)
    return json.loads((Path(wanted.out or "") / "results.json").read_text())


# -- The table: for every key another value, where the change is seen, and what else must be set for it to matter -----


@dataclass(frozen=True)
class Change:
    """Another value of a key, the probe that sees it, further settings, the library and the method."""

    value: str
    probe: Probe = batches
    along: Overrides = ()
    library: str = "plain"
    method: str = "erm"


def augmented(value: str, augment: str = "", *along: str, library: str = "plain", method: str = "erm") -> Change:
    """Return a change of an augmentation, beside `augment` alone."""
    return Change(value, along=(f"data.augment={{{augment}}}", *along), library=library, method=method)


def made(**steps: str) -> str:
    """Return artefacts in every attack, some of their steps set otherwise."""
    return "artefacts: {p: 1" + "".join(f", {name}: {value}" for name, value in steps.items()) + "}"


def viewed(value: str) -> Change:
    """Return a change of the views that are made of a base, for a method that trains on several."""
    return augmented(value, BASE, method="gac_fas")


SHORT = ("max_iterations=4", "steps_per_epoch=2", "validate_every_epochs=1", "log_every=1")
SEVERAL = ("modalities=[rgb,depth,ir]",)
BASE = (
    "base_views: {base_flip: 0, luminance: [1, 1], luminance_shift: 0, crop_share: 0, recolour: 1, "
    "hue_factor: [1, 1], saturation_factor: [1, 1], blur: [0.5, 0.5], view_flip: 0}"
)

SIMCLR = (
    "simclr_views: {saturate: 0, base_flip: 0, crop: null, jitter: {brightness: 0.2}, grey: 0, blurred: 0, "
    "view_flip: 0}"
)


def beside(value: str, base: str = SIMCLR) -> Change:
    """Return a change of the views that are made beside a base."""
    return augmented(value, base, method="gac_fas")


CHANGES: dict[str, Change] = {
    "published_for": Change("CI2M", plan),
    "data.view": Change("box"),
    "data.image_size": Change("40"),
    "data.images": Change("pack", plan),
    "data.grey": Change("[oulu-npu]"),
    "data.cut_black": Change("[oulu-npu]", darkened),
    "data.cut_black_as": Change("box", darkened, ("data.view=box", "data.cut_black=[oulu-npu]")),
    "data.items": Change("clips"),
    "data.sampler": Change("shuffled"),
    "data.source_weights": Change("{C: 5}", along=("data.sampler=sources",)),
    "data.batch_per_group": Change("3"),
    "data.batch_items": Change("5", along=("data.sampler=shuffled",)),
    "data.last_batch": Change("fill", along=("data.batch_per_group=3",)),
    "data.shuffle_labels": Change("true"),
    "data.workers": Change("1", reading),
    "data.processes": Change("true", reading, ("data.workers=1",)),
    "data.cache": Change("memory", reading),
    "train.max_iterations": Change("3", training, SHORT),
    "train.steps_per_epoch": Change("1", training, SHORT),
    "train.validate_every_epochs": Change("2", training, SHORT),
    "train.log_every": Change("2", training, SHORT),
    "train.seed": Change("1"),
    "train.channels_last": Change("false", training, SHORT),
    "train.sync_batch_norm": Change("true", training, SHORT),  # refused without CUDA
    "train.compile": Change("true", training, SHORT),  # refused without CUDA
    "train.ema": Change("0.9", training, SHORT),
    "train.swa": Change("2", training, SHORT),
    "evaluate.select": Change("target_oracle", training, SHORT),
    "evaluate.last_n": Change("2", training, (*SHORT, "evaluate.select=mean_last", "evaluate.last_n=1")),
    "evaluate.metric": Change("eer", training, SHORT),
    "evaluate.ties": Change("last", level, SHORT),
    "evaluate.frames": Change("random_one", training, SHORT),
    "evaluate.batch_size": Change("7", training, SHORT),
    "evaluate.fta": Change("exclude", results, ("max_iterations=1",), "unacquired"),
    "data.augment.artefacts": augmented("{}"),
    "data.augment.artefacts.label": augmented("keep", made()),
    "data.augment.artefacts.p": augmented("0", made()),
    "data.augment.artefacts.printer": augmented("null", made(display="null")),
    "data.augment.artefacts.printer.dot_gain": augmented("[0.3, 0.3]", made(display="null", moire="null")),
    "data.augment.artefacts.printer.density": augmented("[0.3, 0.3]", made(display="null", moire="null")),
    "data.augment.artefacts.halftone": augmented("null", made()),
    "data.augment.artefacts.halftone.period": augmented("[3, 3]", made(display="null", moire="null")),
    "data.augment.artefacts.display": augmented("null", made(printer="null")),
    "data.augment.artefacts.display.gamma": augmented("[2, 2]", made(printer="null", halftone="null")),
    "data.augment.artefacts.display.white": augmented("[4500, 4500]", made(printer="null", halftone="null")),
    "data.augment.artefacts.display.flare": augmented("[0.3, 0.3]", made(printer="null", halftone="null")),
    "data.augment.artefacts.moire": augmented("null", made()),
    "data.augment.artefacts.moire.pitch": augmented("[1.2, 1.2]", made(printer="null", halftone="null")),
    "data.augment.artefacts.moire.contrast": augmented("[0.5, 0.5]", made(printer="null", halftone="null")),
    "data.augment.artefacts.recapture": augmented("null", made()),
    "data.augment.artefacts.recapture.radius": augmented("[3, 3]", made()),
    "data.augment.resize": augmented("24"),
    "data.augment.interpolation": augmented("bicubic", "resize: 24"),
    "data.augment.colour_jitter": augmented("{brightness: 0.5}"),
    "data.augment.colour_jitter.brightness": augmented("0.5", "colour_jitter: {}"),
    "data.augment.colour_jitter.contrast": augmented("0.5", "colour_jitter: {}"),
    "data.augment.colour_jitter.saturation": augmented("0.5", "colour_jitter: {}"),
    "data.augment.colour_jitter.hue": augmented("0.5", "colour_jitter: {}"),
    "data.augment.colour_jitter.p": augmented("0", "colour_jitter: {brightness: 0.5}"),
    "data.augment.random_resized_crop": augmented("{}"),
    "data.augment.random_resized_crop.scale": augmented("[0.5, 0.5]", "random_resized_crop: {}"),
    "data.augment.random_resized_crop.ratio": augmented("[1, 1]", "random_resized_crop: {}"),
    "data.augment.random_resized_crop.side": augmented("24", "random_resized_crop: {}"),
    "data.augment.random_resized_crop.cut": augmented("true", "random_resized_crop: {}"),
    "data.augment.horizontal_flip": augmented("1"),
    "data.augment.rotation": augmented("30"),
    "data.augment.rotate_first": augmented("true", "rotation: 30"),
    "data.augment.random_crop": augmented("{size: 24}"),
    "data.augment.random_crop.size": augmented("24", "random_crop: {}"),
    "data.augment.random_crop.padding": augmented("4", "random_crop: {}"),
    "data.augment.random_erasing": augmented("{}"),
    "data.augment.random_erasing.p": augmented("0", "random_erasing: {p: 1}"),
    "data.augment.random_erasing.scale": augmented("[0.5, 0.5]", "random_erasing: {p: 1}"),
    "data.augment.random_erasing.ratio": augmented("[3, 3]", "random_erasing: {p: 1}"),
    "data.augment.levels_gamma": augmented("{}"),
    "data.augment.levels_gamma.shift": augmented("0", "levels_gamma: {gamma: [1, 1]}"),
    "data.augment.levels_gamma.gamma": augmented("[1, 1]", "levels_gamma: {shift: 0}"),
    "data.augment.erasures": augmented("{p: 1}"),
    "data.augment.erasures.p": augmented("0", "erasures: {p: 1}"),
    "data.augment.erasures.most": augmented("9", "erasures: {p: 1}"),
    "data.augment.erasures.scale": augmented("[0.5, 0.5]", "erasures: {p: 1}"),
    "data.augment.erasures.ratio": augmented("[3, 3]", "erasures: {p: 1, scale: [0.2, 0.2]}"),
    "data.augment.black_square": augmented("{}"),
    "data.augment.black_square.p": augmented("0", "black_square: {}"),
    "data.augment.black_square.longest": augmented("3", "black_square: {}"),
    "data.augment.cutout": augmented("{}"),
    "data.augment.cutout.p": augmented("0", "cutout: {p: 1}"),
    "data.augment.patch_shuffle": augmented("{size: 8}"),
    "data.augment.patch_shuffle.size": augmented("16", "patch_shuffle: {size: 8, p: 1}"),
    "data.augment.patch_shuffle.p": augmented("0", "patch_shuffle: {size: 8, p: 1}"),
    "data.augment.mix_crop_mask": augmented("{crop: 24}"),
    "data.augment.mix_crop_mask.crop": augmented("16", "mix_crop_mask: {crop: 24}"),
    "data.augment.mix_crop_mask.mix": augmented("false", "mix_crop_mask: {crop: 24}"),
    "data.augment.mix_crop_mask.mask": augmented("false", "mix_crop_mask: {crop: 24}", *SEVERAL, library="several"),
    "data.augment.base_views": augmented("{}"),
    "data.augment.base_views.base_flip": augmented("1", BASE),
    "data.augment.base_views.luminance": augmented("[1.5, 1.5]", BASE),
    "data.augment.base_views.luminance_shift": augmented("30", BASE),
    "data.augment.base_views.crop_share": viewed("0.3"),
    "data.augment.base_views.recolour": viewed("0"),
    "data.augment.base_views.hue_factor": viewed("[1.3, 1.3]"),
    "data.augment.base_views.saturation_factor": viewed("[0.3, 0.3]"),
    "data.augment.base_views.blur": viewed("[1.2, 1.2]"),
    "data.augment.base_views.view_flip": viewed("1"),
    "data.augment.simclr_views": augmented("{}"),
    "data.augment.simclr_views.saturate": augmented("1", SIMCLR),
    "data.augment.simclr_views.saturation": augmented("[0.5, 0.5]", "simclr_views: {saturate: 1, base_flip: 0}"),
    "data.augment.simclr_views.hsv": augmented("reference", "simclr_views: {saturate: 1, base_flip: 0}"),
    "data.augment.simclr_views.base_flip": augmented("1", SIMCLR),
    "data.augment.simclr_views.crop": beside("{}"),
    "data.augment.simclr_views.crop.scale": beside("[0.5, 0.5]", "simclr_views: {}"),
    "data.augment.simclr_views.crop.ratio": beside("[1, 1]", "simclr_views: {}"),
    "data.augment.simclr_views.jitter": beside("null"),
    "data.augment.simclr_views.jitter.brightness": beside("0.5"),
    "data.augment.simclr_views.jitter.contrast": beside("0.5"),
    "data.augment.simclr_views.jitter.saturation": beside("0.5"),
    "data.augment.simclr_views.jitter.hue": beside("0.5"),
    "data.augment.simclr_views.jitter.p": beside("0"),
    "data.augment.simclr_views.grey": beside("1"),
    "data.augment.simclr_views.blurred": beside("1"),
    "data.augment.simclr_views.blur": beside("[2, 2]", "simclr_views: {blurred: 1}"),
    "data.augment.simclr_views.view_flip": beside("1"),
    "data.augment.shared_geometry": augmented("false", "horizontal_flip: 0.5", *SEVERAL, library="several"),
    "data.augment.depth_divisor": augmented("9000", "", *SEVERAL, library="several"),
}


def test_the_table_has_every_key() -> None:
    keys = [key for key in known_keys("erm") if not key.startswith("model.") and key not in SECTIONS]
    assert sorted(CHANGES) == sorted(keys)


@pytest.fixture(scope="module")
def libraries(library: Library, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Library]:
    """The plain library, one of several modalities, and one of whose target some clips were not acquired."""
    unacquired = write_library(tmp_path_factory.mktemp("unacquired"))
    lost = {(TARGET, "s0__bonafide"), (TARGET, "s1__bonafide")}
    rows = [each for each in rows_of(unacquired) if (each["dataset"], each["clip_id"]) not in lost]
    rows += [row(TARGET, -1, "test", clip_id, clip_id[:2], "bonafide", -1) for _, clip_id in sorted(lost)]
    write_manifest(unacquired, rows)
    several = write_multimodal(tmp_path_factory.mktemp("several"))
    return {"plain": library, "several": several, "unacquired": unacquired}


@pytest.fixture(scope="module")
def seen(
    libraries: dict[str, Library], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Change, Overrides], Any]]:
    """What a probe sees with some settings, computed once; a refusal is seen too."""
    known: dict[tuple[Any, ...], Any] = {}

    def look(change: Change, overrides: Overrides) -> Any:
        asked = change.probe.__name__, change.method, change.library, overrides
        if asked not in known:
            folder = tmp_path_factory.mktemp("runs") / "run"
            try:
                known[asked] = change.probe(request(change.method, libraries[change.library], folder, *overrides))
            except UserError as error:
                known[asked] = f"refused: {error}"
        return known[asked]

    yield look


@pytest.mark.parametrize("probe", sorted({change.probe.__name__ for change in CHANGES.values()}))
def test_a_probe_sees_the_same_twice(
    probe: str, seen: Callable[[Change, Overrides], Any], libraries: dict[str, Library], tmp_path: Path
) -> None:
    change = next(change for change in CHANGES.values() if change.probe.__name__ == probe)
    again = change.probe(request(change.method, libraries[change.library], tmp_path / "run", *change.along))
    assert alike(seen(change, change.along), again)


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_changes_something(key: str, seen: Callable[[Change, Overrides], Any]) -> None:
    change = CHANGES[key]
    before, after = seen(change, change.along), seen(change, (*change.along, f"{key}={change.value}"))
    assert not isinstance(before, str)  # the plain run is never refused
    assert not alike(before, after)


def alike(first: Any, second: Any) -> bool:
    """Compare what probes return, arrays inside included."""
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(alike(first[name], second[name]) for name in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(alike(a, b) for a, b in zip(first, second, strict=True))
    return bool(first == second)
