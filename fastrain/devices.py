"""Opening the devices of a run through Lightning Fabric, quietly."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric

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
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)  # after the import, which sets it to talk
    warnings.filterwarnings("ignore", module="lightning_fabric")
    if threads:
        torch.set_num_threads(threads)
    try:
        fabric = Fabric(accelerator=accelerator, devices=_devices(devices), precision=precision)  # type: ignore[arg-type]
        fabric.launch()
    except (ValueError, RuntimeError, TypeError, ImportError) as error:
        raise UserError(
            f"cannot use accelerator {accelerator!r} with devices {devices!r} and precision {precision!r}",
            found=" ".join(str(error).split()),
            do="--accelerator cpu --devices 1 --precision 32-true works everywhere",
        ) from error
    return fabric


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


def _devices(text: str) -> Any:
    if text == "auto":
        return "auto"
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"cannot read --devices {text!r}", expected="a number, a list like 0,2 or auto") from None
    return numbers if "," in text else numbers[0]
