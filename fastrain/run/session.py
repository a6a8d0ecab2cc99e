"""The live objects of a run: images, method, loader, engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrain.augmentation import AugmentConfig
from fastrain.config import config_hash
from fastrain.data.images import Images, Preparation
from fastrain.data.loader import TrainLoader
from fastrain.data.samples import Samples
from fastrain.methods.registry import method_class
from fastrain.run.plan import RunPlan
from fastrain.train.devices import place
from fastrain.train.engine import Engine, Outcome
from fastrain.train.logbook import Logbook
from fastrain.train.randomness import Generators
from fastrain.train.scoring import SCORE, Scorer
from fastrain.train.selection import selection_of

if TYPE_CHECKING:
    import numpy as np
    from lightning_fabric import Fabric


class Session:
    """Builds everything from a plan, on the device of this process; training starts or continues with `train`."""

    def __init__(self, plan: RunPlan, fabric: Fabric) -> None:
        import cv2

        cv2.setNumThreads(1)  # the loader's threads are the parallelism
        config, fabric_rank = plan.config, fabric.global_rank
        self._plan, self._fabric = plan, fabric
        generators = Generators.seeded(config.train.seed, fabric_rank)
        kind = method_class(config.method)
        method = kind(kind.Config.model_validate(config.model), n_domains=plan.n_domains, image_size=plan.view.size)
        place(method, fabric, config.train)
        self.method = method
        self._selection = selection_of(config.evaluate)
        keep = config.data.cache == "memory"
        changes = AugmentConfig.model_validate(config.data.augment)
        self.true_images = {part: self._images(part, keep and part != "test") for part in ("train", "val", "test")}
        train = self.true_images["train"]
        if config.data.shuffle_labels:
            train = train.relabelled(train.samples.with_shuffled_labels(config.train.seed))
        self.loader = TrainLoader(
            train,
            changes,
            n_domains=plan.n_domains,
            per_group=config.data.batch_per_group,
            sampler=plan.drawing.sampler,
            batch_items=config.data.batch_items,
            repeats=plan.drawing.repeats,
            clips=plan.drawing.clips,
            views=method.views,
            seed=config.train.seed,
            fill=config.data.last_batch == "fill",
            workers=config.data.workers,
            rank=fabric_rank,
            devices=fabric.world_size,
        )
        self._scorer = Scorer(
            fabric,
            method,
            changes,
            config.evaluate.batch_size,
            config.data.workers,
            one_frame=config.train.seed if config.evaluate.frames == "random_one" else None,
        )
        compared = self.true_images["test" if config.evaluate.select == "target_oracle" else "val"]
        self.engine = Engine(
            fabric,
            method,
            self.loader,
            self._scorer,
            compared if len(compared.samples) else None,
            self._selection,
            config.train,
            generators,
            folder=plan.run.checkpoints,
            identity=_identity(plan),
            lock=plan.lock.as_json(),
        )

    def train(self) -> Outcome:
        """Train to the end, from the last checkpoint where there is one.

        Raises:
            UserError: a loss is not finite, a checkpoint does not fit, an image cannot be read.
        """
        start = self.engine.restore()
        try:
            if not self._fabric.is_global_zero:
                return self.engine.train(None)
            if start:
                print(f"continuing after iteration {start}")
            run = self._plan.run
            window = self._plan.config.train.log_every
            with Logbook(run.file("metrics.jsonl"), run.file("tensorboard"), window=window, start=start) as logbook:
                return self.engine.train(logbook)
        finally:
            self.loader.close()

    def score(self) -> dict[str, tuple[Images, dict[str, np.ndarray]]]:
        """Return what was scored of the parts `val` (where there is one) and `test`, and its scores by name.

        The network of the selected checkpoint is loaded afterwards; its are `score` and its parts (`Engine.load_each`).
        """
        parts = {name: images for name in ("val", "test") if len((images := self.true_images[name]).samples)}
        scored: dict[str, tuple[Images, dict[str, np.ndarray]]] = {name: (images, {}) for name, images in parts.items()}
        for column, iteration in self.engine.load_each():
            for name, whole in parts.items():
                images = self._scorer.frames(whole, iteration)
                found = self._scorer.scores(images, parts=column == SCORE)
                named = found if column == SCORE else {column: found[SCORE]}
                scored[name] = (images, {**scored[name][1], **named})
        return scored

    def about_selection(self) -> dict[str, Any]:
        """Return what `run.json` says of the selection; the iteration is known at the end."""
        evaluate = self._plan.config.evaluate
        metric = evaluate.metric if evaluate.select in ("source_val", "target_oracle") else None
        return {
            "policy": self._selection.name,
            "metric": metric,
            "checkpoint": self._selection.checkpoint,
            "iteration": None,
        }

    def _images(self, part: str, keep: bool) -> Images:
        samples = Samples.of(self._plan.found.manifest, part)
        modalities = self.method.modalities
        if part == "train":
            samples.require(modalities)
        plan = self._plan
        return Images(
            samples,
            plan.stores,
            plan.view,
            modalities=modalities,
            cache=keep,
            pack=plan.images.of(part),
            preparation=Preparation.of(plan.config.data),
        )


def _identity(plan: RunPlan) -> dict[str, str]:
    meta = plan.found.manifest.meta
    return {
        "protocol": meta["canonical"],
        "recipe": meta["recipe"]["name"],
        "manifest": meta["fingerprint"],
        "config": config_hash(plan.config),
    }
