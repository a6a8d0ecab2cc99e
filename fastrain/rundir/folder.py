"""The folder of a run: where its files stand, how they are written, and how they are read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from fasdata.claims import claim, holder_of
from fasdata.errors import UserError
from fasdata.foreign import read_json, read_yaml, validated
from fasdata.store.atomic import is_temporary, require_writable, sweep, write_text
from fastrain.config import RunConfig, differences
from fastrain.rundir.facts import Facts, ManifestFacts, RunFacts
from fastrain.rundir.result_facts import ProbeFacts, ResultFacts

RunState = Literal["new", "unfinished", "finished"]
File = TypeVar("File", bound=Facts)
RUN, CONFIG, MANIFEST = "run.json", "config.yaml", "manifest.json"
RESULTS, PROBE = "results.json", "probe.json"
NETWORKS = "networks"  # the folder of a contestant's
HELP = "put the run's own file back, or train again with another --out"
_LOCK, _ANOTHER = ".lock", "wait for it to end, or give another --out"
_EARLY = (_LOCK, "checkpoints", "code", CONFIG, MANIFEST)  # written before run.json


@dataclass(frozen=True)
class RunDir:
    """Paths and writing of a run folder; every file is replaced whole."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Return the folder of `last.safetensors` and `best.safetensors`."""
        return self.path / "checkpoints"

    def checkpoint(self, about: RunFacts) -> Path:
        """Return the path of the checkpoint that the run selected; `about` is what `run.json` says.

        Raises:
            UserError: it does not say.
        """
        if about.selection.checkpoint is None:
            raise UserError(
                f"{self.file(RUN)} does not name the selected checkpoint",
                expected="selection.checkpoint: best, last, ema or swa",
                do=HELP,
            )
        return self.checkpoints / f"{about.selection.checkpoint}.safetensors"

    def require_network(self, about: RunFacts) -> None:
        """Check that this is no run that was scored on other data: its network lies with the run that it names.

        Raises:
            UserError: it is.
        """
        if about.evaluation_of and not self.checkpoints.exists() and not self.file(NETWORKS).exists():
            raise UserError(
                f"{self.path} holds scores of the run {about.evaluation_of}, and no network",
                do=f"name {about.evaluation_of}",
            )

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
        with claim(self.path / _LOCK, self._taken, do=_ANOTHER):
            for folder in (self.path, self.checkpoints):
                sweep(folder)
            yield

    def require_writable(self) -> None:
        """Check, and write nothing, that the folder can be made or written to.

        Raises:
            UserError: it cannot.
        """
        if not os.path.isfile(self.path):  # noqa: PTH113 (a name too long is no file); `state` says what is wrong
            require_writable(self.path)

    def require_free(self) -> None:
        """Check, and write nothing, that no other process works here.

        Raises:
            UserError: one does.
        """
        if holder := self.holder():
            raise UserError(self._taken, found=holder, do=_ANOTHER)

    def holder(self) -> str:
        """Return which process works here, in words; "" where none does."""
        return holder_of(self.path / _LOCK)

    @property
    def _taken(self) -> str:
        return f"another process is training in {self.path}"

    def state(self) -> RunState:
        """Tell whether a run was begun here, and ended; one without a checkpoint has nothing to go on from.

        Raises:
            UserError: the folder holds something else.
        """
        if self.file(RUN).is_file():
            if self.facts().status == "finished":
                return "finished"
            return "unfinished" if (self.checkpoints / "last.safetensors").is_file() else "new"
        there = self.path.glob("*") if self.path.is_dir() else ()
        strangers = [path.name for path in there if path.name not in _EARLY and not is_temporary(path)]
        if strangers or self.path.is_file():
            raise UserError(f"{self.path} is not a run folder", found=", ".join(strangers[:3]), do="give another --out")
        return "new"

    def require_same(self, config: RunConfig, facts: Mapping[str, Any]) -> None:
        """Compare with the run that was begun here: its configuration, and those of `facts` that are in `run.json`.

        Raises:
            UserError: they differ; names each differing key with both values.
        """
        run = self.facts().model_dump(mode="json")
        old = {**self._tree(), "run": {name: run.get(name) for name in facts}}
        changed = differences(old, {**config.model_dump(mode="json"), "run": dict(facts)})
        if changed:
            raise UserError(
                f"{self.path} holds a run with another configuration",
                found="; ".join(changed).replace("run.", ""),
                do="repeat its options to continue it, or give another --out",
            )

    def facts(self) -> RunFacts:
        """Return what `run.json` says.

        Raises:
            UserError: it is missing or damaged, as of the methods below.
        """
        return self._read(RUN, RunFacts)

    def manifest(self) -> ManifestFacts:
        """Return what `manifest.json` says of the run's manifest."""
        return self._read(MANIFEST, ManifestFacts)

    def results(self) -> ResultFacts:
        """Return what `results.json` says."""
        return self._read(RESULTS, ResultFacts)

    def probe(self) -> ProbeFacts:
        """Return what `probe.json` says of the colour probe."""
        return self._read(PROBE, ProbeFacts)

    def config(self) -> RunConfig:
        """Return the configuration as `config.yaml` has it; `fastrain.run.settings.own_config` fills the defaults in.

        Raises:
            UserError: it is missing or damaged, or the run is a contestant, which has none.
        """
        if not self.file(CONFIG).exists() and self.file(RUN).is_file():
            about = self.facts()
            if about.contestant is not None:
                raise _no_network(self.path, about)
        return validated(RunConfig, self._tree(), str(self.file(CONFIG)), do=HELP)

    def _read(self, name: str, form: type[File]) -> File:
        path = self.file(name)
        if not path.exists():
            raise UserError(f"{self.path} is not a finished run folder", expected=name, do="run 'fastrain run' first")
        return validated(form, read_json(path, do=HELP), str(path), do=HELP)

    def _tree(self) -> dict[str, Any]:
        path = self.file(CONFIG)
        tree = read_yaml(path)
        if not isinstance(tree, dict):
            raise UserError(f"{path} is damaged", expected="a mapping of keys", found=type(tree).__name__, do=HELP)
        return tree

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a JSON file of the run."""
        write_text(self.file(name), json.dumps(data, indent=2, allow_nan=False) + "\n")

    def write_config(self, config: RunConfig) -> None:
        """Write the resolved configuration."""
        write_text(
            self.file(CONFIG),
            yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        )


def selected_checkpoint(run: Path) -> Path:
    """Return the checkpoint of a finished run that its selection policy names.

    Raises:
        UserError: no finished or imported run there, or its checkpoint is gone.
    """
    folder = RunDir(run)
    about = folder.facts()
    if about.contestant is not None and about.contestant.kind == "scores":
        raise _no_network(run, about)
    if about.status not in ("finished", "imported"):
        raise UserError(f"the run {run} is not finished", found=str(about.status), do="let it end first")
    path = folder.checkpoint(about)
    if not path.is_file():
        raise UserError(f"the run {run} has no checkpoint any more", expected=str(path))
    return path


def _no_network(run: Path, about: RunFacts) -> UserError:
    return UserError(
        f"the contestant {run} has no network of ours",
        expected="a trained or imported run",
        found=f"scores from {about.contestant.file}" if about.contestant else "",
        do="'fastrain eval', 'report' and 'compare' take it as it is",
    )
