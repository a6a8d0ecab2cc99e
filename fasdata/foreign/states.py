"""Find the state dictionary that is meant in a file of weights, and fit its names to a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError, naming
from fasdata.foreign.weight_files import read_weights

if TYPE_CHECKING:
    from torch import Tensor

# Names under which files keep a state, in the order of choice: what was trained before its running average.
NESTED = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "backbone", "encoder"),
    *("weights", "params", "student", "teacher", "params_ema", "state_dict_ema", "ema_state_dict", "model_ema", "ema"),
)
# Prefixes of copies for several devices, of compiled networks, and of networks inside another.
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
_DEEP, _MANY = 3, 1000  # levels and entries that are looked at for a state
_NO_STATES = ("optim", "sched", "scaler")  # parts of names: what belongs to training
_NAMED, _SHOWN = 4, 80  # names that a line lists, and characters of each
_CLAIM = 512 << 20  # bytes that all tensors of a file together may claim beyond the file's: numbers that are repeated


@dataclass(frozen=True)
class State:
    """The tensors of a network by name, and how they were found in `path`.

    `entry` is the place of the state in the file ("" = the file is one), `others` those of states that were not taken,
    `prefix` what names lost, `left_out` names that the network has no use for.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    entry: str = ""
    others: tuple[str, ...] = ()
    prefix: str = ""
    left_out: tuple[str, ...] = ()
    renamed: str = ""

    def choices(self) -> str:
        """Return in one line what was chosen, "" where the file is a state under the network's own names."""
        parts = []
        if self.entry:
            parts.append(
                f"its entry {self.entry!r} is taken" + (f", not {_listed(self.others)}" if self.others else "")
            )
        if self.prefix:
            parts.append(f"names are read without {self.prefix!r}")
        if self.renamed:
            parts.append(self.renamed)
        if self.left_out:
            parts.append(f"left out: {_listed(self.left_out)}")
        return f"{self.path}: {'; '.join(parts)}" if parts else ""


def read_state_dict(path: Path) -> State:
    """Return the state dictionary in a file of weights, whichever way it is wrapped.

    Arrays and numbers among its tensors become tensors; all else is refused.

    Raises:
        UserError: see `read_weights`; or the file holds no state, several of unknown names, or more than plain tensors.
    """
    content = read_weights(path)
    with naming(str(path)):
        entry, chosen, others = state_in(content)
    if chosen is None:
        kind = _listed(map(str, content)) if isinstance(content, Mapping) and content else type(content).__name__
        raise UserError(
            f"{path} is no file of weights", expected="a name for every tensor, and nothing else", found=kind
        )
    state = {name: as_tensor(value) for name, value in chosen.items()}
    odd = odd_entry(state)
    if odd:
        raise UserError(
            f"{path} is no file of weights", expected="a name for every tensor, and nothing else", found=odd
        )
    return State(path, state, entry, others)


def odd_entry(state: Mapping[Any, Any]) -> str:
    """Return the first entry of a state dictionary that is no name with a plain tensor, with its type; "" for none.

    Plain is what our networks have: numbers, each in its place on the processor. A file may hold sparse or quantised
    tensors, and a single number that is said to be repeated a billion times.
    """
    import torch

    claimed = 0
    for name, value in state.items():
        kind = type(value).__name__
        if isinstance(name, str) and isinstance(value, torch.Tensor):
            kind = f"{value.layout} {value.dtype} on {value.device}".replace("torch.", "")
            in_place = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
            if in_place and not value.is_complex():
                size = value.numel() * value.element_size()
                claimed += max(0, size - value.untyped_storage().nbytes())
                if claimed <= _CLAIM:
                    continue
                kind = f"{size} bytes of {value.untyped_storage().nbytes()}"
        return f"{str(name)[:80]!r}: {kind}"
    return ""


# -- The state among what a file holds ---------------------------------------------------------------------------------


