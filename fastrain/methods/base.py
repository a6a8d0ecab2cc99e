"""The interface between methods and the engine: batches, optimisers, the context of a step, `Method`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fasdata.errors import UserError
from fastrain.methods.settings import MethodSettings
from fastrain.networks.weights import WeightFile
from fastrain.pixel_targets import PixelTarget

# Keys: `modalities` {name: float32 (B,C,S,S) in [0,1], RGB order}, `label` (B,) int64 with 1 = bona fide,
# `domain` (B,) int64, `group` (B,) int64 = 2 * domain + label, `id` list[str], `available` {name: bool (B,)}: an image
# that a sample does not have, or that the protocol takes away, is zero. Batches to be scored also have `part`, the part
# of the protocol that they are from (val or test). Training batches of a method with `views` > 1 also have `views`, a
# list of that many `modalities`: augmentations of the same images, the first being `modalities`. Training batches of a
# method with `pixel_targets` also have `maps`, {name: float32 (B,1,side,side) in [0,1]}.
Batch: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class OptimSpec:
    """One named optimiser with its schedule; the engine steps the schedule after every epoch or every iteration."""

    optimizer: Optimizer
    scheduler: LRScheduler | None = None
    every: Literal["epoch", "iteration"] = "epoch"


class StepContext(Protocol):
    """What the engine offers to a training step."""

    generator: Generator
    """CPU generator of this run; saved and restored with it."""
    python_random: random.Random
    """For draws that must match Python's own shuffle; saved and restored with the run."""
    iteration: int
    """1-based number of the training step that runs now."""
    epoch: int
    """1-based."""
    steps_per_epoch: int
    """Iterations that make an epoch, by the setting of `train`; however many images an iteration draws."""
    n_domains: int
    devices: int
    """How many train together, each on its own images; gradients are averaged over them before an optimiser steps."""

    def backward(self, loss: Tensor) -> None:
        """Backpropagate `loss` at the precision of the run."""

    def gradients(self, loss: Tensor, parameters: Sequence[nn.Parameter], *, keep_graph: bool = False) -> list[Tensor]:
        """Return the gradient of `loss` for each parameter, averaged over the devices; zeros where it does not matter.

        Gradients that `backward` accumulated stay as they are. With `keep_graph` the loss's graph can be used again.
        """

    def gathered(self, tensor: Tensor) -> Tensor:
        """Return the rows of all devices, one device after the other; each has to have the same number.

        A loss of gathered rows is the same on every device, and the average of its gradients is that of one device
        with all the rows.
        """

    def step(self, name: str) -> None:
        """Step the optimiser that `configure` called `name`, with the gradients of its parameters averaged.

        Those of no other optimiser are averaged or stepped.
        """

    def zero_grad(self, name: str) -> None:
        """Drop the gradients of the parameters of the optimiser `name`.

        A loss that goes through the parameters of another optimiser leaves gradients on them too. They stay there, and
        add to what comes, until a `zero_grad` of that optimiser: call it before the `backward` that its step is of.
        """

    def set_trainable(self, group: nn.Module | Iterable[nn.Parameter], on: bool) -> None:
        """Switch `requires_grad` of a module's or a list's parameters; gradients already there are left alone."""

    def draw(self, domains: Sequence[int]) -> Batch:
        """Return the next images of `domains`: for each, in the given order, k bona fide then k attacks.

        Every call goes on where the last one of that domain ended: two of an iteration give other images each, and a
        domain that is not named loses none. k is `data.batch_per_group`.
        """


class Method(nn.Module):
    """A face anti-spoofing network with its way to train and score.

    A method owns its forward, backward and optimiser steps; the engine owns data, devices, checkpoints, logs, and
    puts the method in train mode before a training step and in eval mode, without gradients, before scoring.
    """

    name: ClassVar[str]
    Config: ClassVar[type[MethodSettings]]
    """The method's own settings, validated by pydantic; unknown keys are refused."""
    default_view: ClassVar[str]
    """Name of the face view that the method is trained on unless the run says otherwise."""
    draws_own_batches: ClassVar[bool] = False
    """True when `training_step` calls `ctx.draw` itself; its `batch` is then None, and an iteration is one call of
    `training_step`, however often that draws."""
    views: ClassVar[int] = 1
    """How many augmentations of every training image a batch holds."""
    first_of_epoch: ClassVar[int] = 0
    """Which iteration of every `steps_per_epoch` opens an epoch: 0 = the last of them, as HFN_MP's published code
    counts (so that the first epoch is one iteration short); 1 = the first, so that every epoch is whole."""

    def __init__(self, config: MethodSettings, *, n_domains: int, image_size: int) -> None:
        super().__init__()
        self.n_domains = n_domains
        self.image_size = image_size
        self.modalities: tuple[str, ...] = ("rgb",)
        """What its batches hold, in the order of `Batch`; a method that uses more than rgb sets it."""
        self.pixel_targets: dict[str, PixelTarget] = {}
        """The maps that its training batches hold, by their names in `maps`; a method that learns from some sets it.
        Such a method sees one view of each image."""
        self.fixed: dict[str, WeightFile] = {}
        """Entries of its state that never change, each with the file of weights that holds the very same numbers.
        Checkpoints name these files in place of the entries."""

    def configure(self) -> dict[str, OptimSpec]:
        """Return the optimisers by the name that `training_step` uses for them."""
        raise NotImplementedError

    def training_step(self, batch: Batch | None, ctx: StepContext) -> dict[str, Tensor]:
        """Do one iteration in full and return detached scalars for the log.

        `fastrain methods check` wants every one of them below 0.7 of its first value after 20 steps; a term that need
        not fall, such as the loss of a critic that is learned against, is named in `rising` of the settings' `trial`.
        """
        raise NotImplementedError

    def predict(self, batch: Batch) -> Tensor:
        """Return (B,) scores, higher = bona fide; reads no label, and no score depends on its batch mates."""
        raise NotImplementedError

    def predict_parts(self, batch: Batch) -> dict[str, Tensor]:
        """Return further named (B,) scores, each a column of the score file; none by default."""
        return {}

    def scores(self, batch: Batch) -> dict[str, Tensor]:
        """Return `score` and every named part; a method that computes them in one forward pass overrides this."""
        return {"score": self.predict(batch), **self.predict_parts(batch)}

    def for_deployment(self) -> Method:
        """Return what a bundle holds: it scores as this method does, from `modalities` and `available` alone.

        Raises:
            UserError: a score depends on more than its own images.
        """
        return self

    def log_odds(self, batch: Batch) -> Tensor:
        """Return (B,) log odds of bona fide, with gradients: what the classification loss at evaluation is of.

        That loss is the binary cross entropy of these numbers, with the scale that the method trains with. By default
        they are those of the score, held within 1e-7 of 0 and 1; a method that has logits overrides this.

        Raises:
            UserError: a score is no probability.
        """
        score = self.predict(batch)
        if bool(((score < 0) | (score > 1)).any()):
            raise UserError(
                f"the scores of {self.name} are no probabilities, so that their cross entropy is not defined",
                expected="scores in [0, 1]",
                found=f"{score.min().item():g} to {score.max().item():g}",
                do="give its method a log_odds of its own",
            )
        half = score.dtype in (torch.bfloat16, torch.float16)  # they have no number so close to 1
        return torch.logit(score.float() if half else score, eps=1e-7)

    def on_epoch_start(self, ctx: StepContext) -> None:
        """Do what is due before the first iteration of every epoch; nothing by default."""
