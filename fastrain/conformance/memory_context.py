"""An engine in a few lines: the step context of one process, without devices, data or checkpoints."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from fastrain.methods.base import Batch, Method, StepContext

DrawFn = Callable[[Sequence[int]], Batch]


class MemoryContext:
    """Runs a method's optimisers in memory; `draw_images` stands for the loader."""

    def __init__(self, method: Method, draw_images: DrawFn, *, seed: int = 0, steps_per_epoch: int = 100) -> None:
        self.method = method
        self.specs = method.configure()
        self.draw_images = draw_images
        self.generator = torch.Generator().manual_seed(seed)
        self.python_random = random.Random(seed)
        self.iteration = 0
        self.steps_per_epoch = steps_per_epoch
        self.n_domains = method.n_domains
        self.devices = 1
        self.drawn: list[tuple[int, ...]] = []

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter], *, keep_graph: bool = False) -> list[Tensor]:
        return list(torch.autograd.grad(loss, parameters, retain_graph=keep_graph, materialize_grads=True))

    def gathered(self, tensor: Tensor) -> Tensor:
        return tensor

    def step(self, name: str) -> None:
        self.specs[name].optimizer.step()
        torch.clear_autocast_cache()  # as the engine does: copies of the weights from before the step are stale

    def zero_grad(self, name: str) -> None:
        self.specs[name].optimizer.zero_grad()

    def set_trainable(self, group: nn.Module | Iterable[nn.Parameter], on: bool) -> None:
        for parameter in group.parameters() if isinstance(group, nn.Module) else group:
            parameter.requires_grad_(on)

    def draw(self, domains: Sequence[int]) -> Batch:
        self.drawn.append(tuple(domains))
        batch = self.draw_images(domains)
        targets, count = self.method.pixel_targets, len(batch["label"])
        if not targets or "maps" in batch:
            return batch
        return {**batch, "maps": {name: torch.ones(count, 1, of.side, of.side) for name, of in targets.items()}}

    @property
    def epoch(self) -> int:
        return 1 + max(0, self.iteration - self.method.first_of_epoch) // self.steps_per_epoch

    def run_step(self) -> dict[str, Tensor]:
        """Do one iteration as the engine does: train mode, a batch unless the method draws its own, schedules."""
        before = self.epoch
        self.iteration += 1
        self.method.train()
        if self.iteration == 1 or self.epoch > before:
            if self.iteration > 1:
                self._step_schedules("epoch")
            self.method.on_epoch_start(cast(StepContext, self))
        batch = None if self.method.draws_own_batches else self.draw(range(self.n_domains))
        logs = self.method.training_step(batch, cast(StepContext, self))
        self._step_schedules("iteration")
        return logs

    def _step_schedules(self, every: str) -> None:
        for spec in self.specs.values():
            if spec.scheduler is not None and spec.every == every:
                spec.scheduler.step()
