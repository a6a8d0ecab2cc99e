"""Load pretrained weights into a network, after a check that they are its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fasdata.errors import UserError, naming
from fasdata.faces.model_file import file_sha256
from fasdata.foreign.states import State, fitted, read_state_dict
from fastrain.networks.hub import find_weights, hub_source
from fastrain.networks.torchvision_names import from_torchvision


@dataclass(frozen=True)
class WeightFile:
    """A file of weights that a checkpoint names in place of what it holds: name, hash, and where it was.

    `where` is the path that the user gave, or the repository on the hub.
    """

    name: str
    sha256: str
    where: str


@dataclass(frozen=True)
class WeightsOfFile:
    """What `load_trunk` read: the tensors as they were loaded, by their names in the trunk, and their file."""

    path: Path
    where: str
    tensors: Mapping[str, Tensor]

    @cached_property
    def file(self) -> WeightFile:
        """The file by name and hash; it is hashed the first time."""
        return WeightFile(self.path.name, file_sha256(self.path), self.where)


def load_trunk(module: nn.Module, trunk: str, pretrained: bool | str) -> WeightsOfFile | None:
    """Load the pretrained weights of the timm model `trunk` into `module`; return None when none are asked for.

    The file may be wrapped in any usual way (see `fasdata.foreign.states`) and have the names of torchvision or of
    other publishers that timm knows. The classifier, and what else the complete network has and `module` has not, is
    left out; everything else must fit exactly, but for position embeddings of another image size, which are resampled.
    What was chosen in the file is printed.

    Raises:
        UserError: the weights cannot be had (see `find_weights`), cannot be read, or belong to another network.
    """
    path = find_weights(trunk, pretrained)
    if path is None:
        return None
    state = _fitted_trunk(read_weights_of(path), module, trunk)
    tensors = _for_image_size(dict(state.tensors), module)
    check_fits(module, tensors, trunk, path)
    module.load_state_dict(tensors)
    if choices := state.choices():
        print(f"note: {choices}")
    as_read = {name: tensor for name, tensor in tensors.items() if tensor is state.tensors[name]}
    where = pretrained if isinstance(pretrained, str) else f"{hub_source(trunk)[0]} on the hub"
    return WeightsOfFile(path, where, as_read)


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
        elif translated := _translated(state.tensors, module):
            state = replace(state, tensors=translated, renamed="its publisher's names became timm's")
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


def _translated(tensors: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Return a publisher's state (OpenAI, Meta, …) in timm's names, by timm's own translation; {} where that fails."""
    translate = getattr(import_module(type(module).__module__), "checkpoint_filter_fn", None)
    if translate is None:
        return {}
    try:
        translated = dict(translate(dict(tensors), module))
    except (KeyError, AttributeError, RuntimeError, ValueError, IndexError, TypeError, AssertionError):
        return {}  # a network of another kind: the check of names says how it differs
    return {} if _missing(translated, module.state_dict()) else translated


def _for_image_size(tensors: dict[str, Tensor], module: Any) -> dict[str, Tensor]:
    """Return a state whose absolute position embedding is resampled where it is that of another image size.

    As timm does for its own vision transformers: bicubic, smoothed where it shrinks.
    """
    from timm.layers import resample_abs_pos_embed

    own, given = getattr(module, "pos_embed", None), tensors.get("pos_embed")
    grid = getattr(getattr(module, "patch_embed", None), "grid_size", None)
    if not isinstance(own, Tensor) or given is None or grid is None or given.ndim != 3 or given.shape == own.shape:
        return tensors
    first = own.shape[1] - grid[0] * grid[1]  # positions of class and register tokens
    side = round(max(0, given.shape[1] - first) ** 0.5)
    if side == 0 or first + side * side != given.shape[1] or given.shape[2] != own.shape[2]:
        return tensors  # wrong in a way that `check_fits` names
    resampled = resample_abs_pos_embed(given.float(), new_size=list(grid), num_prefix_tokens=first)
    return {**tensors, "pos_embed": resampled}


def _complete(trunk: str) -> dict[str, Tensor]:
    """Return the entries of the complete timm model, of which names and shapes count."""
    import timm

    with torch.device("meta"):  # no memory, no time, and no number of the run's own generator
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
