"""Checkpoints of the published HFN_MP code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasdata.errors import UserError
from fastrain.imports.published import Published, plain, tensors
from fastrain.methods.hfn_mp.reference_names import from_reference

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names (keys: `reference_names`, this method's README).

    Its authors decoded images with OpenCV and never swapped the channels, so it expects BGR. It was kept for the
    lowest frame-level min-HTER on the target's own test data.

    Raises:
        UserError: it has another form.
    """
    states = content.get("model_state") if isinstance(content, Mapping) else None
    if not isinstance(states, list | tuple) or len(states) != 2:
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of hfn_mp",
            expected="model_state with two states, of the extractor and of the fusion network",
            found=found[:120],
        )
    extractor, network = tensors(states[0], "extractor state"), tensors(states[1], "network state")
    state = {f"extractor.{key}": value for key, value in extractor.items()}
    for key, value in network.items():
        try:
            state[f"hfn.{from_reference(key)}"] = value
        except KeyError:
            raise UserError("the network state holds an entry that hfn_mp does not have", found=key) from None
    model = {"color_order": "bgr", "pretrained": False, "replicate_buffers": True}
    about = {name: plain(content.get(name)) for name in ("epoch", "global_step", "val_metrics")}
    return Published(state, model, "target_oracle(min_hter, frame)", about)
