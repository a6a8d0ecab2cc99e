"""Optimiser states as named tensors and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


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


def unpack_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Put back what `pack_optimizer` took: momentum buffers, step counts, learning rates.

    Raises:
        ValueError: the optimiser has other parameter groups than the saved one.
    """
    state: dict[int, dict[str, Any]] = {int(number): dict(values) for number, values in facts["state"].items()}
    for key, tensor in tensors.items():
        number, _, name = key.partition("/")
        state.setdefault(int(number), {})[name] = tensor
    groups = [{name: _with_tuples(value, name) for name, value in group.items()} for group in facts["groups"]]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it.

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
