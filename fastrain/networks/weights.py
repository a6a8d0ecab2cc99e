"""Load pretrained weights into a network, after a check that they are its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fasdata.errors import UserError
from fastrain.networks.foreign import odd_entry
from fastrain.networks.hub import find_weights


def load_trunk(module: nn.Module, trunk: str, pretrained: bool | str) -> bool:
    """Load the pretrained weights of the timm model `trunk` into `module`; return False when none are asked for.

    The classifier of the file is left out, everything else must fit exactly.

    Raises:
        UserError: the weights cannot be had (see `find_weights`), cannot be read, or belong to another network.
    """
    path = find_weights(trunk, pretrained)
    if path is None:
        return False
    state = read_state(path)
    heads = classifier_names(trunk)
    state = {key: value for key, value in state.items() if not key.startswith(heads)}
    check_fits(module, state, trunk, path)
    module.load_state_dict(state)
    return True


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors or torch file, without running anything the file may contain.

    Raises:
        UserError: the file is damaged, of another kind, or holds more than plain tensors.
    """
    state: Any
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the file is foreign: whatever its parser raises means the same to the user
        problem = str(error).strip().split("\n")[0][:120]
        raise UserError(
            f"cannot read weights from {path}", expected="a safetensors or torch file", found=problem
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    odd = odd_entry(state) if isinstance(state, dict) else type(state).__name__
    if odd:
        raise UserError(
            f"{path} is no file of weights", expected="a name for every tensor, and nothing else", found=odd
        )
    return dict(state)


def check_fits(
    module: nn.Module, state: dict[str, Tensor], network: str, path: Path, *, what: str = "trunk", key: str = "trunk"
) -> None:
    """Check that `state` is a state of `module`.

    Messages call the module `what` `network`, which the setting `key` names.

    Raises:
        UserError: it is not; counts and names the entries that differ.
    """
    wanted = module.state_dict()
    # Files from before batch norm counted its batches lack that buffer; torch fills it in.
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in wanted]
    reshaped = [name for name in state if name in wanted and state[name].shape != wanted[name].shape]
    if missing or unexpected or reshaped:
        raise UserError(
            f"{path} holds the weights of another network than {what} {network!r}",
            found=", ".join(
                (
                    _counted(missing, "missing"),
                    _counted(unexpected, "unexpected"),
                    _counted(reshaped, "of another shape"),
                )
            ),
            do=f"pass that {what}'s own file, or name the file's {what} with --set {key}=",
        )


def classifier_names(trunk: str) -> tuple[str, ...]:
    """Return the prefixes of the keys that belong to the classifier of a timm model."""
    import timm

    card = timm.get_pretrained_cfg(trunk)
    names = card.classifier if card is not None and card.classifier else ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _counted(keys: Iterable[str], what: str) -> str:
    keys = list(keys)
    first = f" ({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})" if keys else ""
    return f"{len(keys)} {what}{first}"
