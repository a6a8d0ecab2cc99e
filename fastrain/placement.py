"""Putting a method where and how a run computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from fasdata.errors import UserError
from fastrain.config import TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.methods.base import Method


def place(method: Method, fabric: Fabric, config: TrainConfig, *, training: bool = True) -> None:
    """Move a method, in place, to the device of the run, in its precision and with what `config` asks for beside.

    What is for CUDA is only asked of a device that trains: scores can be had anywhere.

    Raises:
        UserError: synchronised batch norm or compilation is asked for and the device is not CUDA.
    """
    fabric.strategy.precision.convert_module(method)
    fabric.strategy.module_to_device(method)
    for wanted, what in ((config.sync_batch_norm, "sync_batch_norm"), (config.compile, "compile")):
        if wanted and training and fabric.device.type != "cuda":
            raise UserError(
                f"train.{what} is for CUDA", found=fabric.device.type, do=f"leave --set train.{what}=true out"
            )
    if config.channels_last:
        method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.sync_batch_norm and training:
        nn.SyncBatchNorm.convert_sync_batchnorm(method)
    if config.compile and training:
        compile_networks(method)


def compile_networks(method: nn.Module, backend: str = "inductor") -> None:
    """Let torch compile every network of a method; names and weights stay as they are."""
    import torch._functorch.config as functorch

    # Memory that one backward pass may give away cannot serve the next: some methods go back through a graph twice.
    functorch.donated_buffer = False
    for network in method.children():
        network.compile(backend=backend)
