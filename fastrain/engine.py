"""The training loop: iterations, validation, checkpoints. What an iteration does is the method's business."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fasdata.progress import Bar, progress
from fasdata.store.atomic import replacing
from fastrain.checkpoints.file import Checkpoint
from fastrain.checkpoints.randomness import Generators
from fastrain.checkpoints.training_state import Progress, load_method, pack, unpack
from fastrain.config import TrainConfig
from fastrain.context import TrainingContext
from fastrain.data.images import Images
from fastrain.data.loader import TrainLoader
from fastrain.devices import gather, share_state
from fastrain.logbook import Logbook
from fastrain.scoring import SCORE, Scorer, validation_metrics
from fastrain.selection import Selection

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.methods.base import Method


@dataclass(frozen=True)
class Outcome:
    """How training ended: iterations done, seconds spent over all its sessions, the best validation if any."""

    iterations: int
    seconds: float
    best: Mapping[str, Any] | None


class Engine:
    """Trains `method` and keeps its checkpoints (`last`, `best`) in `folder`.

    `validation` is None when there is no held-out part. `identity` is written into every checkpoint.
    """

    def __init__(
        self,
        fabric: Fabric,
        method: Method,
        loader: TrainLoader,
        scorer: Scorer,
        validation: Images | None,
        selection: Selection,
        config: TrainConfig,
        generators: Generators,
        *,
        folder: Path,
        identity: Mapping[str, str],
    ) -> None:
        self._fabric, self._method, self._loader = fabric, method, loader
        self._scorer, self._validation, self._selection = scorer, validation, selection
        self._config, self._generators = config, generators
        self._folder, self._identity = folder, dict(identity)
        share_state(fabric, method, parameters=True)
        self._optimizers = method.configure()
        self._context = TrainingContext(
            fabric,
            self._optimizers,
            loader,
            generators,
            dtype=next(method.parameters()).dtype,
            n_domains=method.n_domains,
            steps_per_epoch=config.steps_per_epoch,
        )
        self._best: Mapping[str, Any] | None = None
        self._seconds = 0.0

    def restore(self) -> int:
        """Continue from the last checkpoint, if there is one; return the number of iterations already done.

        Raises:
            UserError: the checkpoint cannot be read or belongs to something else.
        """
        path = checkpoint_path(self._folder, "last")
        if not path.is_file():
            return 0
        stood = unpack(Checkpoint.read(path), self._method, self._optimizers)
        self._loader.restore(stood.streams)
        self._generators.restore(stood.random[self._fabric.global_rank])
        if stood.scaler:
            self._fabric.strategy.precision.load_state_dict(dict(stood.scaler))
        self._best, self._seconds = stood.best, stood.seconds
        self._context.move_to(stood.iteration)
        return stood.iteration

    def train(self, logbook: Logbook | None) -> Outcome:
        """Train from where things stand to the last iteration; `logbook` is None on all devices but the first.

        Raises:
            UserError: a loss or a validation score is not finite; what was saved before is kept.
        """
        last, started = self._config.max_iterations, time.monotonic()
        before = self._seconds
        first = self._context.iteration + 1
        with self._bar(last - first + 1) as bar:
            for iteration in range(first, last + 1):
                losses = self._iterate(iteration)
                if logbook:
                    logbook.train(iteration, self._context.epoch, losses)
                if (
                    iteration % (self._config.steps_per_epoch * self._config.validate_every_epochs) == 0
                    or iteration == last
                ):
                    self._seconds = before + time.monotonic() - started
                    self._check_point(iteration, logbook)
                if bar and self._best:
                    bar.advance(best_val_auc=f"{self._best['auc']:.3f}")
                elif bar:
                    bar.advance()
        return Outcome(self._context.iteration, self._seconds, self._best)

    def load_selected(self) -> int:
        """Load the checkpoint that the selection policy names into the method; return its iteration."""
        checkpoint = Checkpoint.read(checkpoint_path(self._folder, self._selection.checkpoint))
        load_method(checkpoint, self._method)
        return int(checkpoint.facts["iteration"])

    def _bar(self, steps: int) -> AbstractContextManager[Bar | None]:
        return progress(f"train {self._method.name}", steps, "it") if self._fabric.is_global_zero else nullcontext()

    def _iterate(self, iteration: int) -> dict[str, torch.Tensor]:
        context, before = self._context, self._context.epoch
        context.move_to(iteration)
        self._method.train()
        for parameter in self._method.parameters():
            parameter.grad = None  # no gradient outlives its iteration, so that none has to be saved
        if iteration == 1 or context.epoch > before:
            if iteration > 1:
                self._step_schedules("epoch")
            self._method.on_epoch_start(context)
        with self._fabric.autocast():
            batch = None if self._method.draws_own_batches else context.draw(range(context.n_domains))
            losses = self._method.training_step(batch, context)
        self._step_schedules("iteration")
        return losses

    def _step_schedules(self, every: str) -> None:
        for spec in self._optimizers.values():
            if spec.scheduler and spec.every == every:
                spec.scheduler.step()

    def _check_point(self, iteration: int, logbook: Logbook | None) -> None:
        share_state(self._fabric, self._method, parameters=False)
        epoch, improved = self._context.epoch, False
        if logbook:
            logbook.flush(iteration, epoch)
        if self._validation is not None:
            metrics = validation_metrics(self._validation, self._scorer.scores(self._validation)[SCORE])
            improved = self._selection.improves(metrics, self._best)
            if improved:
                self._best = {"iteration": iteration, **metrics}
            if logbook:
                logbook.validation(iteration, epoch, metrics)
        self._save(improved)

    def _save(self, improved: bool) -> None:
        stands = Progress(
            iteration=self._context.iteration,
            seconds=self._seconds,
            best=self._best,
            streams=self._loader.state(),
            random=gather(self._fabric, self._generators.state()),
            scaler=self._fabric.strategy.precision.state_dict(),
            identity=self._identity,
        )
        if self._fabric.is_global_zero:
            path = checkpoint_path(self._folder, "last")
            best = checkpoint_path(self._folder, "best")
            checkpoint = pack(self._method, self._optimizers, stands)
            if improved:  # best first: a stop in between repeats the iterations since `last` and finds the same best
                checkpoint.write(best)
                self._replace(best, path)
            else:
                checkpoint.write(path)
        self._fabric.barrier()

    def _replace(self, source: Path, target: Path) -> None:
        for suffix in (".safetensors", ".json"):
            with replacing(target.with_suffix(suffix)) as temporary:
                shutil.copyfile(source.with_suffix(suffix), temporary)


def checkpoint_path(folder: Path, name: str) -> Path:
    """Return the path of the checkpoint `last` or `best` of a run."""
    return folder / f"{name}.safetensors"
