"""Checkpoints of the published MMDGFAS code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fastrain.imports.published import Published, tensors
from fastrain.methods.mmdgfas.reference_names import JOINED, from_reference, reordered, repeated

if TYPE_CHECKING:
    from torch import Tensor

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names (keys: `reference_names`, this method's README).

    It is a bare state dictionary, in which two streams have each other's names, every layer of a stream stands twice
    and three quarters of the numbers take no part in the output. Its authors decoded images with OpenCV and never
    swapped the channels, so it expects BGR. It was kept for the lowest ACER at a threshold of 0.5 on the target.

    Raises:
        UserError: it has another form, or holds two versions of a layer.
    """
    if not isinstance(content, Mapping) or not any(str(key).endswith("first_bn.weight") for key in content):
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of mmdgfas", expected="the state dictionary of its network", found=found[:120]
        )
    state: dict[str, Tensor] = {}
    theirs = tensors(content, "network state")
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
    return Published(state, {"color_order": "bgr"}, "target_oracle(acer, fixed 0.5, frame)")
