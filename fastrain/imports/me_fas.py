"""Checkpoints of the published ME-FAS code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fastrain.imports.published import Published, plain, tensors
from fastrain.methods.me_fas.reference_names import from_reference

if TYPE_CHECKING:
    from torch import Tensor

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names (keys: `reference_names`, this method's README).

    The published saver (switched off in the code) writes `state_dict` beside facts; a bare state dictionary does too.
    Deep prompts are noise there and not in the file; neither are means of the images' prompts, so that the text sees
    of each image its own (`eval.context`).

    Raises:
        UserError: it has another form.
    """
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not any(str(key).endswith("prompt_learner.ctx") for key in state):
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError("not a checkpoint of me_fas", expected="the state dictionary of its network", found=found[:120])
    ours: dict[str, Tensor] = {}
    for key, value in tensors(state, "network state").items():
        try:
            name = from_reference(key)
        except KeyError:
            raise UserError("the network state holds an entry that me_fas does not have", found=key) from None
        if name:
            ours[name] = value.float() if value.is_floating_point() else value
    import torch

    fusions = {int(name.split(".")[2]) for name in ours if name.startswith("network.fusions.")}
    shape = ours["network.prompts.ctx"].shape[0], ours["network.prompts.proj.weight"].shape[0]
    ours["network.running_means"] = torch.zeros(len(fusions), *shape)
    ours["network.batches_seen"] = torch.zeros((), dtype=torch.int64)
    model = {"pretrained": False, "prompts": {"n_ctx": shape[0], "depth": len(fusions) + 1, "deep": "noise"}}
    names = ("epoch", "best_model_EER", "best_model_ACER", "best_model_ACC", "threshold")
    about = {name: plain(content[name]) for name in names if name in content}
    return Published(ours, model, "target_oracle(hter at target eer, frame)", about)
