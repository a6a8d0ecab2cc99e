"""The training steps of `on_gpu.py`: what a step costs in every way to compute it, and whether it learns alike."""

from __future__ import annotations

import copy
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from fasdata.faces.view import View
from fastrain.conformance.memory_context import MemoryContext
from fastrain.conformance.toys import images, some_of
from fastrain.methods.base import Batch, Method
from fastrain.methods.registry import METHODS, method_class, settings_class
from fastrain.networks.innermost import keep_channels_innermost
from fastrain.run.settings import layered, resolve
from fastrain.train.devices import compile_networks

DOMAINS = 3
# fp32 first: the others are compared with it. What has to be compiled comes last, since it takes minutes.
WAYS = ("fp32", "channels_last", "bf16", "bf16 channels_last", "bf16 channels_last compile")
MATRIX = {"full": 8192, "toy": 256}  # sides of the matrices whose product is the card's rate


@dataclass(frozen=True)
class Case:
    """A method at the size of its configuration, or at that of its check (`toy`), and a fixed batch for it."""

    name: str
    toy: bool
    device: str

    def method(self) -> Method:
        """Return a network of random weights, the same every time."""
        return copy.deepcopy(_built(self.name, self.toy, self.side)).to(self.device)

    @property
    def side(self) -> int:
        """The side of its view."""
        if self.toy:
            return settings_class(self.name).trial().size
        data = resolve(layered(self.name, None)).data
        return View.named(data.view or method_class(self.name).default_view, data.image_size).size

    def batches(self, method: Method) -> Callable[[Any], Batch]:
        """Return what draws a batch of some domains: of each the same images at every draw, all on the device."""
        data, crop = resolve(layered(self.name, None)).data, settings_class(self.name).trial().crop
        each = data.batch_per_group if data.sampler == "groups" else max(1, data.batch_items // (2 * DOMAINS))
        each = 2 if self.toy else each
        side = getattr(method.config, crop) if crop and hasattr(method, "config") else self.side
        whole = images(range(DOMAINS), per_group=each, size=int(side), views=max(2, method.views))
        whole["maps"] = {
            name: torch.ones(len(whole["label"]), 1, target.side, target.side)
            for name, target in method.pixel_targets.items()
        }
        return lambda domains: _drawn(whole, list(domains), self.device, method.views)


@cache
def _built(name: str, toy: bool, side: int) -> Method:
    kind, settings = method_class(name), settings_class(name)
    model = dict(settings.trial().tiny if toy else resolve(layered(name, None)).model)
    if "pretrained" in settings.model_fields:
        model["pretrained"] = False
    torch.manual_seed(0)
    return kind(settings(**model), n_domains=DOMAINS, image_size=side)


def _drawn(whole: Batch, domains: list[int], device: str, views: int) -> Batch:
    members = torch.cat([torch.nonzero(whole["domain"] == domain)[:, 0] for domain in domains])
    batch = some_of(whole, members)
    moved: Batch = {name: batch[name].to(device) for name in ("label", "domain", "group")}
    moved["views"] = [{name: view[name].to(device) for name in view} for view in batch["views"]]
    moved["available"] = {name: known.to(device) for name, known in batch["available"].items()}
    moved["maps"] = {name: planes[members].to(device) for name, planes in whole["maps"].items()}
    rest = {"modalities": moved["views"][0], "id": batch["id"]}
    return {**moved, **rest} if views > 1 else {**{k: v for k, v in moved.items() if k != "views"}, **rest}


# -- The card's own rate, which steps are shares of --------------------------------------------------------------------


def matrix_rates(device: str, side: int) -> dict[str, float]:
    """Return TFLOP/s of products of square matrices, in bf16 and in fp32 without TF32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    rates = {}
    for name, kind in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
        rates[name] = 2 * side**3 / 1e12 / _least(lambda a=a, b=b: a @ b, device, 20)  # type: ignore[misc]
    return rates


def _least(work: Callable[[], object], device: str, times: int) -> float:
    return min(seconds(work, device) for _ in range(times))


def seconds(work: Callable[[], object], device: str) -> float:
    """Return the seconds of the clock until the device is done."""
    _settle(device)
    started = time.perf_counter()
    work()
    _settle(device)
    return time.perf_counter() - started


def _settle(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


# -- A step in every way -----------------------------------------------------------------------------------------------


def steps(case: Case, ways: tuple[str, ...], repetitions: int, curve: int, rate: float) -> Iterator[dict[str, Any]]:
    """Yield the costs of a step of a method for each of `ways`, the first of which the others are compared with.

    `curve` steps are made on one batch; `rate` is the device's in bf16, TFLOP/s. A way that fails is told with why.
    """
    work, base = _operations(case), None
    for way in ways:
        try:
            measured = _way(case, way, repetitions, curve)
        except Exception as error:  # a way that a method or this torch cannot do stops no other
            yield {
                "method": case.name,
                "way": way,
                "failed": " ".join(f"{type(error).__name__}: {error}".split())[:200],
            }
            continue
        losses = measured.pop("losses")
        base = base or (measured["milliseconds"], losses)
        yield {
            "method": case.name, "way": way, "side": case.side, **measured, "gigaflop": work / 1e9,
            "share_of_bf16_rate": work / (measured["milliseconds"] / 1e3) / (rate * 1e12),
            "of_fp32": measured["milliseconds"] / base[0],
            **compared(base[1], losses),
        }  # fmt: skip


def _way(case: Case, way: str, repetitions: int, curve: int) -> dict[str, Any]:
    method = case.method()
    if "channels_last" in way:
        keep_channels_innermost(method)
    if "compile" in way:
        compile_networks(method)
    context = MemoryContext(method, case.batches(method))
    if case.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    losses = [_step(context, case, way) for _ in range(max(1, curve))]
    taken = [seconds(lambda: _step(context, case, way), case.device) for _ in range(repetitions)]
    peak = torch.cuda.max_memory_allocated() / 2**20 if case.device != "cpu" else None
    return {
        "milliseconds": 1e3 * median(taken), "peak_mib": peak,
        "losses": [{name: float(value) for name, value in step.items()} for step in losses],
    }  # fmt: skip


def _step(context: MemoryContext, case: Case, way: str) -> dict[str, torch.Tensor]:
    for parameter in context.method.parameters():
        parameter.grad = None
    around: AbstractContextManager[object] = nullcontext()
    if "bf16" in way:
        around = torch.autocast(torch.device(case.device).type, torch.bfloat16)
    with around:
        return context.run_step()


def _operations(case: Case) -> int:
    """Return the floating-point operations of one step, counted by torch where it computes them."""
    context = MemoryContext(method := case.method(), case.batches(method))
    with FlopCounterMode(display=False) as counter:
        _step(context, case, "fp32")
    return int(counter.get_total_flops())


def compared(base: list[dict[str, float]], other: list[dict[str, float]]) -> dict[str, Any]:
    """Return how far a curve of losses is from another: of each term its mean over the last third, and the worst.

    Distances are shares of the term's first value, so that a loss that falls to nothing does not count as far off.
    """
    last = max(1, len(base) // 3)
    gaps, ends = {}, {}
    for name, first in base[0].items():
        of_term = [max(abs(first), 1e-6), *(abs(a[name] - b[name]) for a, b in zip(base, other, strict=True))]
        gaps[name] = max(of_term[1:]) / of_term[0] if all(map(math.isfinite, of_term)) else math.inf
        ends[name] = [_as_json(sum(step[name] for step in curve[-last:]) / last) for curve in (base, other)]
    farthest = max(gaps, key=lambda name: gaps[name])
    return {"loss_ends": ends, "loss_gap": _as_json(gaps[farthest]), "loss_gap_of": farthest}


def _as_json(number: float) -> float | str:
    return number if math.isfinite(number) else "not finite"


# -- Two processes on one device ---------------------------------------------------------------------------------------


def processes(name: str, toy: bool, device: str, span: float) -> dict[str, Any]:
    """Return steps a second of one process, and of two at once, channels last, on a card in bf16."""
    # A process that has opened a card cannot be forked.
    kind = multiprocessing.get_context("fork" if device == "cpu" else "spawn")
    pipes, started = [], []
    try:
        for _ in range(2):
            ours, theirs = kind.Pipe()
            process = kind.Process(target=_step_on_demand, args=(theirs, Case(name, toy, device), span), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            started.append(process)
        for pipe in pipes:  # all are ready before any begins
            pipe.recv()
        alone, both = _rates(pipes[:1]), _rates(pipes)
    finally:
        for process in started:
            process.kill()
            process.join()
    return {"method": name, "alone": alone[0], "each_of_two": both, "two_over_one": sum(both) / alone[0]}


def _rates(pipes: list[Connection]) -> list[float]:
    for pipe in pipes:
        pipe.send("go")
    return [pipe.recv() for pipe in pipes]


def _step_on_demand(pipe: Connection, case: Case, span: float) -> None:
    torch.set_num_threads(1)
    method = case.method()
    keep_channels_innermost(method)
    context = MemoryContext(method, case.batches(method))
    way = "fp32" if case.device == "cpu" else "bf16"
    for _ in range(2):
        _step(context, case, way)
    pipe.send("ready")
    while pipe.recv():
        _settle(case.device)
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < span:
            _step(context, case, way)
            _settle(case.device)
            count += 1
        pipe.send(count / (time.perf_counter() - started))


ALL_METHODS = tuple(METHODS)
