"""States of optimisers and schedules as named tensors and plain values; what does not fit is refused by its key."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fasdata.errors import UserError
from fasdata.foreign import short
from fastrain.networks.checkpoint_facts import OptimizerFacts


def pack_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of the state (`<parameter number>/<name>`) and the rest as JSON values.

    Raises:
        TypeError: the state holds something that is neither a tensor nor a plain value.
    """
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    values: dict[str, dict[str, Any]] = {}
    for number, entries in state["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{number}/{name}"] = value
            else:
                values.setdefault(str(number), {})[name] = plain(value)
    return tensors, {"state": values, "groups": plain(state["param_groups"])}


def unpack_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], facts: OptimizerFacts) -> None:
    """Restore what `pack_optimizer` saved: momentum buffers, step counts, learning rates.

    Raises:
        UserError: they are not those of this optimiser: other groups, parameters or states, values of another kind.
    """
    fresh = optimizer.state_dict()["param_groups"]
    if len(facts.groups) != len(fresh):
        raise _unfit("groups", f"{len(fresh)} of them", str(len(facts.groups)))
    groups = [
        _group(saved, own, f"groups.{place}")
        for place, (saved, own) in enumerate(zip(facts.groups, fresh, strict=True))
    ]
    state: dict[int, dict[str, Any]] = {int(number): dict(values) for number, values in facts.state.items()}
    for key, tensor in tensors.items():
        number, _, name = key.partition("/")
        if not number.isdecimal():
            raise _unfit(f"the tensor {key[:80]!r}", "<number of the parameter>/<name>", "another name")
        state.setdefault(int(number), {})[name] = tensor
    _require_states(optimizer, state)
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _group(saved: Mapping[str, Any], own: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a parameter group as saved; what a later version of torch added to groups stays as it is new."""
    group = {**own, **saved}
    for name in ("params", "lr", "initial_lr"):
        if name in own and name not in saved:
            raise _unfit(f"{where}.{name}", "a value", "none")
    if saved["params"] != own["params"]:
        raise _unfit(f"{where}.params", f"{len(own['params'])} numbers, those of the network", short(saved["params"]))
    require_alike({name: value for name, value in own.items() if name != "params"}, group, where)
    if group["lr"] < 0:
        raise _unfit(f"{where}.lr", "a learning rate from 0 up", str(group["lr"]))
    return {name: _with_tuples(value, name) for name, value in group.items()}


def _require_states(optimizer: Optimizer, state: Mapping[int, Mapping[str, Any]]) -> None:
    """Check that every state is of a parameter, has its shape, and that all states hold the same."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    adam = isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW)
    wanted = {"step", "exp_avg", "exp_avg_sq"} if adam else {name for values in state.values() for name in values}
    for number, values in state.items():
        if number >= len(parameters):
            raise _unfit(f"state.{number}", f"one of {len(parameters)} parameters", str(number))
        lacking = sorted(wanted - set(values))
        if lacking:
            raise _unfit(f"state.{number}", ", ".join(sorted(wanted)), f"no {', '.join(lacking)}")
        shape = parameters[number].shape
        for name, value in values.items():
            if isinstance(value, Tensor):
                if not value.is_floating_point() or (value.ndim and value.shape != shape):
                    seen = f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
                    raise _unfit(f"state.{number}.{name}", f"floating point numbers {list(shape)}", seen)
            elif not (value is None or (isinstance(value, int | float) and isfinite(value))):
                raise _unfit(f"state.{number}.{name}", "a number", short(value))


def plain(value: Any) -> Any:
    """Convert `value` into JSON values.

    Raises:
        TypeError: it contains something else than numbers, text, None, lists and dictionaries.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor) and value.ndim == 0:
        return value.item()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, torch.dtype):
        return str(value)
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}: {value!r}")


def _with_tuples(value: Any, name: str) -> Any:
    # JSON has no tuples; torch's own optimisers write `betas` as one.
    return tuple(value) if isinstance(value, list) and name != "params" else value


# -- Schedules ---------------------------------------------------------------------------------------------------------


def plain_state(scheduler: LRScheduler) -> dict[str, Any]:
    """Return the state of a schedule as JSON values."""
    return plain(scheduler.state_dict())


def restore_scheduler(scheduler: LRScheduler, saved: Mapping[str, Any]) -> None:
    """Restore the state of a schedule; JSON turns whole numbers that are keys (milestones) into text.

    Raises:
        UserError: it is not the state of such a schedule.
    """
    state, fresh = dict(saved), scheduler.state_dict()
    for name in ("last_epoch", "_step_count", "base_lrs", "_last_lr"):
        if name in fresh and name not in state:
            raise _unfit(name, "a value", "none")
    for name, own in fresh.items():
        if isinstance(own, Mapping):
            if not isinstance(state.get(name), Mapping):
                raise _unfit(name, "keys and values", short(state.get(name)))
            state[name] = type(own)({int(k) if k.isdecimal() else k: v for k, v in state[name].items()})  # type: ignore[call-arg]
        else:
            require_alike(own, state.get(name), name)
    if state["last_epoch"] is None or state["last_epoch"] < 0:
        raise _unfit("last_epoch", "a whole number from 0 up", str(state["last_epoch"]))
    scheduler.load_state_dict(state)


# -- Whether a saved value is of the kind of a fresh one ---------------------------------------------------------------


def require_alike(own: Any, saved: Any, where: str) -> None:
    """Check that a saved JSON value is of the kind of a fresh one: numbers for numbers, as many of them.

    A value that is None, in either, may become another. Keys that one of two mappings lacks are passed over.

    Raises:
        UserError: it is of another kind, or a number that is not finite.
    """
    if isinstance(own, Mapping) and isinstance(saved, Mapping):
        for name in own.keys() & saved.keys():
            require_alike(own[name], saved[name], f"{where}.{name}")
    elif isinstance(own, list | tuple) and isinstance(saved, list | tuple) and len(own) == len(saved):
        for place, (first, second) in enumerate(zip(own, saved, strict=True)):
            require_alike(first, second, f"{where}.{place}")
    elif isinstance(saved, float) and not isfinite(saved):
        raise _unfit(where, "a finite number", str(saved))
    elif own is not None and saved is not None and _sort(own) != _sort(saved):
        raise _unfit(where, _sort(own), short(saved))


def _sort(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float) or (isinstance(value, Tensor) and value.ndim == 0):
        return "a number"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "keys and values" if isinstance(value, Mapping) else "text" if isinstance(value, str) else "something else"


def _unfit(where: str, expected: str, seen: str) -> UserError:
    return UserError(where, expected=expected, found=seen)
