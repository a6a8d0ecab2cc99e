"""Convert checkpoints of the published SA-FAS code, and translate state-dict keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fasdata.errors import UserError
from fastrain.config import TARGET_ORACLE
from fastrain.networks.foreign import Published, json_values, network_state, tensors

# Published: the trunk without a prefix, heads fc0 … fc2, a scale that is learned or idle, and a layer never used.
SCALE = {"scale.linear": "fc_scale", "scale.norm": "bn_scale"}
IDLE = "proj."
_HEAD = re.compile(r"^fc(\d+)\.(weight|bias)$")
_TRUNK = re.compile(r"^(conv1|bn1|layer[1-4])\.")


def to_reference(key: str) -> str:
    """Return the published name of one of our network's keys.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part == "trunk":
        return rest
    if part == "heads":
        return f"fc{rest}"
    for ours, theirs in SCALE.items():
        if key.startswith(f"{ours}."):
            return theirs + key.removeprefix(ours)
    raise KeyError(key)


def from_reference(key: str) -> str | None:
    """Return our name of a key of the published network; None for the layer that is never used.

    Raises:
        KeyError: the published network has no such part.
    """
    if key.startswith(IDLE):
        return None
    if head := _HEAD.match(key):
        return f"heads.{head[1]}.{head[2]}"
    if _TRUNK.match(key):
        return f"trunk.{key}"
    for ours, theirs in SCALE.items():
        if key.startswith(f"{theirs}."):
            return ours + key.removeprefix(theirs)
    raise KeyError(key)


# -- Checkpoints ------------------------------------------------------------------------------------------------------

HEADS = 3
# Its command line, and the schedule, which is saved as an object together with the optimiser.
RECORDS = ("argparse.Namespace", "torch.optim.lr_scheduler.StepLR", "torch.optim.sgd.SGD")


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names.

    The command line in it says whether the scale is learned (else its numbers are left out) and whether heads are
    vectors of signs. There are three heads, whatever the number of sources. Files `…_best.pth` were kept for
    AUC - HTER on the target's own test data; `…_recent.pth` are the last evaluation.

    Raises:
        UserError: it has another form.
    """
    network, choice = network_state(content)
    bare = network is content and not any(_HEAD.match(str(key)) for key in network or ())
    if not isinstance(network, Mapping) or bare:
        content_keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError("not a checkpoint of sa_fas", expected="an entry state_dict", found=content_keys[:120])
    says = content.get("args")
    # What a namespace holds are attributes of the dictionary that it is read as.
    line: Mapping[str, Any] = {**getattr(says, "__dict__", {}), **says} if isinstance(says, Mapping) else {}
    scale = _scale(line)
    state = {}
    for key, value in tensors(network, "state_dict").items():
        try:
            ours = from_reference(key)
        except KeyError:
            raise UserError("the state holds an entry that sa_fas does not have", found=key) from None
        if ours is not None and (scale is None or not ours.startswith("scale.")):
            state[f"network.{ours}"] = value
    heads = sum(key.startswith("network.heads.") and key.endswith(".weight") for key in state)
    if heads != HEADS:
        raise UserError("not a checkpoint of sa_fas", expected=f"{HEADS} heads", found=f"{heads}")
    model: dict[str, Any] = {"pretrained": False, "scale": scale, "heads": HEADS}
    if line.get("normfc") in (True, "True"):
        model["head"] = "sign_without_bias" if line.get("usebias") in (False, "False") else "sign"
    about = {**choice, **{name: json_values(content.get(name)) for name in ("epoch", "eva")}}
    if "protocol" in line:
        about["protocol"] = json_values(line["protocol"])
    return Published(state, model, f"{TARGET_ORACLE}(auc - hter, frame)", about)


def _scale(line: Mapping[str, Any]) -> float | None:
    given = line.get("scale", 1.0)
    if given is None or given == "none":
        return None
    try:
        return float(given)
    except (TypeError, ValueError):
        raise UserError("the command line of the checkpoint", expected="a number as scale", found=str(given)) from None
