"""Two devices in one process: two networks in two threads, which meet where a run's devices would.

What the engine does there (`fastrain.train.context`, `devices`) is done here on tensors of two threads: gradients are
averaged where an optimiser steps, rows are gathered with their gradients. Arithmetic is in float64, and layers that
look at a whole batch or at chance (normalisation, dropout, dropped paths) are in eval mode: these differ between
devices by design.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Queue
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

import torch
from timm.layers import DropPath
from torch import Tensor, nn

from fastrain.conformance.memory_context import MemoryContext
from fastrain.conformance.toys import Toy, images, some_of
from fastrain.methods.base import Batch, Method

DEVICES = 2
PER_GROUP = 4
PATIENCE = 60.0  # seconds that a device waits for the other
Gradients = dict[str, Tensor]


class _Meeting:
    """Where threads hand each other values; all have to come, in the same order.

    Gradients are computed by the thread that waits for them all: torch may abort at the end of a process in which
    another one did.
    """

    def __init__(self, devices: int) -> None:
        self.barrier, self.values = Barrier(devices, timeout=PATIENCE), [None] * devices
        self.work: Queue[tuple[Future[Any], Callable[[], Any]]] = Queue()

    def by_main(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Let the waiting thread call a function; return what it returns, or raise what it raises."""
        job: Future[Any] = Future()
        job.set_running_or_notify_cancel()
        self.work.put((job, lambda: function(*arguments, **options)))
        return job.result()

    def served(self, threads: Sequence[Thread]) -> None:
        """Do the work of the threads until they have all ended."""
        while any(thread.is_alive() for thread in threads) or not self.work.empty():
            try:
                job, function = self.work.get(timeout=0.02)
            except Empty:
                continue
            try:
                job.set_result(function())
            except BaseException as error:
                job.set_exception(error)

    def exchanged(self, rank: int, value: Any) -> list[Any]:
        self.values[rank] = value
        self.barrier.wait()
        everything = list(self.values)
        self.barrier.wait()
        return everything


class _Gathered(torch.autograd.Function):
    """Rows of all devices; the gradient is that of `fastrain.train.devices.GatherRows`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, meeting: _Meeting, rank: int) -> Tensor:  # type: ignore[override]
        ctx.rank = rank
        return torch.cat(meeting.exchanged(rank, rows.detach().clone()))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return gradient.chunk(DEVICES)[ctx.rank] * DEVICES, None, None


class _Device(MemoryContext):
    """A device of several, or one alone (`meeting` is None); keeps the gradients of every optimiser step."""

    def __init__(self, method: Method, toy: Toy, rank: int, meeting: _Meeting | None) -> None:
        side, views = toy.side_of_training(method), max(2, method.views)
        self.draws = 0

        def draw(domains: Sequence[int]) -> Batch:
            self.draws += 1
            whole = images(domains, per_group=PER_GROUP, size=side, seed=self.draws, views=views)
            unlike = _unlike(whole)
            return _share(unlike, rank) if meeting else unlike

        super().__init__(method, draw, steps_per_epoch=1)
        self.rank, self.meeting = rank, meeting
        self.devices = DEVICES if meeting else 1
        self.taken: list[Gradients] = []

    def gathered(self, tensor: Tensor) -> Tensor:
        return _Gathered.apply(tensor, self.meeting, self.rank) if self.meeting else tensor

    def backward(self, loss: Tensor) -> None:
        if self.meeting:
            self.meeting.by_main(loss.backward)
        else:
            loss.backward()

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter], *, keep_graph: bool = False) -> list[Tensor]:
        grad = super().gradients
        if self.meeting is None:
            return grad(loss, parameters, keep_graph=keep_graph)
        return self._averaged(self.meeting.by_main(grad, loss, parameters, keep_graph=keep_graph))

    def step(self, name: str) -> None:
        held = [p for group in self.specs[name].optimizer.param_groups for p in group["params"] if p.grad is not None]
        for parameter, mean in zip(held, self._averaged([parameter.grad for parameter in held]), strict=True):  # type: ignore[list-item]
            parameter.grad = mean
        super().step(name)
        stepped = {id(parameter) for parameter in held}
        named = self.method.named_parameters()
        self.taken.append({key: p.grad.clone() for key, p in named if p.grad is not None and id(p) in stepped})

    def _averaged(self, tensors: list[Tensor]) -> list[Tensor]:
        if self.meeting is None:
            return tensors
        everybody = self.meeting.exchanged(self.rank, tensors)
        return [torch.stack(of_each).mean(dim=0) for of_each in zip(*everybody, strict=True)]

    def run_step(self) -> dict[str, Tensor]:
        train = self.method.train

        def training(mode: bool = True) -> Method:
            train(mode)
            for module in self.method.modules():
                if isinstance(module, nn.modules.batchnorm._NormBase | nn.modules.dropout._DropoutNd | DropPath):
                    module.eval()
            return self.method

        self.method.train = training  # type: ignore[method-assign]
        return super().run_step()


def _share(batch: Batch, rank: int) -> Batch:
    """Return a device's images: as many of every domain and label as the other's."""
    places = torch.arange(len(batch["label"]))
    half = PER_GROUP // DEVICES
    return some_of(batch, places[(places % PER_GROUP) // half == rank])


def _unlike(batch: Batch) -> Batch:
    """Return the images in float64, those of a group each of its own contrast: else two devices would see the same."""
    shade = torch.linspace(0.4, 1, PER_GROUP).double().repeat(len(batch["label"]) // PER_GROUP).view(-1, 1, 1, 1)
    views = [{name: image.double() * shade for name, image in view.items()} for view in batch["views"]]
    return {**batch, "views": views, "modalities": views[0]}


def gradients_of_one(method: Method, toy: Toy) -> list[Gradients]:
    """Return the gradients of every optimiser step of one iteration, on one device with the whole batch."""
    device = _Device(method.double(), toy, 0, None)
    device.run_step()
    return device.taken


def gradients_of_two(methods: Sequence[Method], toy: Toy) -> list[Gradients]:
    """Return the same of the first of two devices, each with half of the batch.

    Raises:
        Exception: what one of the devices raised.
    """
    meeting, errors = _Meeting(len(methods)), []
    devices = [_Device(method.double(), toy, rank, meeting) for rank, method in enumerate(methods)]

    def work(device: _Device) -> None:
        try:
            device.run_step()
        except BaseException as error:
            errors.append(error)
            meeting.barrier.abort()

    threads = [Thread(target=work, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    meeting.served(threads)
    if errors:
        raise next((error for error in errors if not isinstance(error, BrokenBarrierError)), errors[0])
    return devices[0].taken
