"""Convert checkpoints of the published GAC-FAS code, and translate state-dict keys."""

from __future__ import annotations

from typing import Any

from fastrain.config import TARGET_ORACLE
from fastrain.networks.foreign import Published, json_values, renamed

# Published: the trunk twice (`layer_blocks.0` … `3` share the memory of `model.layer1` … `4`), its ImageNet classifier,
# which never learns, and the head. A copy for several devices has `module.` before every key.
TRUNK, HEAD, IDLE, TWICE = "model.", "fc.", "model.fc.", "layer_blocks."


def to_reference(key: str) -> str:
    """Return the published name of one of our network's keys.

    Raises:
        KeyError: our network has no such part.
    """
    part, _, rest = key.partition(".")
    if part not in ("trunk", "head"):
        raise KeyError(key)
    return (TRUNK if part == "trunk" else HEAD) + rest


def from_reference(key: str) -> str | None:
    """Return our name of a key of the published network; None for a key that we do not need.

    Those are the idle classifier and the second naming of the trunk's layers (see `repeated`).

    Raises:
        KeyError: the published network has no such part.
    """
    key = key.removeprefix("module.")
    if key.startswith((IDLE, TWICE)):
        return None
    if key.startswith(TRUNK):
        return "trunk." + key.removeprefix(TRUNK)
    if key.startswith(HEAD):
        return "head." + key.removeprefix(HEAD)
    raise KeyError(key)


def repeated(key: str) -> str | None:
    """Return the published key that names the same tensor as this second one; None for a key that is no second one.

    Raises:
        KeyError: the published network has no such part.
    """
    key = key.removeprefix("module.")
    if not key.startswith(TWICE):
        return None
    number, _, rest = key.removeprefix(TWICE).partition(".")
    if number not in ("0", "1", "2", "3"):
        raise KeyError(key)
    return f"{TRUNK}layer{int(number) + 1}.{rest}"


# -- Checkpoints ------------------------------------------------------------------------------------------------------

# The settings of its authors, and the schedule, which is saved as an object together with the optimiser.
RECORDS = ("easydict.EasyDict", "torch.optim.lr_scheduler.StepLR", "torch.optim.sgd.SGD")


def convert(content: Any) -> Published:
    """Return a published checkpoint in our names.

    The idle ImageNet classifier is left out, and so is the second naming of the trunk's layers, after a check that its
    numbers are the same. A head of one row was trained with binary cross entropy, one of two with cross entropy. Files
    `…_best.pth` were kept for AUC - HTER on the target's own test data; `…_recent.pth` are the last epoch.

    Raises:
        UserError: it has another form, or holds two versions of a layer.
    """
    state, choice = renamed(content, "gac_fas", "fc.weight", from_reference, repeated)
    head = state.get("network.head.weight")
    outputs = int(head.shape[0]) if head is not None else 1
    model = {"pretrained": False, "loss": "bce" if outputs == 1 else "ce"}
    about = {**choice, **{name: json_values(content.get(name)) for name in ("epoch", "eva")}}
    return Published(state, model, f"{TARGET_ORACLE}(auc - hter, frame)", about)
