"""Convert checkpoints of the published MMDGFAS code, and translate state-dict keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.config import TARGET_ORACLE
from fastrain.networks.foreign import Published, network_state, tensors

# The published network is given [colour, depth, infrared] and calls the first `depth` and the second `color`.
MODULES = {"rgb": "depth", "depth": "color", "ir": "ir"}
_STREAMS = {theirs: ours for ours, theirs in MODULES.items()}
# Ours on the left; the published modality head has its pooling and flattening among its numbers.
_JOINT = {
    "squeeze.0": "bottleneck.0",
    "squeeze.1": "bottleneck.1",
    "joint.0": "res_0",
    "joint.1": "res_1",
    "head.1": "fc.1",
    "head.3": "fc.3",
    "modality_head.1": "bottleneckAndfc.3",
    "modality_head.3": "bottleneckAndfc.5",
}
JOINED = "squeeze.0.weight"  # its columns are the modalities, in the published order or in ours

_STREAM_KEY = re.compile(r"(color|depth|ir)_module\.(first_bn|encoder\.layer[012])\.(.+)")
# Not used by the output: two more layers and two classifiers a stream, and a second name of every layer.
_IDLE_KEY = re.compile(r"(color|depth|ir)_module\.(conv[1-5]|encoder\.(layer[34]|last_linear)|last_linear|fc)\..+")


def to_reference(key: str) -> str:
    """Return the published name of one of our network's keys.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part in ("streams", "reweighting"):
        modality, _, inner = rest.partition(".")
        if part == "reweighting":
            return f"{MODULES[modality]}_SE.{inner}"
        return f"{MODULES[modality]}_module.{'' if inner.startswith('first_bn') else 'encoder.'}{inner}"
    for ours, theirs in _JOINT.items():
        if key.startswith(ours + "."):
            return theirs + key.removeprefix(ours)
    raise KeyError(key)


def from_reference(key: str) -> str | None:
    """Return our name of a key of the published network; None for a key that its output does not depend on.

    Raises:
        KeyError: the published network has no such part.
    """
    if _IDLE_KEY.fullmatch(key):
        return None
    if match := _STREAM_KEY.fullmatch(key):
        return f"streams.{_STREAMS[match[1]]}.{match[2].removeprefix('encoder.')}.{match[3]}"
    if match := re.fullmatch(r"(color|depth|ir)_SE\.(.+)", key):
        return f"reweighting.{_STREAMS[match[1]]}.{match[2]}"
    for ours, theirs in _JOINT.items():
        if key.startswith(theirs + "."):
            return ours + key.removeprefix(theirs)
    raise KeyError(key)


def repeated(key: str) -> str | None:
    """Return the published key that names the same tensor as this second one; None for a key that is no second one."""
    match = re.fullmatch(r"((?:color|depth|ir)_module)\.conv([1-5])\.(.+)", key)
    return f"{match[1]}.encoder.layer{int(match[2]) - 1}.{match[3]}" if match else None


def reordered(weight: Tensor) -> Tensor:
    """Return the weight `JOINED` (O,3C,1,1) with the first two modalities exchanged.

    The published network joins depth, colour, infrared; ours colour, depth, infrared. Another network's weight is
    returned as it is.
    """
    if weight.ndim != 4 or weight.shape[1] % 3:
        return weight
    first, second, third = weight.chunk(3, dim=1)
    return torch.cat([second, first, third], dim=1)


# -- Checkpoints ------------------------------------------------------------------------------------------------------

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names.

    It is a bare state dictionary (one inside a checkpoint is read too), in which two streams have each other's
    names, every layer of a stream is saved twice and three quarters of the numbers do not affect the output. Its
    authors decoded images with OpenCV and never swapped the channels, so it expects BGR. It was kept for the lowest
    ACER at a threshold of 0.5 on the target.

    Raises:
        UserError: it has another form, or holds two versions of a layer.
    """
    network, choice = network_state(content)
    if not isinstance(network, Mapping) or not any(str(key).endswith("first_bn.weight") for key in network):
        content_keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of mmdgfas", expected="the state dictionary of its network", found=content_keys[:120]
        )
    state: dict[str, Tensor] = {}
    theirs = tensors(network, "network state")
    for key, value in theirs.items():
        twin = repeated(key)
        if twin in theirs and not theirs[twin].equal(value):
            raise UserError(f"the state holds {key} and {twin}, which are one layer", found="different numbers")
        try:
            name = from_reference(key)
        except KeyError:
            raise UserError("the network state holds an entry that mmdgfas does not have", found=key) from None
        if name:
            state[f"network.{name}"] = reordered(value) if name == JOINED else value
    return Published(state, {"color_order": "bgr"}, f"{TARGET_ORACLE}(acer, fixed 0.5, frame)", choice)
