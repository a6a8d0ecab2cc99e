"""Convert checkpoints of the published MMDG code, and translate state-dict keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fasdata.errors import UserError
from fastrain.config import TARGET_ORACLE
from fastrain.methods.mmdg.rebalancing import PUBLISHED_CLASSES
from fastrain.networks.foreign import Published, network_state, tensors

# The published network counts its modalities: 1 colour, 2 depth, 3 infrared; of an adapter's two digits the first is
# the receiver. Its transformer counts from 1, and its last norm is one block more.
MODALITIES = {"1": "rgb", "2": "depth", "3": "ir"}
_NUMBERS = {name: number for number, name in MODALITIES.items()}
_BLOCK = {
    "norm1": "ln_1",
    "attn.qkv": "self_attention.in_proj",
    "attn.proj": "self_attention.out_proj",
    "norm2": "ln_2",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.3",
}
_ADAPTER = {
    "down_own": "adapter_down_1",
    "down_source": "adapter_down_2",
    "query": "cross_attention.q_linear",
    "key": "cross_attention.k_linear",
    "value": "cross_attention.v_linear",
    "out": "cross_attention.proj",
    "norm": "ln_before",
    "convolution": "adapter_conv.conv",
    "up": "adapter_up",
}
_OLD = {"mlp.linear_1": "mlp.0", "mlp.linear_2": "mlp.3"}  # of torchvision before 0.12


def to_reference(key: str, blocks: int = 12) -> str:
    """Return the published name of one of our network's keys; `blocks` is the number of its blocks.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    kind = key.rpartition(".")[2]
    if part in ("class_tokens", "positions"):
        return ("class_token" if part == "class_tokens" else "pos_embedding") + _NUMBERS[rest]
    if part == "patches":
        return f"conv_proj{_NUMBERS[rest.partition('.')[0]]}.{kind}"
    if part in ("head", "norm"):
        return ("fc_all.0." if part == "head" else f"ViT_Encoder.{blocks + 1}.") + kind
    number, _, inner = (rest if part == "blocks" else rest.partition(".")[2]).partition(".")
    layer = inner.rpartition(".")[0]
    if part == "blocks":
        joint = "_" if layer == "attn.qkv" else "."
        return f"ViT_Encoder.{int(number) + 1}.{_BLOCK[layer]}{joint}{kind}"
    if part == "adapters":
        receiver, _, source = rest.partition(".")[0].partition("_from_")
        return f"adapter_{_NUMBERS[receiver]}_{_NUMBERS[source]}_2.{number}.{_ADAPTER[layer]}.{kind}"
    raise KeyError(key)


def from_reference(key: str, blocks: int = 12) -> str:
    """Return our name of a key of the published network.

    Raises:
        KeyError: the published network has no such part.
    """
    if match := re.fullmatch(r"(class_token|pos_embedding)([123])", key):
        return f"{'class_tokens' if match[1] == 'class_token' else 'positions'}.{MODALITIES[match[2]]}"
    if match := re.fullmatch(r"conv_proj([123])\.(weight|bias)", key):
        return f"patches.{MODALITIES[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"fc_all\.0\.(weight|bias)", key):
        return f"head.{match[1]}"
    if match := re.fullmatch(r"ViT_Encoder\.(\d{1,4})\.(weight|bias)", key):
        if int(match[1]) == blocks + 1:
            return f"norm.{match[2]}"
    elif match := re.fullmatch(r"ViT_Encoder\.([1-9]\d{0,3})\.(.+)[._](weight|bias)", key):
        layers = {theirs: ours for ours, theirs in _BLOCK.items()}
        return f"blocks.{int(match[1]) - 1}.{layers[_OLD.get(match[2], match[2])]}.{match[3]}"
    elif match := re.fullmatch(r"adapter_([123])_([123])_2\.(\d{1,4})\.(.+)\.(weight|bias)", key):
        layers = {theirs: ours for ours, theirs in _ADAPTER.items()}
        kind = f"{MODALITIES[match[1]]}_from_{MODALITIES[match[2]]}"
        return f"adapters.{kind}.{match[3]}.{layers[match[4]]}.{match[5]}"
    raise KeyError(key)


# -- Checkpoints ------------------------------------------------------------------------------------------------------

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names.

    It is a bare state dictionary (one inside a checkpoint is read too). Prototypes are not saved with it. It was kept
    for the lowest error of single frames at the target's own EER threshold.

    Raises:
        UserError: it has another form.
    """
    network, choice = network_state(content)
    if not isinstance(network, Mapping) or not any(str(key).endswith("pos_embedding1") for key in network):
        content_keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of mmdg", expected="the state dictionary of its network", found=content_keys[:120]
        )
    theirs = tensors(network, "network state")
    blocks = _blocks(theirs)
    state: dict[str, Tensor] = {}
    for key, value in theirs.items():
        try:
            name = f"network.{from_reference(key, blocks)}"
        except KeyError:
            raise UserError("the network state holds an entry that mmdg does not have", found=key) from None
        if name in state:
            raise UserError("the network state holds a layer under two names", found=key)
        state[name] = value
    positions = theirs.get("pos_embedding1")
    if positions is None or positions.ndim != 3:
        raise UserError("the network state lacks mmdg's positions", expected="pos_embedding1 of three axes")
    width = positions.shape[-1]
    state["prototypes"] = torch.zeros(len(MODALITIES), PUBLISHED_CLASSES, width)
    state["known"] = torch.zeros(PUBLISHED_CLASSES, dtype=torch.bool)
    model = {"pretrained": False}
    return Published(state, model, f"{TARGET_ORACLE}(eer, frame)", choice)


def _blocks(state: Mapping[str, Tensor]) -> int:
    """Return how many blocks the transformer of a state has: its last norm is numbered one more."""
    numbers = [int(match[1]) for key in state if (match := re.fullmatch(r"ViT_Encoder\.(\d{1,4})\.weight", key))]
    if len(numbers) != 1 or numbers[0] < 2:
        raise UserError("the network state lacks the last norm of mmdg's transformer", expected="ViT_Encoder.13.weight")
    return numbers[0] - 1
