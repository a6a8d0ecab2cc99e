"""Hold what an importer makes of a published checkpoint, and check the parts of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.foreign.states import as_tensor, odd_entry, state_in, without_wrappers
from fasdata.foreign.weight_files import read_weights

if TYPE_CHECKING:
    from torch import Tensor


def read_foreign(path: Path, records: Sequence[str] = ()) -> Any:
    """Return what a file written by `torch.save` holds; of TorchScript and safetensors files their tensors by name.

    See `fasdata.foreign.weight_files.read_weights`, which does it.

    Raises:
        UserError: the file is missing, damaged, or holds anything else; names the type that it asks for.
    """
    return read_weights(path, records)


# -- Checkpoints of published code ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """A published checkpoint in our names.

    `state` is the complete state of our method, but for the parts that `not_kept` names (prefixes such as
    `discriminator.`): the published code does not save them, no score needs them, and they stay as they start. `model`
    are the settings that it needs; `selection` how its authors chose it; `facts` what else the file says (epoch,
    metrics), as plain values.
    """

    state: Mapping[str, Tensor]
    model: Mapping[str, Any]
    selection: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    not_kept: tuple[str, ...] = ()


_SMALL = 100  # numbers of an array that is a fact, and no weight
_COPIES = re.compile(r"^(module\.|_orig_mod\.)+")


def tensors(value: object, what: str) -> dict[str, Tensor]:
    """Check that `value` is a state dictionary, and return it without the prefixes of copies for several devices.

    Those are `module.` and, of compiled networks, `_orig_mod.`, in any order. A prefix `model.` or `backbone.` goes
    where all names have it. Arrays and numbers become tensors.

    Raises:
        UserError: it is something else; names it.
    """
    if not isinstance(value, Mapping) or not value:
        raise UserError(f"the checkpoint has no {what}", expected="a dictionary of tensors", found=type(value).__name__)
    value = {name: as_tensor(content) for name, content in value.items()}
    odd = odd_entry(value)
    if odd:
        raise UserError(f"the {what} of the checkpoint holds more than tensors", found=odd)
    named: dict[str, Tensor] = {}
    for name, tensor in value.items():
        plain = _COPIES.sub("", name)
        if plain in named:
            raise UserError(
                f"the {what} of the checkpoint holds {plain} twice", found=f"{name!r} is another name of it"
            )
        named[plain] = tensor
    prefix = without_wrappers(named)
    return {name.removeprefix(prefix): tensor for name, tensor in named.items()}


def network_state(content: object) -> tuple[Any, dict[str, Any]]:
    """Return the state dictionary in a checkpoint, None without one, and as facts its place where that was a choice."""
    entry, state, others = state_in(content)
    return state, {"state taken": entry, "states not taken": list(others)} if others else {}


def renamed(
    content: Any,
    method: str,
    leaf: str,
    from_reference: Callable[[str], str | None],
    repeated: Callable[[str], str | None],
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the published state in a checkpoint of `method` in our names, and as facts which state was taken.

    `content` has to hold it as an entry; `leaf` ends a name that a whole state has. `from_reference` gives our name,
    None for what we do not need; `repeated` the name that a second one stands for, whose numbers have to be the same.
    Both raise KeyError for what the published network does not have.

    Raises:
        UserError: the checkpoint has another form, or holds two versions of a layer.
    """
    network, choice = network_state(content)
    bare = network is content and not any(str(key).endswith(leaf) for key in network or ())
    if not isinstance(network, Mapping) or bare:
        keys = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(f"not a checkpoint of {method}", expected="an entry state_dict", found=keys[:120])
    theirs = tensors(network, "state_dict")
    state = {}
    for key, value in theirs.items():
        try:
            twin, ours = repeated(key), from_reference(key)
        except KeyError:
            raise UserError(f"the state holds an entry that {method} does not have", found=key) from None
        if twin is not None and (twin not in theirs or not theirs[twin].equal(value)):
            raise UserError(f"the state holds {key} and {twin}, which are one layer", found="different numbers")
        if ours is not None:
            state[f"network.{ours}"] = value
    return state, choice


def json_values(value: object) -> Any:
    """Return numbers, text, small arrays and containers of them as JSON values; all else as the name of its type."""
    if isinstance(value, np.ndarray) and value.size <= _SMALL:
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): json_values(content) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(content) for content in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return f"({type(value).__name__})"
