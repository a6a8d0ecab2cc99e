"""What the user asked of `fastrain run`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fastrain.config import RunConfig
from fastrain.run.settings import layered, own_config, resolve
from fastrain.rundir import RunDir

# What `run.json` keeps of a request, so that `--resume RUN` alone says everything.
_KEPT = (
    "method", "protocol", "recipe", "manifest", "preset", "frames", "test_frames", "val", "data", "devices",
    "precision", "accelerator", "track",
)  # fmt: skip


@dataclass(frozen=True)
class RunRequest:
    """The options as given; None = not given."""

    method: str | None = None
    protocol: str | None = None
    recipe: str | None = None
    manifest: str | None = None
    preset: str | None = None
    overrides: tuple[str, ...] = ()
    frames: str | None = None
    test_frames: str | None = None
    val: str | None = None
    data: str | None = None
    out: str | None = None
    resume: str | None = None
    devices: str | None = None
    precision: str | None = None
    accelerator: str | None = None
    threads: int | None = None
    track: str | None = None
    faces: bool = False
    report: bool = True
    allow_changed_data: bool = False
    dry_run: bool = False

    def kept(self) -> dict[str, Any]:
        """Return the options that `completed` reads back from `run.json`."""
        return {**{name: getattr(self, name) for name in _KEPT}, "overrides": list(self.overrides)}

    def completed(self) -> RunRequest:
        """Complete the request from the run that `--resume` points at.

        Raises:
            UserError: the folder is no run, or there is neither a method nor a run to resume.
        """
        if self.resume is None:
            if self.method is None:
                raise UserError(
                    "no method", expected="fastrain run METHOD --protocol NAME", do="'fastrain methods' lists them"
                )
            return self
        if self.out is not None and Path(self.out) != Path(self.resume):
            raise UserError("--out and --resume name different folders", found=f"{self.out} and {self.resume}")
        kept = RunDir(Path(self.resume)).facts().request
        missing: dict[str, Any] = {name: getattr(kept, name) for name in _KEPT if getattr(self, name) is None}
        return replace(self, out=self.resume, overrides=(*kept.overrides, *self.overrides), **missing)

    def sets(self, key: str) -> bool:
        """Tell whether an override, now or when the run began, sets the configuration key (full path)."""
        named = [override.partition("=")[0].strip() for override in self.completed().overrides]
        return any(key == name or key.endswith("." + name) for name in named)

    def config(self) -> RunConfig:
        """Return the resolved configuration: the run's own when `--resume` is the only option.

        Raises:
            UserError: an unknown key, preset or method, a value that does not fit.
        """
        if self.resume is not None and not (self.method or self.preset or self.overrides):
            return own_config(RunDir(Path(self.resume)))
        whole = self.completed()
        assert whole.method is not None
        return resolve(layered(whole.method, whole.preset, whole.overrides))
