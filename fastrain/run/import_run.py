"""`fastrain import`: turn a published checkpoint into a run folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata import __version__
from fasdata.errors import UserError
from fastrain.config import config_hash
from fastrain.methods.registry import importer
from fastrain.networks.foreign import Published, read_foreign
from fastrain.run.settings import layered, resolve
from fastrain.rundir import RunDir

if TYPE_CHECKING:
    from torch import Tensor

    from fastrain.config import RunConfig
    from fastrain.methods.base import Method


def import_run(method: str, file: Path, out: Path, overrides: Sequence[str] = (), domains: int = 3) -> RunDir:
    """Write a run folder that holds the network of a published checkpoint and names its source.

    The run has no protocol: `fastrain eval OUT --protocol …` gives it one. `overrides` are `key=value` settings that
    the file does not tell, such as `color_order=rgb`.

    Raises:
        UserError: no importer for the method, a file of another form or network, `out` is not empty.
    """
    from fastrain.run.assembly import build_method
    from fastrain.run.plan import view_of

    reader = importer(method)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists already", do="give another --out")
    published: Published = reader.convert(read_foreign(file, reader.RECORDS))
    config = resolve(layered(method, None, overrides, implied={"model": published.model}))
    network = build_method(config, n_domains=domains, image_size=view_of(config).size)
    _load(network, published, file)
    return _written(RunDir(out), network, config, published, file, domains)


def _load(network: Method, published: Published, file: Path) -> None:
    state: Mapping[str, Tensor] = published.state
    wanted = network.state_dict()
    # Files from before batch norm counted its batches lack that buffer.
    missing = [
        key
        for key in wanted
        if key not in state and not key.endswith("num_batches_tracked") and not key.startswith(published.not_kept)
    ]
    extra = [key for key in state if key not in wanted]
    shapes = [key for key in state if key in wanted and state[key].shape != wanted[key].shape]
    for what, keys in (("lacks", missing), ("has an unknown", extra), ("has another shape of", shapes)):
        if keys:
            raise UserError(
                f"{file} holds another network than {network.name} as configured",
                found=f"it {what} {keys[0]}" + (f" and {len(keys) - 1} more" if len(keys) > 1 else ""),
                do="set what the file was trained with, e.g. --set trunk=…",
            )
    network.load_state_dict({**wanted, **state})


def _written(run: RunDir, network: Method, config: RunConfig, published: Published, file: Path, domains: int) -> RunDir:
    from fastrain.networks.checkpoint import Checkpoint

    source = {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "imported": datetime.now(UTC).isoformat(timespec="seconds"),
        "says": dict(published.facts),
    }
    facts = {"method": network.name, "iteration": 0, "identity": {"config": config_hash(config)}, "source": source}
    run.checkpoints.mkdir(parents=True)
    state = {f"method/{name}": tensor for name, tensor in network.state_dict().items()}
    Checkpoint(state, facts).write(run.checkpoints / "best.safetensors")
    run.write_config(config)
    about = {
        "method": network.name,
        "protocol": None,
        "n_domains": domains,
        "color_order": config.model.get("color_order", "rgb"),
        "source": source,
        "selection": {"policy": published.selection, "metric": None, "checkpoint": "best", "iteration": None},
        "n_parameters": sum(parameter.numel() for parameter in network.parameters()),
        "status": "imported",
        "tool_version": __version__,
    }
    run.write_json("run.json", about)  # last: without it the folder is no run
    return run
