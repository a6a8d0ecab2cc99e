"""The network of a run, loaded to score images of any manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.records import MODALITIES
from fastrain.networks.checkpoint import Checkpoint

if TYPE_CHECKING:
    import numpy as np

    from fasdata.faces.view import View
    from fasdata.manifest import Manifest
    from fasdata.store.reader import Store
    from fastrain.config import RunConfig
    from fastrain.data.image_source import ImageSource
    from fastrain.data.images import Images
    from fastrain.rundir import RunDir
    from fastrain.train.scoring import Scorer

Scored = dict[str, tuple["Images", dict[str, "np.ndarray"]]]
PARTS = ("val", "test")


def network_scores(
    run: RunDir,
    about: Mapping[str, Any],
    config: RunConfig,
    view: View,
    manifest: Manifest,
    stores: Mapping[str, Store],
    source: ImageSource,
) -> Scored:
    """Return, for the parts val and test, what was scored and its scores by name.

    `score` and its parts are those of the selected checkpoint. Where the run kept more networks (`at_<iteration>`,
    `best`), each gives a column of that name.

    Raises:
        UserError: a checkpoint is missing or of another network or run, the manifest lacks what the view needs or has
            none of a modality, in training frames neither.
    """
    from fastrain.data.images import Images, Preparation
    from fastrain.data.samples import Samples
    from fastrain.train.scoring import SCORE

    scorer = run_scorer(run, about, config, view)
    samples = {part: found for part in PARTS if len(found := Samples.of(manifest, part))}
    modalities = scorer.method.modalities
    _require(manifest, modalities)
    whole = {
        part: Images(
            found,
            stores,
            view,
            modalities=modalities,
            pack=source.of(part),
            preparation=Preparation.of(config.data),
        )
        for part, found in samples.items()
    }
    scored: Scored = {part: (images, {}) for part, images in whole.items()}
    for column, iteration in _each(run, about, scorer, [*_kept(run), (SCORE, about["selection"]["checkpoint"])]):
        for part, all_images in whole.items():
            images = scorer.frames(all_images, iteration)
            values = scorer.scores(images, parts=column == SCORE)
            scored[part] = (images, {**scored[part][1], **(values if column == SCORE else {column: values[SCORE]})})
    return scored


def _require(manifest: Manifest, modalities: Sequence[str]) -> None:
    """A target that has been robbed of a modality (`@miss-*`) is scored as black images; data without any are not."""
    import pyarrow.compute as pc

    def known(name: str) -> bool:
        return bool(pc.any(pc.not_equal(manifest.table[f"key_{name}"], "")).as_py())

    lacking = [name for name in modalities if not known(name)]
    if lacking:
        raise UserError(
            f"no frame of {manifest.meta['canonical']} has {' or '.join(lacking)}, which the network sees",
            found=", ".join(name for name in MODALITIES if known(name)) or "no image at all",
            do="name a protocol of data that have them; its variants @miss-… take them away from the target alone",
        )


def run_scorer(run: RunDir, about: Mapping[str, Any], config: RunConfig, view: View) -> Scorer:
    """Return what scores images with a run's method, on the device there is; no checkpoint is loaded yet."""
    from fastrain.augmentation import AugmentConfig
    from fastrain.methods.registry import method_class
    from fastrain.train.devices import open_devices, place
    from fastrain.train.scoring import Scorer

    fabric = open_devices("auto", "1", about.get("precision") or "32-true")
    kind = method_class(config.method)
    domains = about.get("n_domains") or len(run.read_json("manifest.json")["domains"])
    method = kind(kind.Config.model_validate(config.model), n_domains=domains, image_size=view.size)
    place(method, fabric, config.train)
    changes = AugmentConfig.model_validate(config.data.augment)
    one_frame = config.train.seed if config.evaluate.frames == "random_one" else None
    return Scorer(fabric, method, changes, config.evaluate.batch_size, config.data.workers, one_frame=one_frame)


def _kept(run: RunDir) -> list[tuple[str, str]]:
    """Return column and checkpoint of the networks that the run kept beside the selected one."""
    numbers = sorted(int(path.stem.removeprefix("at-")) for path in run.checkpoints.glob("at-*.safetensors"))
    best = [("best", "best")] if numbers and (run.checkpoints / "best.safetensors").is_file() else []
    return [*((f"at_{number}", f"at-{number}") for number in numbers), *best]


def _each(
    run: RunDir, about: Mapping[str, Any], scorer: Scorer, names: list[tuple[str, str]]
) -> Iterator[tuple[str, int]]:
    from fastrain.train.training_state import load_method, require_own

    for column, name in names:
        path = run.checkpoints / f"{name}.safetensors"
        checkpoint = Checkpoint.read(path)
        require_own(checkpoint, about, path)
        load_method(checkpoint, scorer.method)
        yield column, int(checkpoint.facts["iteration"])
