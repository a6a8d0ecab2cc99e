"""The training loop: iterations, validation, checkpoints. What an iteration does is the method's business."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fasdata.errors import UserError, naming
from fasdata.page.spelling import is_number, ratio
from fasdata.progress import Bar, progress
from fasdata.stopping import Stopped, stop_requested
from fasdata.store.atomic import replacing
from fastrain.config import SWA, TrainConfig
from fastrain.data.images import Images
from fastrain.data.loader import TrainLoader
from fastrain.networks.checkpoint import HELP, Checkpoint
from fastrain.train.averaging import Averages, with_statistics
from fastrain.train.context import TrainingContext
from fastrain.train.devices import gather, share_state
from fastrain.train.logbook import Logbook, OpenWindow
from fastrain.train.randomness import Generators
from fastrain.train.scoring import SCORE, Scorer, validation_metrics
from fastrain.train.selection import Selection
from fastrain.train.training_state import (
    Progress,
    fixed_weights,
    load_method,
    pack,
    require_identity,
    require_method,
    unpack,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.methods.base import Method


@dataclass(frozen=True)
class Outcome:
    """How training ended: iterations done, seconds spent over all its sessions, the best validation if any.

    `rate` are the images that all devices drew a second in this session, None where it had nothing left to do.
    """

    iterations: int
    seconds: float
    best: Mapping[str, Any] | None
    rate: float | None = None


class Engine:
    """Trains `method` and keeps its checkpoints (`last`, `best`, those the selection asks for) in `folder`.

    Averages of weights that the configuration asks for (`ema`, `swa`) are written there at the end; `training` are the
    images that the statistics of the latter are taken of. `validation` is None when there is no held-out part.
    `identity` and `lock` (the data's hashes) are written into every checkpoint.
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
        lock: Mapping[str, Any],
        training: Images,
    ) -> None:
        self._fabric, self._method, self._loader = fabric, method, loader
        self._scorer, self._validation, self._selection = scorer, validation, selection
        self._config, self._generators = config, generators
        self._folder, self._identity, self._lock = folder, dict(identity), dict(lock)
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
            method=method,
        )
        self._kept = selection.kept(config)
        self._averages, self._training = Averages(method, config), training
        self._best: Mapping[str, Any] | None = None
        self._seconds = 0.0
        self.open_window: OpenWindow = {}  # what a stopped run had not logged yet

    def restore(self) -> int:
        """Continue from the last checkpoint, if there is one; return the number of iterations already done.

        Raises:
            UserError: the checkpoint cannot be read or belongs to something else.
        """
        path = checkpoint_path(self._folder, "last")
        if not path.is_file():
            return 0
        checkpoint = self._own("last")
        stood = unpack(checkpoint, self._method, self._optimizers)
        self._averages.restore(checkpoint)
        with naming(f"the description inside {checkpoint.where}"):
            self._require_own_course(stood)
            self._loader.restore(stood.streams)
            self._generators.restore(stood.random[self._fabric.global_rank])
            if stood.scaler:
                self._restore_scaler(stood.scaler)
        self._best, self._seconds, self.open_window = stood.best, stood.seconds, stood.window
        self._context.move_to(stood.iteration)
        return stood.iteration

    def _require_own_course(self, stood: Progress) -> None:
        """Check that a checkpoint's progress can be that of this run, on as many devices."""
        last, devices = self._config.max_iterations, self._fabric.world_size
        if stood.iteration > last:
            raise UserError("iteration", expected=f"at most {last}", found=str(stood.iteration), do=HELP)
        if len(stood.random) != devices:
            raise UserError("random", expected=f"states of {devices} devices", found=f"of {len(stood.random)}", do=HELP)
        compared = self._selection.compared
        if stood.best and not all(is_number(stood.best.get(name)) for name in {compared, "auc"}):
            raise UserError(f"best.{compared}", expected="a number", found=str(stood.best.get(compared)), do=HELP)

    def _restore_scaler(self, state: Mapping[str, Any]) -> None:
        precision = self._fabric.strategy.precision
        for name, own in precision.state_dict().items():
            if name not in state or (isinstance(own, int) and not isinstance(state[name], int)):
                kind = "a whole number" if isinstance(own, int) else "a number"
                raise UserError(f"scaler.{name}", expected=kind, found=str(state.get(name, "none")), do=HELP)
        precision.load_state_dict(dict(state))

    def train(self, logbook: Logbook | None) -> Outcome:
        """Train from the current iteration to the last; `logbook` is None on all devices but the first.

        Raises:
            UserError: a loss, a weight or a validation score is not finite; what was saved before is kept.
            Stopped: a stop was requested; the iterations until then are saved.
        """
        last, started = self._config.max_iterations, time.monotonic()
        before = self._seconds
        first = self._context.iteration + 1
        with self._bar(last - first + 1) as bar:
            for iteration in range(first, last + 1):
                losses = self._iterate(iteration)
                self._averages.after(iteration)
                if logbook:
                    logbook.train(iteration, self._context.epoch, losses)
                if (
                    iteration % (self._config.steps_per_epoch * self._config.validate_every_epochs) == 0
                    or iteration == last
                    or iteration in self._kept
                ):
                    self._seconds = before + time.monotonic() - started
                    self._check_point(iteration, logbook)
                elif by := self._asked_to_stop():
                    self._seconds = before + time.monotonic() - started
                    self._save(improved=False, window=logbook.open_window() if logbook else {})
                    raise Stopped(by, iteration, "iterations")
                if bar and self._best:
                    bar.advance(best_val_auc=ratio(self._best["auc"]))
                elif bar:
                    bar.advance()
        self._write_averages()
        images = self._context.images_drawn * self._fabric.world_size
        rate = images / (time.monotonic() - started) if images else None
        return Outcome(self._context.iteration, self._seconds, self._best, rate)

    def _asked_to_stop(self) -> signal.Signals | None:
        """Return what asks for a stop, on any of the devices."""
        by = stop_requested()
        if self._fabric.world_size > 1:
            by = next((other for other in gather(self._fabric, by) if other), None)
        return by

    def load_selected(self) -> int:
        """Load the checkpoint that the selection policy names into the method; return its iteration."""
        return self._load(self._selection.checkpoint)

    def load_each(self) -> Iterator[tuple[str, int]]:
        """Load each network that is to be scored; yield the name of its scores and its iteration.

        The selected one, whose scores are `score`, comes last, and stays. Where the policy keeps more, `at_<iteration>`
        are those, and `best` is the best validated one.
        """
        for iteration in self._kept[:-1]:
            yield f"at_{iteration}", self._load(f"at-{iteration}")
        if self._kept and self._best:
            yield "best", self._load("best")
        yield SCORE, self.load_selected()

    def _load(self, name: str) -> int:
        checkpoint = self._own(name)
        load_method(checkpoint, self._method)
        return checkpoint.about.iteration

    def _own(self, name: str) -> Checkpoint:
        path = checkpoint_path(self._folder, name)
        checkpoint = Checkpoint.read(path)
        require_method(checkpoint, self._method)
        require_identity(checkpoint, self._identity, path)
        return checkpoint

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
        self._require_finite_weights()
        if self._validation is not None:
            images = self._scorer.frames(self._validation, iteration)
            metrics = validation_metrics(images, self._scorer.scores(images)[SCORE])
            improved = self._selection.improves(metrics, self._best)
            if improved:
                self._best = {"iteration": iteration, **metrics}
            if logbook:
                logbook.validation(iteration, epoch, metrics)
        self._save(improved)

    def _require_finite_weights(self) -> None:
        for name, tensor in self._method.state_dict().items():
            if not torch.isfinite(tensor).all():
                raise UserError(
                    f"{name} is not finite after iteration {self._context.iteration}",
                    do="the checkpoints written before are kept; a smaller learning rate or 32-true precision may help",
                )

    def _save(self, improved: bool, window: OpenWindow | None = None) -> None:
        stands = Progress(
            iteration=self._context.iteration,
            seconds=self._seconds,
            best=self._best,
            streams=self._loader.state(),
            random=gather(self._fabric, self._generators.state()),
            scaler=self._fabric.strategy.precision.state_dict(),
            identity=self._identity,
            lock=self._lock,
            window=window or {},
        )
        if self._fabric.is_global_zero:
            path = checkpoint_path(self._folder, "last")
            best = checkpoint_path(self._folder, "best")
            checkpoint = self._averages.added_to(pack(self._method, self._optimizers, stands))
            if stands.iteration in self._kept[:-1]:
                self._write_network(f"at-{stands.iteration}", self._method.state_dict())
            if improved:  # best first: a stop in between repeats the iterations since `last` and finds the same best
                checkpoint.write(best)
                self._replace(best, path)
            else:
                checkpoint.write(path)
        self._fabric.barrier()

    def _write_averages(self) -> None:
        """Write the averages of weights, each as a network that can be scored."""
        for name, average in self._averages.by_name.items():
            tensors = average.tensors
            if name == SWA:
                seed = self._config.seed
                tensors = with_statistics(tensors, self._method, self._scorer, self._training, seed)
            if self._fabric.is_global_zero:
                self._write_network(name, tensors)
        self._fabric.barrier()

    def _write_network(self, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
        facts = {
            "method": self._method.name,
            "iteration": self._context.iteration,
            "identity": self._identity,
            "lock": self._lock,
            "fixed": [weights.tree() for weights in fixed_weights(self._method)],
        }
        fixed = self._method.fixed  # in files of weights, which are named
        of_method = {f"method/{key}": tensor for key, tensor in tensors.items() if key not in fixed}
        Checkpoint(of_method, facts).write(checkpoint_path(self._folder, name))

    def _replace(self, source: Path, target: Path) -> None:
        for suffix in (".json", ".safetensors"):  # as a checkpoint is written
            with replacing(target.with_suffix(suffix)) as temporary:
                shutil.copyfile(source.with_suffix(suffix), temporary)


def checkpoint_path(folder: Path, name: str) -> Path:
    """Return the path of the checkpoint `last`, `best` or `at-<iteration>` of a run."""
    return folder / f"{name}.safetensors"
