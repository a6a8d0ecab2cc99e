"""Open the devices of a run, put a method on them, and gather what they hold."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.config import TrainConfig
from fastrain.lean_imports import unseen
from fastrain.networks.innermost import keep_channels_innermost

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.methods.base import Method


# -- Opening the devices of a run through Lightning Fabric, quietly ---------------------------------------------------


ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")
PRECISIONS = ("32-true", "64-true", "bf16-true", "16-true", "bf16-mixed", "16-mixed")


def open_devices(accelerator: str, devices: str, precision: str, threads: int | None = None) -> Fabric:
    """Return a launched Fabric: from here on the code runs once a device.

    `devices` is a number, a list of numbers ("0,2") or "auto". Without `threads` torch decides, which respects
    `OMP_NUM_THREADS`.

    Raises:
        UserError: the machine does not have what is asked for.
    """
    import torch

    with unseen("torchmetrics"):
        from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)  # after the import, which sets it to talk
    warnings.filterwarnings("ignore", module="lightning_fabric")
    if threads:
        torch.set_num_threads(threads)
    try:
        fabric = Fabric(accelerator=accelerator, devices=_devices(devices), precision=precision)  # type: ignore[arg-type]
        fabric.launch()
        _try_precision(fabric)
    except (ValueError, RuntimeError, TypeError, ImportError) as error:
        raise UserError(
            f"cannot use accelerator {accelerator!r} with devices {devices!r} and precision {precision!r}",
            found=" ".join(str(error).split()),
            do="--accelerator cpu --devices 1 --precision 32-true works everywhere",
        ) from error
    return fabric


def _try_precision(fabric: Fabric) -> None:
    """Compute a little, forward and backward, in the precision of the run: what a device cannot do it says itself."""
    with torch.random.fork_rng(devices=[]):
        probe = nn.Conv2d(1, 1, 3)
    fabric.strategy.precision.convert_module(probe)
    fabric.strategy.module_to_device(probe)
    with fabric.autocast():
        probe(torch.ones(1, 1, 4, 4, device=fabric.device, dtype=probe.weight.dtype)).float().sum().backward()


def share_state(fabric: Fabric, module: torch.nn.Module, *, parameters: bool) -> None:
    """Give every device the buffers (and parameters) of the first one: batch norm statistics differ between devices."""
    if fabric.world_size == 1:
        return
    import torch.distributed as dist

    for tensor in [*(module.parameters() if parameters else ()), *module.buffers()]:
        dist.broadcast(tensor.data, src=0)


def average_gradients(fabric: Fabric, parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace gradients by their mean over the devices: the gradient of the whole batch, for losses that are means."""
    average(fabric, [parameter.grad for parameter in parameters if parameter.grad is not None])


def average(fabric: Fabric, gradients: Sequence[torch.Tensor]) -> None:
    """Replace each tensor by its mean over the devices, all in one exchange."""
    if fabric.world_size == 1 or not gradients:
        return
    import torch
    import torch.distributed as dist

    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= fabric.world_size
    for gradient, piece in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(piece.view_as(gradient))


def gather(fabric: Fabric, value: Any) -> list[Any]:
    """Return the `value` of every device, in the order of the devices."""
    if fabric.world_size == 1:
        return [value]
    import torch.distributed as dist

    gathered: list[Any] = [None] * fabric.world_size
    dist.all_gather_object(gathered, value)
    return gathered


def peak_memory(fabric: Fabric) -> int:
    """Return the most bytes that were taken at a time: of the CUDA device of this process, else of the process."""
    import resource

    import torch

    if fabric.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(fabric.device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _devices(text: str) -> Any:
    if text == "auto":
        return "auto"
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"cannot read --devices {text!r}", expected="a number, a list like 0,2 or auto") from None
    return numbers if "," in text else numbers[0]


# -- The rows of all devices as one tensor that gradients flow through ------------------------------------------------


class GatherRows(torch.autograd.Function):
    """Concatenate the rows of all processes; each needs the same number of rows.

    Every process is expected to compute the same loss of what is gathered. The gradient of a process's own rows is then
    that loss's, times the number of processes, so that the average of the parameters' gradients is the loss's own.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:  # type: ignore[override]
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        world = dist.get_world_size()
        return gradient.chunk(world)[dist.get_rank()] * world


# -- Putting a method where and how a run computes --------------------------------------------------------------------


def place(method: Method, fabric: Fabric, config: TrainConfig, *, training: bool = True) -> None:
    """Move a method to the run's device, in the run's precision, and apply what `config` asks for.

    What is for CUDA is only asked of a device that trains: scores can be had anywhere.

    Raises:
        UserError: as `require_cuda`.
    """
    require_cuda(fabric, config, training=training)
    fabric.strategy.precision.convert_module(method)
    fabric.strategy.module_to_device(method)
    wanted = config.channels_last
    if fabric.device.type == "cpu" and _mostly_convolutions(method) if wanted is None else wanted:
        keep_channels_innermost(method)
    if config.sync_batch_norm and training:
        nn.SyncBatchNorm.convert_sync_batchnorm(method)
    if config.compile and training:
        compile_networks(method)


def _mostly_convolutions(method: Method) -> bool:
    sizes = {True: 0, False: 0}
    for weight in method.parameters():
        sizes[weight.ndim == 4] += weight.numel()
    return sizes[True] > sizes[False]


def require_cuda(fabric: Fabric, config: TrainConfig, *, training: bool) -> None:
    """Check that a device that trains is CUDA where `config` asks for what is for CUDA alone.

    Raises:
        UserError: synchronised batch norm or compilation is asked for and the device is another.
    """
    for wanted, what in ((config.sync_batch_norm, "sync_batch_norm"), (config.compile, "compile")):
        if wanted and training and fabric.device.type != "cuda":
            raise UserError(
                f"train.{what} is for CUDA", found=fabric.device.type, do=f"leave --set train.{what}=true out"
            )


def compile_networks(method: nn.Module, backend: str = "inductor") -> None:
    """Compile every network of a method with torch; names and weights stay as they are."""
    import torch._functorch.config as functorch

    # Memory that one backward pass may give away cannot serve the next: some methods go back through a graph twice.
    functorch.donated_buffer = False
    for network in method.children():
        network.compile(backend=backend)
