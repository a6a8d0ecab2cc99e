"""Convert checkpoints of the published ME-FAS code, and translate state-dict keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fastrain.config import TARGET_ORACLE
from fastrain.networks.foreign import Published, json_values, network_state, tensors

if TYPE_CHECKING:
    from torch import Tensor


# Prefixes of published names and ours, the longest first.
_PAIRS = (
    ("clipModel.image_projections_prompt.", "network.fusions."),
    ("clipModel.text_projection_image", "network.text_projection_image"),
    ("clipModel.", "network.clip."),
    ("prompt_learner.", "network.prompts."),
    ("projection_head.mlp.", "head."),
)
TWICE, SCALE = "logit_scale", "clipModel.logit_scale"  # the same tensor; the second is kept
OURS = ("network.running_means", "network.batches_seen", "network.deep")


def to_reference(key: str) -> str | None:
    """Return the published name of one of our entries; None for what the published network does not have.

    Raises:
        KeyError: our network has no such part.
    """
    if key in OURS:
        return None
    for theirs, ours in _PAIRS:
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    raise KeyError(key)


def from_reference(key: str) -> str | None:
    """Return our name of an entry of the published network; None for the scale's second name.

    Raises:
        KeyError: the published network has no such part.
    """
    if key == TWICE:
        return None
    for theirs, ours in _PAIRS:
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    raise KeyError(key)


# -- Checkpoints ------------------------------------------------------------------------------------------------------

RECORDS = ()


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names.

    The published saver (switched off in the code) writes `state_dict` beside facts; a bare state dictionary, or one
    under another usual name, is read too. The file has no deep prompts, which are noise there, and no means of the
    images' prompts, so that the text sees the prompts of each image itself (`eval.context`).

    Raises:
        UserError: it has another form, or holds two values of the scale.
    """
    state, choice = network_state(content)
    if not isinstance(state, Mapping) or not any(str(key).endswith("prompt_learner.ctx") for key in state):
        content_keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            "not a checkpoint of me_fas", expected="the state dictionary of its network", found=content_keys[:120]
        )
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
    about = {**choice, **{name: json_values(content[name]) for name in names if name in content}}
    return Published(ours, model, f"{TARGET_ORACLE}(hter at target eer, frame)", about)


def _prompts(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Return the number of prompts of a state, and their width in the image tower."""
    weights = [state.get(f"network.prompts.{name}") for name in ("ctx", "proj.weight")]
    sizes = [tensor.shape[0] for tensor in weights if tensor is not None and tensor.ndim == 2]
    if len(sizes) < 2:
        raise UserError(
            "the network state lacks the shared prompts of me_fas",
            expected="prompt_learner.ctx and prompt_learner.proj.weight, of two axes each",
        )
    return sizes[0], sizes[1]
