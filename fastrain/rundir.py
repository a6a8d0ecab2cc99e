"""The folder of a run, as the run writes it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from fasdata.errors import UserError
from fasdata.foreign import read_json_object, read_yaml
from fasdata.store.atomic import write_text
from fastrain.config import RunConfig, differences

RunState = Literal["new", "unfinished", "finished"]
_EARLY = (".lock", "checkpoints", "config.yaml", "manifest.json")  # written before run.json


@dataclass(frozen=True)
class RunDir:
    """Paths and writing of a run folder; every file is replaced whole."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Return the folder of `last.safetensors` and `best.safetensors`."""
        return self.path / "checkpoints"

    def file(self, name: str) -> Path:
        """Return the path of a file of the run."""
        return self.path / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the folder to this process while the block runs; the lock ends with the process, however it ends.

        Raises:
            UserError: another process works in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(
                    f"another process is training in {self.path}", do="wait for it, or give another --out"
                ) from None
            yield

    def state(self) -> RunState:
        """Tell whether a run was begun here, and ended; one without a checkpoint has nothing to go on from.

        Raises:
            UserError: the folder holds something else.
        """
        if self.file("run.json").is_file():
            if self.read_json("run.json").get("status") == "finished":
                return "finished"
            return "unfinished" if (self.checkpoints / "last.safetensors").is_file() else "new"
        strangers = [path.name for path in self.path.glob("*") if path.name not in _EARLY] if self.path.is_dir() else []
        if strangers or self.path.is_file():
            raise UserError(f"{self.path} is not a run folder", found=", ".join(strangers[:3]), do="give another --out")
        return "new"

    def require_same(self, config: RunConfig, facts: Mapping[str, Any]) -> None:
        """Compare with the run that was begun here: its configuration, and those of `facts` that are in `run.json`.

        Raises:
            UserError: they differ; names each differing key with both values.
        """
        run = self.read_json("run.json")
        old = {**self.read_config(), "run": {name: run.get(name) for name in facts}}
        changed = differences(old, {**config.model_dump(mode="json"), "run": dict(facts)})
        if changed:
            raise UserError(
                f"{self.path} holds a run with another configuration",
                found="; ".join(changed).replace("run.", ""),
                do="repeat its options to continue it, or give another --out",
            )

    def read_json(self, name: str) -> dict[str, Any]:
        """Return a JSON file of the run.

        Raises:
            UserError: it is missing or damaged.
        """
        path = self.file(name)
        if not path.exists():
            raise UserError(f"{self.path} is not a finished run folder", expected=name, do="run 'fastrain run' first")
        return read_json_object(path)

    def read_config(self) -> dict[str, Any]:
        """Return the resolved configuration of the run as a tree.

        Raises:
            UserError: it is missing or damaged.
        """
        path = self.file("config.yaml")
        tree = read_yaml(path)
        if not isinstance(tree, dict):
            raise UserError(f"{path} is damaged", expected="a mapping of keys")
        return tree

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a JSON file of the run."""
        write_text(self.file(name), json.dumps(data, indent=2, allow_nan=False) + "\n")

    def write_config(self, config: RunConfig) -> None:
        """Write the resolved configuration."""
        write_text(
            self.file("config.yaml"),
            yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        )


def selected_checkpoint(run: Path) -> Path:
    """Return the checkpoint of a finished run that its selection policy names.

    Raises:
        UserError: no finished or imported run there, or its checkpoint is gone.
    """
    about = RunDir(run).read_json("run.json")
    if about.get("status") not in ("finished", "imported"):
        raise UserError(f"the run {run} is not finished", found=str(about.get("status")), do="let it end first")
    path = RunDir(run).checkpoints / f"{about['selection']['checkpoint']}.safetensors"
    if not path.is_file():
        raise UserError(f"the run {run} has no checkpoint any more", expected=str(path))
    return path
