"""Write and read checkpoints: tensors in safetensors, everything else as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.foreign import json_of
from fasdata.store.atomic import replacing, write_text

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
_HEADER = "fastrain"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name (all on the CPU) and facts, plain JSON values.

    The facts are in the header of the safetensors file, so that one rename replaces both. The `.json` beside it is a
    copy for people and scripts; nothing is read back from it.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def write(self, path: Path) -> None:
        """Write `path` (`.safetensors`) and its `.json`, each by a rename, so that a file there is always complete.

        Raises:
            UserError: it cannot be written, mostly for want of space; the file that was there is kept.
        """
        from safetensors import SafetensorError

        text = json.dumps({"format": FORMAT, **self.facts}, allow_nan=False)
        try:
            with replacing(path) as temporary:
                self._save(temporary, {_HEADER: text})
        except SafetensorError as error:  # wraps the error of the operating system
            raise UserError(
                f"the checkpoint {path} cannot be written",
                found=str(error).rpartition("error: ")[2],
                do="free some space and run the same command again: it goes on from the checkpoint before",
            ) from None
        write_text(path.with_suffix(".json"), json.dumps(_readable(self.facts), indent=1, allow_nan=False) + "\n")

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
            UserError: the file is missing, damaged, foreign, or of another format.
        """
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            raise UserError(f"no checkpoint at {path}", do="a run writes its first one at its first validation")
        try:
            with safe_open(path, framework="pt") as file:
                facts = json_of(
                    (file.metadata() or {})[_HEADER], f"the description inside {path}", do="start the run again"
                )
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            problem = " ".join(str(error).split()) or type(error).__name__
            raise UserError(f"{path} is no readable checkpoint", found=problem, do="start the run again") from error
        if facts.get("format") != FORMAT:
            raise UserError(f"{path} has another format", expected=str(FORMAT), found=str(facts.get("format")))
        return cls(tensors, facts)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with `prefix/`, without it."""
        cut = len(prefix) + 1
        return {name[cut:]: tensor for name, tensor in self.tensors.items() if name.startswith(prefix + "/")}


def _readable(facts: Mapping[str, Any]) -> dict[str, Any]:
    # Hundreds of numbers of generator state would hide the rest.
    return {name: value for name, value in facts.items() if name != "random"}
