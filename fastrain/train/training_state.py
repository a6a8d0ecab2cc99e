"""Save and restore all that training needs to continue as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fasdata.errors import UserError
from fastrain.networks.checkpoint import Checkpoint

if TYPE_CHECKING:
    from fastrain.methods.base import Method, OptimSpec


# -- Optimiser states as named tensors and plain values ---------------------------------------------------------------


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
    """Restore what `pack_optimizer` saved: momentum buffers, step counts, learning rates.

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


# -- Everything that training needs to go on as if it had never stopped -----------------------------------------------


@dataclass(frozen=True)
class Progress:
    """The progress of training: iterations, seconds, the best validation so far, stream positions and generators.

    `random` and `scaler` are one entry a device; `identity` tells which configuration and manifest this belongs to,
    `lock` the hashes of the data.
    """

    iteration: int
    seconds: float
    best: Mapping[str, Any] | None
    streams: Mapping[str, int]
    random: list[Any]
    scaler: Mapping[str, Any]
    identity: Mapping[str, str]
    lock: Mapping[str, Any] = field(default_factory=dict)


def pack(method: Method, optimizers: Mapping[str, OptimSpec], progress: Progress) -> Checkpoint:
    """Collect the state of the method, its optimisers and schedules, and of training itself."""
    tensors: dict[str, Tensor] = {f"method/{name}": tensor for name, tensor in method.state_dict().items()}
    optimizer_facts, scheduler_facts = {}, {}
    for name, spec in optimizers.items():
        packed, optimizer_facts[name] = pack_optimizer(spec.optimizer)
        tensors.update({f"optimizer/{name}/{key}": tensor for key, tensor in packed.items()})
        if spec.scheduler:
            scheduler_facts[name] = plain_state(spec.scheduler)
    facts = {
        "method": method.name,
        "iteration": progress.iteration,
        "seconds": progress.seconds,
        "best": progress.best,
        "streams": dict(progress.streams),
        "random": progress.random,
        "scaler": plain(progress.scaler),
        "identity": dict(progress.identity),
        "lock": dict(progress.lock),
        "frozen": [name for name, parameter in method.named_parameters() if not parameter.requires_grad],
        "optimizers": optimizer_facts,
        "schedulers": scheduler_facts,
    }
    return Checkpoint(tensors, facts)


def unpack(checkpoint: Checkpoint, method: Method, optimizers: Mapping[str, OptimSpec]) -> Progress:
    """Restore everything and return the progress of training.

    Raises:
        UserError: the checkpoint belongs to another method, or to other optimisers.
    """
    facts = checkpoint.facts
    load_method(checkpoint, method)
    frozen = set(facts["frozen"])
    for name, parameter in method.named_parameters():
        parameter.requires_grad_(name not in frozen)
    if set(facts["optimizers"]) != set(optimizers):
        raise UserError(
            "the checkpoint has other optimisers",
            expected=", ".join(optimizers),
            found=", ".join(facts["optimizers"]),
        )
    for name, spec in optimizers.items():
        unpack_optimizer(spec.optimizer, checkpoint.part(f"optimizer/{name}"), facts["optimizers"][name])
        if spec.scheduler:
            restore_scheduler(spec.scheduler, facts["schedulers"][name])
    return Progress(**{name: facts[name] for name in Progress.__dataclass_fields__ if name in facts})


def load_method(checkpoint: Checkpoint, method: Method) -> None:
    """Load the parameters and buffers of `method` alone.

    Raises:
        UserError: the checkpoint belongs to another method or to another size of its network.
    """
    require_method(checkpoint, method)
    try:
        method.load_state_dict(checkpoint.part("method"))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the checkpoint does not fit the network of {method.name}", found=reason) from error


def require_method(checkpoint: Checkpoint, method: Method) -> None:
    """Raise a UserError when the checkpoint belongs to another method."""
    if checkpoint.facts["method"] != method.name:
        raise UserError(
            "the checkpoint belongs to another method", expected=method.name, found=checkpoint.facts["method"]
        )


def require_identity(checkpoint: Checkpoint, wanted: Mapping[str, str], path: Path) -> None:
    """Raise a UserError when the checkpoint at `path` is of another configuration, protocol, recipe or manifest."""
    identity = checkpoint.facts.get("identity") or {}
    differing = {key: value for key, value in wanted.items() if identity.get(key) != value}
    if differing:
        raise UserError(
            f"{path} belongs to another run",
            expected=", ".join(f"{key} {value}" for key, value in differing.items()),
            found=", ".join(f"{key} {identity.get(key)}" for key in differing),
            do="put back the run's own checkpoint, or start again in another --out",
        )


def require_own(checkpoint: Checkpoint, about: Mapping[str, Any], path: Path) -> None:
    """Raise a UserError when the checkpoint is not that of the run whose `run.json` is `about`.

    Only what both tell is compared: an imported network belongs to no protocol.
    """
    names = {"protocol": "protocol", "recipe": "recipe", "manifest": "manifest_fingerprint", "config": "config_hash"}
    known = checkpoint.facts.get("identity") or {}
    wanted = {key: str(about[name]) for key, name in names.items() if key in known and about.get(name)}
    require_identity(checkpoint, wanted, path)


def plain_state(scheduler: LRScheduler) -> dict[str, Any]:
    """Return the state of a schedule as JSON values."""
    return plain(scheduler.state_dict())


def restore_scheduler(scheduler: LRScheduler, saved: Mapping[str, Any]) -> None:
    """Restore the state of a schedule; JSON turns whole numbers that are keys (milestones) into text."""
    state = dict(saved)
    for name, fresh in scheduler.state_dict().items():
        if isinstance(fresh, Mapping):
            state[name] = type(fresh)({int(k) if k.isdigit() else k: v for k, v in state[name].items()})  # type: ignore[call-arg]
    scheduler.load_state_dict(state)
