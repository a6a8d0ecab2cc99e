"""Rules of training: it learns, goes on as if it had never stopped, and is the same on two devices."""

from __future__ import annotations

import copy
import gc
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from fastrain.conformance.memory_context import MemoryContext
from fastrain.conformance.rule import Broken, Rule, require
from fastrain.conformance.toys import Toy, images, scored, unlabelled
from fastrain.conformance.two_devices import gradients_of_one, gradients_of_two
from fastrain.methods.base import Method
from fastrain.networks.checkpoint import Checkpoint
from fastrain.train.randomness import Generators
from fastrain.train.training_state import Progress, pack, unpack

STEPS = 20
FALLEN = 0.7  # of where it started: a loss that was learnt
LONG = 500


def _learns(toy: Toy) -> str:
    method = toy.tiny()
    context = toy.trained(method, 0)
    logs = [context.run_step() for _ in range(STEPS)]
    attached = sorted(name for log in logs for name, value in log.items() if value.requires_grad)
    require(not attached, f"the log's {', '.join(attached[:3])} holds a graph: detach it")
    losses = [name for name in logs[0] if name.rpartition("_")[2] not in toy.trial.rising]
    require(bool(losses), "training_step returns nothing for the log that has to fall")
    for name in losses:
        start, end = logs[0][name].item(), torch.stack([log[name] for log in logs[-3:]]).mean().item()
        require(end < FALLEN * start, f"{name} goes from {start:.3g} to {end:.3g} in {STEPS} steps")
    batch = toy.batch(seed=1)
    score = scored(method, batch)
    lowest, highest = score[batch["label"] == 1].min().item(), score[batch["label"] == 0].max().item()
    require(lowest > highest, f"a bona fide image scores {lowest:.3g}, an attack {highest:.3g}")
    return f"{losses[0]} {logs[0][losses[0]].item():.2g} to {logs[-1][losses[0]].item():.2g} in {STEPS} steps"


def _optimised(toy: Toy) -> str:
    method = toy.tiny()
    context = toy.trained(method, 1)
    names = {id(parameter): name for name, parameter in method.named_parameters()}
    groups = [group for spec in context.specs.values() for group in spec.optimizer.param_groups]
    optimised = [id(parameter) for group in groups for parameter in group["params"]]
    twice = sorted(names.get(key, "a stranger") for key in set(optimised) if optimised.count(key) > 1)
    require(not twice, f"{', '.join(twice[:3])} is in two groups of optimisers")
    strangers = [key for key in optimised if key not in names]
    require(not strangers, f"{len(strangers)} optimised tensors are no parameters of the method")
    learning = {id(parameter) for parameter in method.parameters() if parameter.requires_grad}
    left = sorted(names[key] for key in learning - set(optimised))
    require(not left, f"no optimiser has {', '.join(left[:3])}")
    off = sorted(names[key] for key in set(optimised) - learning)
    require(not off, f"a step leaves {', '.join(off[:3])} switched off")
    return f"{len(learning)} of {len(names)} tensors learn"


def _resumed(toy: Toy) -> str:
    """Compare four steps in one go with two, a checkpoint on disk, and two more of a new network."""
    straight = toy.tiny()
    _steps(_session(toy, straight, Generators.seeded(5)), 4)
    first, generators = toy.tiny(), Generators.seeded(5)
    context = _session(toy, first, generators)
    _steps(context, 2)
    progress = Progress(2, 0.0, None, {}, [generators.state()], {}, {})
    path = toy.folder / f"{toy.name}-resumed.safetensors"
    pack(first, context.specs, progress).write(path)
    second, again = toy.tiny(seed=9), Generators.seeded(6)
    going_on = _session(toy, second, again)
    stood = unpack(Checkpoint.read(path), second, going_on.specs)
    again.restore(stood.random[0])
    scored(second, unlabelled(toy.batch(seed=9)))  # scores taken in between must not matter
    going_on.iteration = stood.iteration
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch cannot know that the optimiser stepped before the stop
        _steps(going_on, 2)
    apart = [key for key, value in second.state_dict().items() if not torch.equal(value, straight.state_dict()[key])]
    require(not apart, f"{', '.join(apart[:3])} differs after a stop: some state is in no buffer or parameter")
    return "four steps, stopped after two"


