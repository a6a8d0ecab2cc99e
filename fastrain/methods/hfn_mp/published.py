"""Convert checkpoints of the published HFN_MP code, and translate state-dict keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasdata.errors import UserError
from fastrain.config import TARGET_ORACLE
from fastrain.networks.foreign import Published, json_values, tensors

# Keys of the fusion network; those of the extractor are the same in both.
_STREAMS = {"rgb": "fpn.fpn_rgb", "texture": "fpn.fpn_tex"}
_HEADS = {"map_head": "pred_head_0", "class_head": "cls_heads"}
# A stream's layers outside its trunk; the published names put the trunk's layers among them.
_AROUND_TRUNK = {"conv6", "conv7", "latlayer1", "latlayer2", "latlayer3", "toplayer1", "toplayer2"}


def to_reference(key: str) -> str:
    """Return the published name of one of our fusion network's keys.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part in _HEADS:
        return f"{_HEADS[part]}.{rest}"
    return f"{_STREAMS[part]}.{rest.removeprefix('trunk.')}"


def from_reference(key: str) -> str:
    """Return our name of a key of the published fusion network; the inverse of `to_reference`.

    Raises:
        KeyError: the published network has no such part.
    """
    for ours, theirs in _HEADS.items():
        if key.startswith(theirs + "."):
            return ours + key.removeprefix(theirs)
    for ours, theirs in _STREAMS.items():
        if key.startswith(theirs + "."):
            rest = key.removeprefix(theirs + ".")
            return f"{ours}.{rest}" if rest.split(".")[0] in _AROUND_TRUNK else f"{ours}.trunk.{rest}"
    raise KeyError(key)


# -- Checkpoints ------------------------------------------------------------------------------------------------------

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names.

    Its authors decoded images with OpenCV and never swapped the channels, so it expects BGR. It was kept for the
    lowest frame-level min-HTER on the target's own test data.

    Raises:
        UserError: it has another form.
    """
    states = content.get("model_state") if isinstance(content, Mapping) else None
    if not isinstance(states, list | tuple) or len(states) != 2:
        content_keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of hfn_mp",
            expected="model_state with two states, of the extractor and of the fusion network",
            found=content_keys[:120],
        )
    extractor, network = tensors(states[0], "extractor state"), tensors(states[1], "network state")
    state = {f"extractor.{key}": value for key, value in extractor.items()}
    for key, value in network.items():
        try:
            state[f"hfn.{from_reference(key)}"] = value
        except KeyError:
            raise UserError("the network state holds an entry that hfn_mp does not have", found=key) from None
    model = {"color_order": "bgr", "pretrained": False, "replicate_buffers": True}
    about = {name: json_values(content.get(name)) for name in ("epoch", "global_step", "val_metrics")}
    return Published(state, model, f"{TARGET_ORACLE}(min_hter, frame)", about)
