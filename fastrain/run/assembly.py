"""Put a run's method, images and scorer together: the one place, for training and for every kind of scoring again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasdata.errors import UserError, naming
from fasdata.progress import late_progress
from fastrain.augmentation import AugmentConfig
from fastrain.config import modalities_of
from fastrain.data.by_dataset import Preparation
from fastrain.data.images import Images
from fastrain.data.samples import Samples
from fastrain.methods.registry import method_class, settings_class
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.fixed_files import with_files_found
from fastrain.rundir.folder import HELP, MANIFEST, RUN
from fastrain.train.devices import open_devices, place, require_cuda
from fastrain.train.scoring import SCORE, Scorer, nobody
from fastrain.train.training_state import load_method, require_own

if TYPE_CHECKING:
    import numpy as np
    from lightning_fabric import Fabric

    from fasdata.faces.view import View
    from fasdata.manifests import Manifest
    from fasdata.store.reader import Store
    from fastrain.config import RunConfig
    from fastrain.data.image_source import ImageSource
    from fastrain.methods.base import Method
    from fastrain.rundir import RunDir, RunFacts

Scored = dict[str, tuple[Images, dict[str, "np.ndarray"]]]
"""By part of the protocol: the images that were scored, and their scores by name."""

TESTED = ("val", "test")
"""The parts that are scored, where a manifest has them."""


@dataclass(frozen=True)
class Data:
    """Where the images of an assembly come from: a manifest, its stores, packs made of it (none: the stores alone)."""

    manifest: Manifest
    stores: Mapping[str, Store]
    view: View
    packs: ImageSource | None = None


@dataclass(frozen=True)
class Assembly:
    """A method on its device, the images of the parts it works on, and the scorer that shows them to it."""

    method: Method
    images: Mapping[str, Images]
    scorer: Scorer

    @classmethod
    def of(
        cls,
        config: RunConfig,
        data: Data,
        fabric: Fabric,
        *,
        n_domains: int,
        parts: Sequence[str] = TESTED,
        in_memory: Sequence[str] = (),
        training: bool = False,
    ) -> Assembly:
        """Build the method that a configuration names, and the images of `parts`; parts without a sample are left out.

        `in_memory` names the parts whose images are kept once they were read. What the images lack is told first, what
        the weights of the network lack last.

        Raises:
            UserError: the device cannot do what the configuration asks for; the part `train` lacks a modality, or a
                label in a domain; the weights cannot be had or read.
        """
        training_there = training or fabric.device.type == "cuda"
        require_cuda(fabric, config.train, training=training_there)
        modalities = modalities_of(config)
        samples = {part: members for part in parts if len(members := Samples.of(data.manifest, part)) or training}
        if "train" in samples:
            samples["train"].require(modalities)
            samples["train"].groups(n_domains)
        images = {
            part: Images(
                members,
                data.stores,
                data.view,
                modalities=modalities,
                cache=part in in_memory,
                pack=data.packs.of(part) if data.packs else None,
                preparation=Preparation.of(config.data),
            )
            for part, members in samples.items()
        }
        if training:
            settings_class(config.method).model_validate(config.model).preflight()
        method = build_method(config, n_domains=n_domains, image_size=data.view.size)
        place(method, fabric, config.train, training=training_there)
        return cls(method, images, _scorer(config, fabric, method))

    def score(self, networks: Iterable[tuple[str, int]]) -> Scored:
        """Return the scores of the tested parts by each of `networks`, which loads them one after the other.

        Each is the name of its scores and its iteration; the one named `score` gives the method's further scores too.
        """
        tested = {part: self.images[part] for part in TESTED if part in self.images and len(self.images[part].samples)}
        scored: Scored = {part: (images, {}) for part, images in tested.items()}
        fabric = self.scorer.fabric
        for column, iteration in networks:
            for part, all_images in tested.items():
                images = self.scorer.frames(all_images, iteration)
                with late_progress(f"score {part}", -(-len(images.samples) // fabric.world_size), "images") as bar:
                    scored_here = bar.advance if fabric.is_global_zero else nobody
                    values = self.scorer.scores(images, parts=column == SCORE, scored=scored_here)
                named = values if column == SCORE else {column: values[SCORE]}
                scored[part] = (images, {**scored[part][1], **named})
        return scored


def build_method(config: RunConfig, *, n_domains: int, image_size: int) -> Method:
    """Return the method that a configuration names, with its settings; `image_size` is the view's side in pixels."""
    kind = method_class(config.method)
    return kind(kind.Config.model_validate(config.model), n_domains=n_domains, image_size=image_size)


def assembly_of_run(
    run: RunDir,
    about: RunFacts,
    config: RunConfig,
    data: Data,
    *,
    parts: Sequence[str] = TESTED,
    accelerator: str = "auto",
) -> Assembly:
    """Return the assembly that scores with a finished run's network, by default on the device there is.

    No network is loaded yet. `about` is what `run.json` says.
    """
    with naming(str(run.file(RUN))) if accelerator == "auto" else nullcontext():
        fabric = open_devices(accelerator, "1", about.precision or "32-true")
    n_domains = about.n_domains or _domains(run)
    return Assembly.of(with_files_found(run, about, config), data, fabric, n_domains=n_domains, parts=parts)


def _domains(run: RunDir) -> int:
    domains = run.manifest().domains
    if not domains:
        raise UserError(f"{run.file(MANIFEST)} names no source domains", expected="domains: one or more", do=HELP)
    return len(domains)


def load_network(run: RunDir, about: RunFacts, method: Method, name: str) -> int:
    """Load a checkpoint of a run into the method; return its iteration.

    Raises:
        UserError: it is missing, or of another network or run.
    """
    path = run.checkpoints / f"{name}.safetensors"
    checkpoint = Checkpoint.read(path)
    require_own(checkpoint, about, path)
    load_method(checkpoint, method)
    return checkpoint.about.iteration


def _scorer(config: RunConfig, fabric: Fabric, method: Method) -> Scorer:
    return Scorer(
        fabric,
        method,
        AugmentConfig.model_validate(config.data.augment),
        config.evaluate.batch_size,
        config.data.workers,
        one_frame=config.train.seed if config.evaluate.frames == "random_one" else None,
    )