def _session(toy: Toy, method: Method, generators: Generators) -> MemoryContext:
    views, side = max(2, method.views), toy.side_of_training(method)
    context = MemoryContext(
        method, lambda domains: images(domains, size=side, seed=context.iteration, views=views), steps_per_epoch=2
    )
    context.generator, context.python_random = generators.torch, generators.python
    return context


def _steps(context: MemoryContext, count: int) -> None:
    for _ in range(count):
        context.run_step()


def _half_precision(toy: Toy) -> str:
    # oneDNN leaves the gradient of a 3x3 kernel of stride 2 partly unwritten in bfloat16 where the image is one pixel.
    toy = toy.larger()
    method = toy.tiny()
    context = toy.trained(method, 0)
    with torch.autocast("cpu", torch.bfloat16):
        logs = [context.run_step() for _ in range(2)]
        score = scored(method, unlabelled(toy.batch()))
    wrong = sorted(name for log in logs for name, value in log.items() if not torch.isfinite(value).all())
    require(not wrong, f"{', '.join(wrong[:3])} is not finite")
    require(bool(torch.isfinite(score).all()), "a score is not finite")
    broken = [name for name, value in method.state_dict().items() if not torch.isfinite(value).all()]
    require(not broken, f"{', '.join(broken[:3])} is not finite after two steps")
    return "two steps and scores in bfloat16"


def _two_devices(toy: Toy) -> str:
    method = toy.tiny()
    single = gradients_of_one(copy.deepcopy(method), toy)
    double = gradients_of_two([copy.deepcopy(method), copy.deepcopy(method)], toy)
    require(len(single) == len(double), f"one device takes {len(single)} steps, two take {len(double)}")
    largest = max((gradient.abs().max().item() for step in single for gradient in step.values()), default=0.0)
    require(largest > 0, "no gradient at all")
    for number, (alone, shared) in enumerate(zip(single, double, strict=True), 1):
        require(alone.keys() == shared.keys(), "other parameters get a gradient on two devices")
        for key, gradient in alone.items():
            apart = (gradient - shared[key]).abs().max().item()
            if apart > 1e-9 * max(1.0, gradient.abs().max().item()):
                raise Broken(f"the gradient of {key} in step {number} differs by {apart:.2g}: does a loss mix images?")
    return f"{len(single)} optimiser steps in float64"


def _flat_memory(steps: int, settled: int) -> Callable[[Toy], str]:
    def tries(toy: Toy) -> str:
        method = toy.tiny()
        context = toy.trained(method, settled)
        before = _alive()
        for _ in range(steps - settled):
            context.run_step()
        context.drawn.clear()
        more = _alive() - before
        require(more <= 0, f"{more} tensors more are kept after {steps} steps than after {settled}")
        return f"{steps} steps keep no tensor"

    return tries


def _alive() -> int:
    gc.collect()
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


TRAINING_RULES = (
    Rule("learns", f"it learns a toy world in {STEPS} steps, and bona fide scores higher", _learns),
    Rule("optimised", "what learns is in an optimiser once, and a step leaves it switched on", _optimised),
    Rule("resume", "a stopped run goes on to the last bit", _resumed),
    Rule("two devices", "two devices give the gradients of one", _two_devices),
    Rule("bf16", "training and scores are finite in bfloat16", _half_precision),
    Rule("memory", "memory stays flat", _flat_memory(6, 2)),
    Rule("long memory", f"memory stays flat over {LONG} steps", _flat_memory(LONG, 20), quick=False),
)
