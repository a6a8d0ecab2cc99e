"""The live objects of a training run: assembly, loader, engine."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from fasdata.manifests.meta import recipe_key
from fastrain.augmentation import AugmentConfig
from fastrain.config import SOURCE_VAL, TARGET_ORACLE, config_hash
from fastrain.data.loader import TrainLoader
from fastrain.run.assembly import Assembly, Data, Scored
from fastrain.run.code import code_identity
from fastrain.run.fixed_files import with_files_found
from fastrain.run.plan import RunPlan
from fastrain.rundir import read_log
from fastrain.train.engine import Engine, Outcome
from fastrain.train.logbook import Logbook
from fastrain.train.randomness import Generators
from fastrain.train.selection import selection_of
from fastrain.train.trackers import Trackers

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.data.images import Images


class Session:
    """Builds everything from a plan, on the device of this process; training starts or continues with `train`."""

    def __init__(self, plan: RunPlan, fabric: Fabric) -> None:
        import cv2

        cv2.setNumThreads(1)  # the loader's threads are the parallelism
        config, rank = plan.config, fabric.global_rank
        self._plan, self._fabric = plan, fabric
        generators = Generators.seeded(config.train.seed, rank)
        begun = plan.state != "new"
        self._assembly = Assembly.of(
            with_files_found(plan.run, plan.run.facts(), config) if begun else config,
            Data(plan.manifest_file.manifest, plan.stores, plan.view, plan.images),
            fabric,
            n_domains=plan.n_domains,
            parts=("train", "val", "test"),
            in_memory=("train", "val") if config.data.cache == "memory" else (),
            training=True,
        )
        self.method, self.true_images = self._assembly.method, self._assembly.images
        self._selection = selection_of(config.evaluate)
        self.loader = self._loader(rank, fabric.world_size)
        compared = self.true_images["test" if config.evaluate.select == TARGET_ORACLE else "val"]
        self.engine = Engine(
            fabric,
            self.method,
            self.loader,
            self._assembly.scorer,
            compared if len(compared.samples) else None,
            self._selection,
            config.train,
            generators,
            folder=plan.run.checkpoints,
            identity=_identity(plan),
            lock=plan.lock.as_json(),
            training=self._training_images(),
        )

    @cached_property
    def restored(self) -> int:
        """The iteration that training goes on after, 0 at the start; the last checkpoint is loaded, the log checked.

        Raises:
            UserError: the checkpoint or the log is damaged, or belongs to another run.
        """
        start, log = self.engine.restore(), self._plan.run.file("metrics.jsonl")
        if log.is_file():
            read_log(log, start)
        return start

    def train(self, trackers: Trackers | None = None) -> Outcome:
        """Train to the end, from the last checkpoint where there is one; the first device tells the `trackers`.

        Raises:
            UserError: a loss is not finite, a checkpoint does not fit, an image cannot be read.
        """
        start = self.restored
        try:
            if not self._fabric.is_global_zero:
                return self.engine.train(None)
            if start:
                print(f"continuing after iteration {start}")
            run = self._plan.run
            with Logbook(
                run.file("metrics.jsonl"),
                trackers or Trackers({}),
                window=self._plan.config.train.log_every,
                start=start,
                open_window=self.engine.open_window,
            ) as logbook:
                return self.engine.train(logbook)
        finally:
            self.loader.close()

    def score(self) -> Scored:
        """Return the scores of the parts `val` (where there is one) and `test`.

        The network of the selected checkpoint is loaded afterwards; its are `score` and its parts (`Engine.load_each`).
        """
        return self._assembly.score(self.engine.load_each())

    def about_selection(self) -> dict[str, Any]:
        """Return what `run.json` says of the selection; the iteration is known at the end."""
        evaluate = self._plan.config.evaluate
        metric = evaluate.metric if evaluate.select in (SOURCE_VAL, TARGET_ORACLE) else None
        return {
            "policy": self._selection.name,
            "metric": metric,
            "checkpoint": self._selection.checkpoint,
            "iteration": None,
        }

    def _loader(self, rank: int, devices: int) -> TrainLoader:
        plan, config = self._plan, self._plan.config
        return TrainLoader(
            self._training_images(),
            AugmentConfig.model_validate(config.data.augment),
            n_domains=plan.n_domains,
            per_group=config.data.batch_per_group,
            sampler=plan.sampling.sampler,
            batch_items=config.data.batch_items,
            repeats=plan.sampling.repeats,
            clips=plan.sampling.clips,
            views=self.method.views,
            targets=self.method.pixel_targets,
            seed=config.train.seed,
            last_batch=config.data.last_batch,
            workers=config.data.workers,
            processes=config.data.processes,
            rank=rank,
            devices=devices,
        )

    def _training_images(self) -> Images:
        images, config = self.true_images["train"], self._plan.config
        if config.data.shuffle_labels:
            return images.relabelled(images.samples.with_shuffled_labels(config.train.seed))
        return images


def _identity(plan: RunPlan) -> dict[str, str]:
    meta = plan.manifest_file.manifest.meta
    return {
        "protocol": meta["canonical"],
        "recipe": recipe_key(meta["recipe"]),
        "manifest": meta["fingerprint"],
        "config": config_hash(plan.config),
        **code_identity(plan.config),
    }
