"""Translate torchvision's names of a network's layers into timm's, for the families where the networks are one.

Each family is tested by its outputs (`tests/fastrain/networks/test_networks_torchvision_names.py`). Not here are
networks that differ by more than names: MobileNetV3 (its normalisation), EfficientNetV2 (its padding), RegNet, Swin
and MaxViT (the order of their layers). ResNet and DenseNet have the same names in both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# timm's names begin so, and the two list the same layers in one order; the first entry of torchvision's file.
IN_ORDER = {
    "mobilenetv2_": "features.0.0.weight",
    "efficientnet_b": "features.0.0.weight",
    "mnasnet_": "layers.0.weight",
    "convnext_": "features.0.0.weight",
}

_VIT = (
    (re.compile(r"^class_token$"), "cls_token"),
    (re.compile(r"^encoder\.pos_embedding$"), "pos_embed"),
    (re.compile(r"^conv_proj\."), "patch_embed.proj."),
    (re.compile(r"^encoder\.ln\."), "norm."),
    (re.compile(r"^heads\.head\."), "head."),
    (re.compile(r"^encoder\.layers\.encoder_layer_(\d+)\.ln_([12])\."), r"blocks.\1.norm\2."),
    (re.compile(r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_"), r"blocks.\1.attn.qkv."),
    (re.compile(r"^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\."), r"blocks.\1.attn.proj."),
    (re.compile(r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:linear_1|0)\."), r"blocks.\1.mlp.fc1."),
    (re.compile(r"^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:linear_2|3)\."), r"blocks.\1.mlp.fc2."),
)


def from_torchvision(state: Mapping[str, Tensor], trunk: str, complete: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a torchvision network under the names of the timm model `trunk`, {} where it is none.

    `complete` are the entries of that model with its classifier, of which shapes and order alone matter.
    """
    if trunk.startswith("vit_") and "encoder.pos_embedding" in state:
        return {_vit_name(name): tensor for name, tensor in state.items()}
    first = next((first for family, first in IN_ORDER.items() if trunk.startswith(family)), "")
    theirs = [name for name in state if not name.endswith("num_batches_tracked")]
    ours = [name for name in complete if not name.endswith("num_batches_tracked")]
    if not theirs or theirs[0] != first or len(theirs) != len(ours):
        return {}
    pairs = list(zip(theirs, ours, strict=True))
    if any(not _alike(a, b) or state[a].numel() != complete[b].numel() for a, b in pairs):
        return {}
    # A layer scale has more axes of length 1 in torchvision.
    return {b: state[a].reshape(complete[b].shape) for a, b in pairs}


def _vit_name(name: str) -> str:
    for pattern, ours in _VIT:
        name = pattern.sub(ours, name)
    return name


def _alike(theirs: str, ours: str) -> bool:
    """Tell whether the last parts of two names mean the same kind of tensor."""
    kinds = theirs.rpartition(".")[2], ours.rpartition(".")[2]
    return kinds[0] == kinds[1] or kinds == ("layer_scale", "gamma")
