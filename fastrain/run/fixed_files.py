"""Find again the files of weights that a run's checkpoints rest on, or say which one belongs where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fastrain.methods.registry import settings_class

if TYPE_CHECKING:
    from fastrain.config import RunConfig
    from fastrain.rundir import RunDir, RunFacts

FOLDER = "weights"
"""Inside a run folder: where such a file is looked for if it is not where the run read it, so that folders can move."""


def with_files_found(run: RunDir, about: RunFacts, config: RunConfig) -> RunConfig:
    """Return the configuration with `pretrained` naming the file where it lies now; as it is where nothing is needed.

    It is looked for where the configuration says (a path, or the hub's cache and the hub), then in the folder `weights`
    of the run. Whether it is the very same file is checked when a checkpoint is loaded.

    Raises:
        UserError: it is in none of these places; names file, hash and places.
    """
    if len(about.fixed_weights) != 1:  # a method reads one file; runs that need none name none
        return config
    wanted = about.fixed_weights[0]
    beside = run.path / FOLDER / Path(wanted.file).name
    try:
        settings_class(config.method).model_validate(config.model).preflight()
    except UserError as error:
        if beside.is_file():
            return config.model_copy(update={"model": {**config.model, "pretrained": str(beside)}})
        raise UserError(
            f"the checkpoints of {run.path} hold what was trained, and the rest is in a file that is not here",
            expected=f"{wanted.text} at {wanted.where}, or as {beside}",
            found=str(error).partition(";")[0],
            do="put that file into one of these places",
        ) from error
    return config
