"""Write and read checkpoints: tensors in safetensors, everything else as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.foreign import json_of, short, validated
from fasdata.store.atomic import replacing, write_text
from fastrain.networks.checkpoint_facts import FORMAT, CheckpointFacts, TrainingFacts

if TYPE_CHECKING:
    from torch import Tensor, nn

HELP = "put the run's own checkpoint back, or start again in another --out"
_HEADER = "fastrain"
_NAMED = 3  # tensors that an error lists


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name (all on the CPU) and facts, plain JSON values.

    The facts are in the header of the safetensors file, so that one rename replaces both. The `.json` beside it is a
    copy for people and scripts; nothing is read back from it.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]
    where: str = "the checkpoint"
    """The file, for errors."""

    @cached_property
    def about(self) -> CheckpointFacts:
        """The facts that every checkpoint has.

        Raises:
            UserError: they are not of their form; not after `read`, which checks them.
        """
        return validated(CheckpointFacts, self.facts, f"the description inside {self.where}", do=HELP)

    @cached_property
    def training(self) -> TrainingFacts:
        """The facts that training goes on from.

        Raises:
            UserError: they are not of their form: the file is damaged, or holds a network alone.
        """
        return validated(TrainingFacts, self.facts, f"the description inside {self.where}", do=HELP)

    def write(self, path: Path) -> None:
        """Write `path` (`.safetensors`) and its `.json`, each by a rename, so that a file there is always complete.

        The `.json` goes first: a run that is killed between the two goes on from the checkpoint before and writes both.

        Raises:
            UserError: it cannot be written, mostly for want of space; the file that was there is kept.
        """
        from safetensors import SafetensorError

        text = json.dumps({"format": FORMAT, **self.facts}, allow_nan=False)
        write_text(path.with_suffix(".json"), json.dumps(_readable(self.facts), indent=1, allow_nan=False) + "\n")
        try:
            with replacing(path) as temporary:
                self._save(temporary, {_HEADER: text})
        except SafetensorError as error:  # wraps the error of the operating system
            raise UserError(
                f"the checkpoint {path} cannot be written",
                found=str(error).rpartition("error: ")[2],
                do="free some space and run the same command again: it goes on from the checkpoint before",
            ) from None

    def _save(self, path: Path, header: dict[str, str]) -> None:
        from safetensors.torch import save_file

        # Tied weights share memory, which the format refuses: each name gets its own copy.
        own = {name: tensor.detach().contiguous().clone() for name, tensor in self.tensors.items()}
        save_file(own, path, header)
        path.chmod(0o644)  # safetensors writes files that only their owner can read

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            UserError: the file is missing, damaged, foreign, of another format, or says what no checkpoint says.
        """
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            raise UserError(f"no checkpoint at {path}", do="a run writes its first one at its first validation")
        try:
            with safe_open(path, framework="pt") as file:
                facts = json_of((file.metadata() or {})[_HEADER], f"the description inside {path}", do=HELP)
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            problem = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{path} is no readable checkpoint", found=problem, do=HELP) from error
        form = facts.get("format") if isinstance(facts, dict) else None
        if form != FORMAT:
            raise UserError(f"{path} has another format", expected=str(FORMAT), found=short(form), do=HELP)
        checkpoint = cls(tensors, facts, str(path))
        checkpoint.about  # noqa: B018 (its form is checked here, so that nobody meets another)
        return checkpoint

    def load_into(
        self,
        module: nn.Module,
        prefix: str,
        *,
        what: str,
        any_precision: bool = False,
        elsewhere: Container[str] = (),
    ) -> None:
        """Load the tensors `<prefix>…` into a module, which `what` calls by name in an error.

        With `any_precision` floating point numbers of another precision are converted. Entries of the module that are
        `elsewhere` may be missing, and stay as they are.

        Raises:
            UserError: they are not exactly those of the module, by names, shapes and types of numbers.
        """
        wanted = module.state_dict()
        kind = partial(_kind, any_precision=any_precision)
        state = {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}
        problems = [
            *_listed("lacks", [name for name in wanted if name not in state and name not in elsewhere]),
            *_listed("has an unknown", [name for name in state if name not in wanted]),
            *_listed(
                "has another",
                [
                    f"{name} ({kind(state[name])} for {kind(tensor)})"
                    for name, tensor in wanted.items()
                    if name in state and kind(state[name]) != kind(tensor)
                ],
            ),
        ]
        if problems:
            raise UserError(
                f"{self.where} does not fit {what}", expected="its own tensors", found="; ".join(problems), do=HELP
            )
        module.load_state_dict(state, strict=False)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with `prefix/`, without it."""
        cut = len(prefix) + 1
        return {name[cut:]: tensor for name, tensor in self.tensors.items() if name.startswith(prefix + "/")}


def _listed(what: str, names: list[str]) -> list[str]:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"it {what} {', '.join(names[:_NAMED])}{more}"] if names else []


def _kind(tensor: Tensor, *, any_precision: bool) -> str:
    number = "float" if any_precision and tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")
    return f"{number} {list(tensor.shape)}"


def _readable(facts: Mapping[str, Any]) -> dict[str, Any]:
    # Hundreds of numbers of generator state would hide the rest.
    return {name: value for name, value in facts.items() if name != "random"}
