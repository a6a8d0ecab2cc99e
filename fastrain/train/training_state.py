"""Save and restore all that training needs to continue as if it had never stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from fasdata.errors import UserError, naming
from fasdata.foreign import short
from fastrain.networks.checkpoint import HELP, Checkpoint
from fastrain.rundir.facts import FixedWeights
from fastrain.train.optimizer_state import pack_optimizer, plain, plain_state, restore_scheduler, unpack_optimizer

if TYPE_CHECKING:
    from fastrain.methods.base import Method, OptimSpec
    from fastrain.rundir import RunFacts


@dataclass(frozen=True)
class Progress:
    """The progress of training: iterations, seconds, the best validation so far, stream positions and generators.

    `random` has an entry a device; `identity` tells which configuration and manifest this belongs to,
    `lock` the hashes of the data, `window` is the open one of the log.
    """

    iteration: int
    seconds: float
    best: Mapping[str, Any] | None
    streams: Mapping[str, int]
    random: list[Any]
    scaler: Mapping[str, Any]
    identity: Mapping[str, str]
    lock: Mapping[str, Any] = field(default_factory=dict)
    window: Mapping[str, tuple[float | None, int]] = field(default_factory=dict)


def pack(method: Method, optimizers: Mapping[str, OptimSpec], progress: Progress) -> Checkpoint:
    """Collect the state of the method, its optimisers and schedules, and of training itself.

    What never changes and is in a file of weights is left out; the file is named.
    """
    state = method.state_dict()
    tensors: dict[str, Tensor] = {f"method/{name}": state[name] for name in state if name not in method.fixed}
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
        "fixed": [weights.tree() for weights in fixed_weights(method)],
        "window": {name: {"sum": total, "count": count} for name, (total, count) in progress.window.items()},
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
    facts = checkpoint.training
    load_method(checkpoint, method)
    parameters = dict(method.named_parameters())
    with naming(f"the description inside {checkpoint.where}"):
        _require_names("frozen", parameters, facts.frozen, some=True)
        _require_names("optimizers", optimizers, facts.optimizers)
        scheduled = [name for name, spec in optimizers.items() if spec.scheduler]
        _require_names("schedulers", scheduled, facts.schedulers)
    for name, parameter in parameters.items():
        parameter.requires_grad_(name not in facts.frozen)
    for name, spec in optimizers.items():
        with naming(f"{checkpoint.where}: optimiser {name}"):
            unpack_optimizer(spec.optimizer, checkpoint.part(f"optimizer/{name}"), facts.optimizers[name])
        if spec.scheduler:
            with naming(f"{checkpoint.where}: schedule {name}"):
                restore_scheduler(spec.scheduler, facts.schedulers[name])
    return Progress(
        iteration=facts.iteration,
        seconds=facts.seconds,
        best=facts.best.tree() if facts.best else None,
        streams=facts.streams,
        random=facts.random,
        scaler=facts.scaler,
        identity=facts.identity,
        lock=facts.lock or {},
        window={name: (entry.sum, entry.count) for name, entry in facts.window.items()},
    )


def _require_names(key: str, wanted: Iterable[str], seen: Iterable[str], *, some: bool = False) -> None:
    """Check that the names under `key` are the `wanted` ones, or with `some` a part of them."""
    strange = [name for name in seen if name not in wanted]
    missing = [] if some else [name for name in wanted if name not in seen]
    if strange or missing:
        listed = list(wanted)
        raise UserError(
            f"{key}: these are not the run's",
            expected=", ".join(listed[:4]) + (", …" if len(listed) > 4 else "") or "none",
            found=", ".join(name[:80] for name in [*seen][:4]) or "none",
            do=HELP,
        )


def load_method(checkpoint: Checkpoint, method: Method) -> None:
    """Load the parameters and buffers of `method` alone; those that are in a file of weights, it has already.

    Raises:
        UserError: the checkpoint belongs to another method or to another size of its network, or rests on another file
            of weights than the method read.
    """
    require_method(checkpoint, method)
    own = fixed_weights(method)
    for rest in checkpoint.about.fixed:
        if rest.sha256 not in [weights.sha256 for weights in own]:
            raise UserError(
                f"{checkpoint.where} holds what was trained; the rest is in another file than the one that was read",
                expected=rest.text,
                found=", ".join(f"{weights.text} at {weights.where}" for weights in own) or "no such file",
                do=f"put that file back; it was {rest.where}",
            )
    elsewhere = method.fixed if checkpoint.about.fixed else ()
    checkpoint.load_into(method, "method/", what=f"the network of {method.name}", elsewhere=elsewhere)


def fixed_weights(method: Method) -> list[FixedWeights]:
    """Return the files of weights that hold what never changes of a method, with how many entries each holds."""
    files = Counter(method.fixed.values())
    return [
        FixedWeights(file=file.name, sha256=file.sha256, where=file.where, tensors=count)
        for file, count in files.items()
    ]


def require_method(checkpoint: Checkpoint, method: Method) -> None:
    """Raise a UserError when the checkpoint belongs to another method."""
    if checkpoint.about.method != method.name:
        raise UserError(
            f"{checkpoint.where} belongs to another method",
            expected=method.name,
            found=short(checkpoint.about.method),
            do=HELP,
        )


def require_identity(checkpoint: Checkpoint, wanted: Mapping[str, str], path: Path) -> None:
    """Raise a UserError when the checkpoint at `path` is of another configuration, protocol, recipe or manifest."""
    identity = checkpoint.about.identity
    differing = {key: value for key, value in wanted.items() if identity.get(key) != value}
    if differing:
        raise UserError(
            f"{path} belongs to another run",
            expected=", ".join(f"{key} {value}" for key, value in differing.items()),
            found=", ".join(f"{key} {identity.get(key)}" for key in differing),
            do=HELP,
        )


def require_own(checkpoint: Checkpoint, about: RunFacts, path: Path) -> None:
    """Raise a UserError when the checkpoint is not that of the run whose `run.json` is `about`.

    Only what both tell is compared: an imported network belongs to no protocol.
    """
    names = {"protocol": "protocol", "recipe": "recipe", "manifest": "manifest_fingerprint", "config": "config_hash"}
    known = checkpoint.about.identity
    wanted = {key: str(getattr(about, name)) for key, name in names.items() if key in known and getattr(about, name)}
    wanted |= {f"code of the {used.what} {used.name}": used.sha256 for used in about.code if used.what == "method"}
    require_identity(checkpoint, wanted, path)
