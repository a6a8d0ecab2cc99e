"""`fastrain eval RUN --protocol …`: score the network of a run on other data of a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata import __version__
from fasdata.errors import UserError, naming
from fasdata.library import Library
from fasdata.lock.lock import Lock
from fastrain.data.image_source import image_source
from fastrain.data.manifests import (
    ManifestFile,
    against_library,
    against_training,
    find_manifest,
    given_manifest,
    with_changes,
)
from fastrain.networks.checkpoint import Checkpoint
from fastrain.report.masked_targets import only_masked
from fastrain.run.plan import RECIPE, settled_view
from fastrain.run.settings import own_config
from fastrain.rundir import RunDir, RunFacts
from fastrain.rundir.folder import RUN

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fastrain.config import RunConfig
    from fastrain.evaluation.scores import ScoreTable


@dataclass(frozen=True)
class Asked:
    """The data to score: a manifest, or a protocol and recipe of the library `data`; None = the run's own."""

    protocol: str | None = None
    recipe: str | None = None
    manifest: str | None = None
    data: str | None = None

    def __bool__(self) -> bool:
        return any((self.protocol, self.recipe, self.manifest, self.data))


def score_again(
    folder: Path, asked: Asked, out: Path | None = None, *, fta: str | None = None, allow_changed: bool = False
) -> RunDir:
    """Score a run's network on the given data; return the folder with its scores, results and report.

    That folder is `out`, by default one below the run's `evaluations/`; an imported run, which comes without data, is
    completed in place the first time. The checkpoint carries the lock of the data it was made with: other data have to
    be allowed, and the results then list what differs. A `@miss-*` variant of the run's own protocol is the same data.

    Raises:
        UserError: no such run, checkpoint, manifest or store; data that are not those of the lock; `out` is taken.
    """
    from fastrain.rescore.network_scores import network_scores
    from fastrain.run.assembly import Data
    from fastrain.run.conclude import score_table, with_fields

    run = RunDir(folder)
    about, config = run.facts(), own_config(run)
    given = asked.data or about.library
    library = Library.locate(Path(given) if given else None)
    manifest_file = _manifest(asked, about, library)
    place = run.checkpoint(about)
    checkpoint = Checkpoint.read(place)
    imported = checkpoint.about.source is not None
    target = RunDir(out or (folder if about.status == "imported" else _default_out(run, manifest_file)))
    _require_free(target, folder if imported else None)
    stores = manifest_file.manifest.open_stores(library)
    lock = Lock.of_manifest(manifest_file.manifest, stores)
    changed = against_library(library, lock, allowed=allow_changed)
    if not imported:
        masked = only_masked(run.manifest().tree(), manifest_file.manifest.meta)
        trained_on = checkpoint.about.lock
        also = against_training(trained_on, lock, where=str(place), allowed=allow_changed, masked=masked)
        changed = list(dict.fromkeys([*changed, *also]))
    view = _view(run, about, config, manifest_file)
    source = image_source(config.data.images, library, manifest_file.manifest, view)
    scored = network_scores(run, about, config, Data(manifest_file.manifest, stores, view, source))
    facts_now = {
        **about.tree(),
        "protocol": manifest_file.manifest.meta["canonical"],
        "protocol_alias": manifest_file.manifest.meta["alias"],
        "recipe": manifest_file.manifest.meta["recipe"]["name"],
        "manifest_path": str(manifest_file.path),
        "manifest_fingerprint": manifest_file.manifest.meta["fingerprint"],
        "library": str(library.root),
        "lock": lock.as_json(),
        "changed_data": changed,
        "view": view.geometry,
        "view_geometry": view.geometry_version,
        "trained_view_geometry": (about.trained_view_geometry or about.view_geometry) if about.view else None,
        "pixels": source.pixels,
        "image_size": view.size,
        "seed": config.train.seed,
        "selection": {**about.selection.tree(), "iteration": checkpoint.about.iteration},
        "evaluation_of": str(folder),
        "status": "evaluated",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "tool_version": __version__,
    }
    table = with_fields(score_table(manifest_file.manifest, scored), stores)
    _write(target, facts_now, config, manifest_file, table, fta)
    return target


def _manifest(asked: Asked, about: RunFacts, library: Library) -> ManifestFile:
    if asked.manifest:
        return given_manifest(Path(asked.manifest), asked.protocol, asked.recipe)
    protocol = asked.protocol or about.protocol
    if not protocol:
        raise UserError("this run has no protocol of its own", expected="--protocol NAME or --manifest FILE")
    return find_manifest(library, protocol, asked.recipe or about.recipe or RECIPE, None)


def _default_out(run: RunDir, manifest_file: ManifestFile) -> Path:
    meta = manifest_file.manifest.meta
    name = f"{meta['canonical'].replace(':', '-')}-{meta['recipe']['name']}-{meta['fingerprint'][:8]}"
    return run.path / "evaluations" / name


def _require_free(target: RunDir, own: Path | None) -> None:
    """Refuse to replace a trained run; an earlier evaluation may be replaced."""
    taken = target.file("run.json").is_file() and target.facts().status != "evaluated"
    if taken and target.path != own:
        raise UserError(f"{target.path} holds a run of its own", do="give another --out")


def _view(run: RunDir, about: RunFacts, config: RunConfig, manifest_file: ManifestFile) -> View:
    from fasdata.faces.view import View

    if about.view:
        with naming(str(run.file(RUN))):
            return View.named(about.view, about.image_size)
    do = "import it again with --set data.view=box"
    return settled_view(config, bool(config.data.view), manifest_file.manifest, do=do)[0]


def _write(
    target: RunDir,
    about: Mapping[str, Any],
    config: RunConfig,
    manifest_file: ManifestFile,
    table: ScoreTable,
    fta: str | None,
) -> None:
    from fastrain.evaluation.averaged import run_results
    from fastrain.evaluation.scores import ScoreOrigin
    from fastrain.report.run_report import write_report
    from fastrain.run.run import finite

    with target.locked():
        target.write_config(config)
        target.write_json("manifest.json", manifest_file.manifest.meta)
        table = ScoreOrigin.of_run(RunFacts.model_validate(about)).on(table)
        table.write_csv(target.file("scores.csv"))
        results = run_results(table, selection=about["selection"]["policy"], fta=fta or config.evaluate.fta)
        target.write_json("results.json", finite(with_changes(results, about["changed_data"])))
        target.write_json("run.json", about)
        write_report([target.path], target.file("report.html"))
