"""Checkpoints of the published ME-FAS code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fastrain.imports.published import Published, plain, tensors
from fastrain.methods.me_fas.reference_names import SCALE, TWICE, from_reference

if TYPE_CHECKING:
    from torch import Tensor

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names (keys: `reference_names`, this method's README).

    The published saver (switched off in the code) writes `state_dict` beside facts; a bare state dictionary does too.
    Deep prompts are noise there and not in the file; neither are means of the images' prompts, so that the text sees
    of each image its own (`eval.context`).

    Raises:
        UserError: it has another form, or holds two values of the scale.
    """
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not any(str(key).endswith("prompt_learner.ctx") for key in state):
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError("not a checkpoint of me_fas", expected="the state dictionary of its network", found=found[:120])
    ours: dict[str, Tensor] = {}
    theirs = tensors(state, "network state")
    if TWICE in theirs and SCALE in theirs and not theirs[TWICE].equal(theirs[SCALE]):
        raise UserError(f"the state holds {TWICE} and {SCALE}, which are one number", found="different ones")
    for key, value in theirs.items():
        try:
            name = from_reference(key)
        except KeyError:
            raise UserError("the network state holds an entry that me_fas does not have", found=key) from None
        if name:
            ours[name] = value.float() if value.is_floating_point() else value
    import torch

    fusions = {name.split(".")[2] for name in ours if name.startswith("network.fusions.")}
    shape = _prompts(ours)
    ours["network.running_means"] = torch.zeros(len(fusions), *shape)
    ours["network.batches_seen"] = torch.zeros((), dtype=torch.int64)
    model = {"pretrained": False, "prompts": {"n_ctx": shape[0], "depth": len(fusions) + 1, "deep": "noise"}}
    names = ("epoch", "best_model_EER", "best_model_ACER", "best_model_ACC", "threshold")
    about = {name: plain(content[name]) for name in names if name in content}
    return Published(ours, model, "target_oracle(hter at target eer, frame)", about)


def _prompts(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Return how many prompts a state has, and how wide they are among the image tokens."""
    found = [state.get(f"network.prompts.{name}") for name in ("ctx", "proj.weight")]
    sizes = [one.shape[0] for one in found if one is not None and one.ndim == 2]
    if len(sizes) < 2:
        raise UserError(
            "the network state lacks the shared prompts of me_fas",
            expected="prompt_learner.ctx and prompt_learner.proj.weight, of two axes each",
        )
    return sizes[0], sizes[1]
