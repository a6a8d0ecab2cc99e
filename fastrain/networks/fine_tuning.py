"""Which part of a pretrained trunk learns, and how fast: fixed trunks, their last blocks, rates by depth.

What counts as a block is what timm's `group_matcher` of the model says: the blocks of a transformer (its last norm goes
with the last of them), the residual blocks of a ResNet, those of a ConvNeXt and its last norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from fasdata.errors import UserError
from fastrain.networks.weights import WeightFile, WeightsOfFile


def blocks_of(trunk: Any) -> dict[str, int]:
    """Return for each parameter of a timm trunk the number of its block, from 0, the stem, to the last.

    Raises:
        UserError: timm does not say what the blocks of this model are.
    """
    from timm.models import group_parameters

    matcher = getattr(trunk, "group_matcher", None)
    if matcher is None:
        raise UserError(f"timm does not say what the blocks of a {type(trunk).__name__} are", do="another trunk")
    return dict(group_parameters(trunk, matcher(coarse=False), reverse=True))


def fix(trunk: nn.Module, last_blocks: int = 0) -> None:
    """Let nothing of a trunk learn but its last blocks.

    Raises:
        UserError: it has no more blocks than these, beside its stem.
    """
    trunk.requires_grad_(False)
    if not last_blocks:
        return
    numbers = blocks_of(trunk)
    count = max(numbers.values())  # the stem is none
    if last_blocks > count:
        raise UserError("last_blocks", expected=f"at most {count}, the blocks of this trunk", found=str(last_blocks))
    for name, parameter in trunk.named_parameters():
        parameter.requires_grad_(numbers[name] > count - last_blocks)


def learns(module: nn.Module) -> bool:
    """Tell whether any parameter of a module learns."""
    return any(parameter.requires_grad for parameter in module.parameters())


def hold_still(trunk: nn.Module) -> None:
    """Put what does not learn into eval mode: a trunk without anything that learns, else its fixed batch norms.

    So the statistics of fixed layers stay, and dropped paths and dropout remain at work where something learns.
    """
    if not learns(trunk):
        trunk.eval()
        return
    for module in trunk.modules():
        if isinstance(module, _NormBase) and not learns(module):
            module.eval()


def rates_by_depth(trunk: nn.Module, lr: float, decay: float) -> list[dict[str, Any]]:
    """Return the parameter groups of what learns in a timm trunk, a block each, with their learning rates.

    The last block has `decay` times `lr`, which is the rate of what stands on the trunk, every block before it `decay`
    times that of the next, as fine-tuning of BEiT does (Bao et al., ICLR 2022, appendix).
    """
    from timm.optim import param_groups_layer_decay

    groups = param_groups_layer_decay(trunk, layer_decay=decay, weight_decay_exclude_1d=False)
    return [{"params": group["params"], "lr": lr * decay * group["lr_scale"]} for group in groups]


def fixed_entries(trunk: nn.Module, read: WeightsOfFile | None) -> dict[str, WeightFile]:
    """Return the entries of a trunk's state that never change and are, number by number, those of the file it read.

    What was made of a file's entries, such as positions resampled for another image size, is not among them.
    """
    if read is None:
        return {}
    names = [name for name, _ in _unchanging(trunk).items() if name in read.tensors]
    state = trunk.state_dict()
    same = [name for name in names if _equal(state[name], read.tensors[name])]
    return dict.fromkeys(same, read.file) if same else {}


def _unchanging(trunk: nn.Module) -> Mapping[str, Tensor]:
    still = {name: parameter for name, parameter in trunk.named_parameters() if not parameter.requires_grad}
    held = not learns(trunk)
    for place, module in trunk.named_modules():
        if held or (isinstance(module, _NormBase) and not learns(module)):
            prefix = f"{place}." if place else ""
            still |= {prefix + name: buffer for name, buffer in module.named_buffers(recurse=False)}
    return still


def _equal(own: Tensor, of_file: Tensor) -> bool:
    return own.shape == of_file.shape and torch.equal(own.cpu(), of_file.to(own.dtype))
