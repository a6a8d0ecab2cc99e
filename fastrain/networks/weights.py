"""Load pretrained weights into a network, after a check that they are its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from fasdata.errors import UserError, naming
from fasdata.foreign.states import State, fitted, read_state_dict
from fastrain.networks.hub import find_weights
from fastrain.networks.torchvision_names import from_torchvision


def load_trunk(module: nn.Module, trunk: str, pretrained: bool | str) -> bool:
    """Load the pretrained weights of the timm model `trunk` into `module`; return False when none are asked for.

    The file may be wrapped in any usual way (see `fasdata.foreign.states`) and have torchvision's names. The
    classifier, and what else the complete network has and `module` has not, is left out; everything else must fit
    exactly. What was chosen in the file is printed.

    Raises:
        UserError: the weights cannot be had (see `find_weights`), cannot be read, or belong to another network.
    """
    path = find_weights(trunk, pretrained)
    if path is None:
        return False
    state = _fitted_trunk(read_weights_of(path), module, trunk)
    check_fits(module, dict(state.tensors), trunk, path)
    module.load_state_dict(state.tensors)
    if choices := state.choices():
        print(f"note: {choices}")
    return True


def _fitted_trunk(state: State, module: nn.Module, trunk: str) -> State:
    """Return the state under the names of `module`, without what the complete timm model alone has."""
    wanted = module.state_dict()
    state = fitted(state, wanted)
    if not _missing(state.tensors, wanted) and not state.tensors.keys() - wanted.keys():
        return state
    complete = _complete(trunk)
    if _missing(state.tensors, wanted):
        renamed = from_torchvision(state.tensors, trunk, complete)
        if renamed:
            state = replace(state, tensors=renamed, renamed="torchvision's names became timm's")
        # timm writes `stages_0` for `stages.0` where a trunk gives the levels of a pyramid.
        levels = {name.replace(".", "_"): name for name in wanted}
        tensors = {levels.get(name.replace(".", "_"), name): tensor for name, tensor in state.tensors.items()}
        state = replace(state, tensors=tensors)
    heads = classifier_names(trunk)
    extra = [name for name in state.tensors if name not in wanted and (name in complete or name.startswith(heads))]
    kept = {name: tensor for name, tensor in state.tensors.items() if name not in extra}
    # That the classifier is not needed goes without saying.
    unused = tuple(name for name in extra if not name.startswith(heads))
    return replace(state, tensors=kept, left_out=state.left_out + unused)


def _complete(trunk: str) -> dict[str, Tensor]:
    """Return the entries of the complete timm model, of which names and shapes count."""
    import timm

    with torch.random.fork_rng(devices=[]):  # the run's own numbers do not depend on how its file is wrapped
        return dict(timm.create_model(trunk, pretrained=False).state_dict())


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors or torch file by name, without running anything the file may contain.

    Raises:
        UserError: the file is damaged, of another kind, or holds more than plain tensors.
    """
    state = read_weights_of(path)
    return dict(fitted(state, {}).tensors)


def read_weights_of(path: Path) -> State:
    """Return the state in a file of weights; its names are those of the file.

    Raises:
        UserError: as `read_state`.
    """
    with naming("cannot read weights"):
        return read_state_dict(path)


def check_fits(
    module: nn.Module, state: dict[str, Tensor], network: str, path: Path, *, what: str = "trunk", key: str = "trunk"
) -> None:
    """Check that `state` is a state of `module`.

    Messages call the module `what` `network`, which the setting `key` names.

    Raises:
        UserError: it is not; counts and names the entries that differ.
    """
    wanted = module.state_dict()
    missing = _missing(state, wanted)
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


def _missing(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    # Files from before batch norm counted its batches lack that buffer; torch fills it in.
    return [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]


def _counted(keys: Iterable[str], what: str) -> str:
    keys = list(keys)
    first = f" ({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})" if keys else ""
    return f"{len(keys)} {what}{first}"