def state_in(content: Any) -> tuple[str, Mapping[str, Any] | None, tuple[str, ...]]:
    """Return the place of the state in what a file holds ("" = all of it), the state, and the places of others.

    Of several the first in the order of `NESTED` is taken; without any the state is None.

    Raises:
        UserError: it holds several under names that are not known.
    """
    places = dict(_states(content))
    known = [place for place in places if _rank(place) < len(NESTED)]
    if len(places) > 1 and not known:
        raise UserError(
            "the file holds several states",
            expected=f"one, or one named {', '.join(NESTED[:5])}, …",
            found=_listed(places),
            do="save the one that is meant alone",
        )
    entry = min(known or places, key=lambda place: (_rank(place), place.count(".")), default="")
    return entry, places.get(entry), tuple(place for place in places if place != entry)


def _states(content: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the states in `content` with their dotted places; where it is a state itself, that alone."""
    if not isinstance(content, Mapping):
        return
    inner = []
    if depth < _DEEP:
        for name, value in list(content.items())[:_MANY]:
            if isinstance(name, str) and not any(part in name.lower() for part in _NO_STATES):
                inner += list(_states(value, f"{place}.{name}" if place else name, depth + 1))
    known = any(_rank(place) < len(NESTED) for place, _ in inner)
    # Arrays beside a state are facts, such as a mean; tensors beside one of an unknown name are its equals.
    if _holds(content, numbers=not inner) and not known:
        yield place, content
    else:
        yield from inner


def _rank(place: str) -> int:
    """Return where a place stands in the order of choice: `ema.state_dict` where `ema` does, unknown names last."""
    return max((NESTED.index(name) for name in place.split(".") if name in NESTED), default=len(NESTED))


def _holds(content: Mapping[Any, Any], *, numbers: bool) -> bool:
    """Tell whether a tensor is among the values of a dictionary; with `numbers` an array will do."""
    import torch

    kinds = (torch.Tensor, np.ndarray) if numbers else torch.Tensor
    return any(isinstance(value, kinds) for value in content.values())


def as_tensor(value: Any) -> Any:
    """Return an array or a number as a tensor, everything else as it is."""
    import torch

    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value, value.dtype.newbyteorder("=")))
    if isinstance(value, bool | float) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return torch.tensor(value)
    return value


# -- Names -------------------------------------------------------------------------------------------------------------


def without_wrappers(names: Iterable[str]) -> str:
    """Return the longest prefix, made of those of wrappers, that all names have.

    >>> without_wrappers(["module.model.a", "module.model.b.c"])
    'module.model.'
    """
    names, prefix = list(names), ""
    while more := next((p for p in PREFIXES if names and all(n.startswith(prefix + p) for n in names)), ""):
        prefix += more
    return prefix


def fitted(state: State, wanted: Mapping[str, Tensor]) -> State:
    """Return the state under the names of a network that has the entries `wanted`.

    Where all that it wants stands under one prefix, in these shapes, the rest is left out. Otherwise nothing is, but
    the prefixes of wrappers that all names share: then the network's own check names what differs.
    """
    prefix = _prefix(state.tensors, wanted)
    if prefix is None:
        prefix = without_wrappers(state.tensors)
        return replace(state, tensors=_under(prefix, state.tensors), prefix=prefix)
    inside = _under(prefix, state.tensors)
    outside = tuple(name for name in state.tensors if not name.startswith(prefix))
    return replace(state, tensors=inside, prefix=prefix, left_out=outside)


def _prefix(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """Return the prefix under which everything wanted stands, None for none; the shortest, and first, of several."""
    # Files from before batch norm counted its batches lack that buffer.
    needed = {name: tensor.shape for name, tensor in wanted.items() if not name.endswith("num_batches_tracked")}
    if not needed:
        return None
    longest = max(needed, key=len)
    prefixes = [name.removesuffix(longest) for name in tensors if name == longest or name.endswith("." + longest)]
    fitting = [
        prefix
        for prefix in prefixes[:_MANY]
        if all((full := prefix + name) in tensors and tensors[full].shape == shape for name, shape in needed.items())
    ]
    return min(fitting, key=len, default=None)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _listed(names: Iterable[str]) -> str:
    names = [name[:_SHOWN] for name in names]
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
