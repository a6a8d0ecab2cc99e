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
from fasdata.manifests.meta import parameters_of, recipe_key
from fasdata.protocols.built import Wanted
from fasdata.protocols.find_manifest import ManifestFile, find_manifest, given_manifest
from fastrain.data.image_source import image_source
from fastrain.data.manifests import against_library, against_training, with_changes
from fastrain.networks.checkpoint import Checkpoint
from fastrain.report.masked_targets import only_masked
from fastrain.rescore.on_purpose import Seen, manifest_on, with_own_validation
from fastrain.rescore.outside_scores import has_networks, outside_scores
from fastrain.run.plan import RECIPE, settled_view
from fastrain.run.settings import own_config
from fastrain.rundir import RunDir, RunFacts
from fastrain.rundir.folder import MANIFEST, RUN

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fastrain.config import RunConfig
    from fastrain.evaluation.scores import ScoreTable


@dataclass(frozen=True)
class Asked:
    """The data to score: a manifest, or a protocol and recipe of the library `data`; None = the run's own.

    `on` is any of a dataset, a protocol, whose target alone is scored, and a manifest.
    """

    protocol: str | None = None
    recipe: str | None = None
    manifest: str | None = None
    data: str | None = None
    on: str | None = None

    def __bool__(self) -> bool:
        return any((self.protocol, self.recipe, self.manifest, self.data, self.on))


def score_again(
    folder: Path, asked: Asked, out: Path | None = None, *, fta: str | None = None, allow_changed: bool = False
) -> RunDir:
    """Score a run's network on the given data; return the folder with its scores, results and report.

    That folder is `out`, by default one below the run's `evaluations/`; an imported run, which comes without data, is
    completed in place the first time. Other data, by `on` or by another protocol, recipe or manifest, are scored on
    purpose: their target alone, at the run's own source thresholds, and only what the network never saw. The run's own
    protocol has to be of the data that its checkpoint was made with, unless changes are allowed; the results then list
    them. A `@miss-*` variant of it is the same data.

    Raises:
        UserError: no such run, checkpoint, manifest or store; data that are not those of the lock, or that the network
            was trained on; `out` is taken.
    """
    from fastrain.rescore.network_scores import network_scores
    from fastrain.run.assembly import TESTED, Data
    from fastrain.run.conclude import score_table, with_fields

    run = RunDir(folder)
    about = run.facts()
    run.require_network(about)
    outside = has_networks(about)  # a contestant has no configuration and no checkpoint
    config = None if outside else own_config(run)
    given = asked.data or about.library
    library = Library.locate(Path(given) if given else None)
    manifest_file = _manifest(asked, about, library)
    checkpoint = None if outside else Checkpoint.read(run.checkpoint(about))
    imported = checkpoint is None or checkpoint.about.source is not None
    in_place = about.status == "imported" and not asked.on
    target = RunDir(out or (folder if in_place else _default_out(run, manifest_file)))
    _require_free(target, folder if imported else None)
    stores = manifest_file.manifest.open_stores(library)
    lock = Lock.of_manifest(manifest_file.manifest, stores)
    changed = against_library(library, lock, allowed=allow_changed)
    masked = not imported and only_masked(run.manifest().tree(), manifest_file.manifest.meta)
    on_purpose = bool(asked.on) or not (imported or masked or _is_own(manifest_file, about))
    if on_purpose and run.file(MANIFEST).is_file():  # else nobody here knows what it was made with
        Seen.of_run(run, about, library, outside=imported).require_unseen(manifest_file.manifest, stores)
    elif checkpoint is not None and not imported:
        where = str(run.checkpoint(about))
        also = against_training(checkpoint.about.lock, lock, where=where, allowed=allow_changed, masked=masked)
        changed = list(dict.fromkeys([*changed, *also]))
    view = _view(run, about, config, manifest_file)
    source = image_source(config.data.images if config else "store", library, manifest_file.manifest, view)
    parts = ("test",) if on_purpose else TESTED
    data = Data(manifest_file.manifest, stores, view, source)
    scored = network_scores(run, about, config, data, parts) if config else outside_scores(run, about, data, parts)
    facts_now = {
        **about.tree(),
        "protocol": manifest_file.manifest.meta["canonical"],
        "protocol_alias": manifest_file.manifest.meta["alias"],
        "recipe": recipe_key(manifest_file.manifest.meta["recipe"]),
        "recipe_parameters": parameters_of(manifest_file.manifest.meta["recipe"]),
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
        "seed": config.train.seed if config else None,
        "selection": {**about.selection.tree(), "iteration": checkpoint.about.iteration if checkpoint else None},
        "evaluation_of": str(folder),
        "trained_on": _trained_on(about) if on_purpose and not imported else None,
        "status": "evaluated",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "tool_version": __version__,
    }
    table = with_fields(score_table(manifest_file.manifest, scored), stores)
    if on_purpose:
        table = with_own_validation(table, run)
    _write(target, facts_now, config, manifest_file, table, fta)
    return target


def _manifest(asked: Asked, about: RunFacts, library: Library) -> ManifestFile:
    if asked.manifest:
        return given_manifest(Path(asked.manifest), asked.protocol, asked.recipe)
    if asked.on:
        return manifest_on(asked.on, asked.recipe, about, library)
    protocol = asked.protocol or about.protocol
    if not protocol:
        raise UserError("this run has no protocol of its own", expected="--protocol NAME or --manifest FILE")
    return find_manifest(library, protocol, _wanted(asked, about))


def _wanted(asked: Asked, about: RunFacts) -> Wanted:
    """Return the recipe that is asked for, else the run's own with its parameters."""
    if asked.recipe or not about.recipe:
        return Wanted(asked.recipe or RECIPE)
    kept = about.recipe_parameters
    return Wanted(about.recipe.partition("@")[0], kept.get("frames", ""), kept.get("test-frames", ""), kept.get("val"))


def _is_own(manifest_file: ManifestFile, about: RunFacts) -> bool:
    """Tell whether a manifest is of the protocol and the recipe that the run was made for."""
    meta = manifest_file.manifest.meta
    return (meta["canonical"], recipe_key(meta["recipe"])) == (about.protocol, about.recipe)


def _trained_on(about: RunFacts) -> dict[str, Any]:
    """Return what a network was trained on, which the scores on other data are to be told apart by."""
    names = ("protocol", "recipe", "recipe_parameters", "manifest_fingerprint")
    return {name: getattr(about, name) for name in names}


def _default_out(run: RunDir, manifest_file: ManifestFile) -> Path:
    meta = manifest_file.manifest.meta
    name = f"{meta['canonical'].replace(':', '-')}-{recipe_key(meta['recipe'])}-{meta['fingerprint'][:8]}"
    return run.path / "evaluations" / name


def _require_free(target: RunDir, own: Path | None) -> None:
    """Refuse to replace a trained run; an earlier evaluation may be replaced."""
    taken = target.file("run.json").is_file() and target.facts().status != "evaluated"
    if taken and target.path != own:
        raise UserError(f"{target.path} holds a run of its own", do="give another --out")


def _view(run: RunDir, about: RunFacts, config: RunConfig | None, manifest_file: ManifestFile) -> View:
    from fasdata.faces.view import View

    if about.view or config is None:
        with naming(str(run.file(RUN))):
            view = View.named(about.view or "", about.image_size)
        _require_points(view, manifest_file)
        return view
    do = "import it again with --set data.view=box"
    return settled_view(config, bool(config.data.view), manifest_file.manifest, do=do)[0]


def _require_points(view: View, manifest_file: ManifestFile) -> None:
    """Stop where a network that sees faces aligned by their points is shown faces without."""
    import pyarrow.compute as pc

    table = manifest_file.manifest.table
    tested = table.filter(pc.and_(pc.equal(table["part"], "test"), pc.equal(table["status"], "ok")))
    if view.needs_landmarks and tested["landmarks"].null_count:
        raise UserError(
            f"the network sees faces as {view.name} aligns them, by five points",
            found=f"{tested['landmarks'].null_count} of {tested.num_rows} tested faces without",
            do="extract these data with a detector that finds points, such as mtcnn",
        )


def _write(
    target: RunDir,
    about: Mapping[str, Any],
    config: RunConfig | None,
    manifest_file: ManifestFile,
    table: ScoreTable,
    fta: str | None,
) -> None:
    from fastrain.evaluation.averaged import run_results
    from fastrain.evaluation.scores import ScoreOrigin
    from fastrain.report.run_report import write_report
    from fastrain.run.run import finite

    with target.locked():
        if config:
            target.write_config(config)
        target.write_json("manifest.json", manifest_file.manifest.meta)
        table = ScoreOrigin.of_run(RunFacts.model_validate(about)).on(table)
        table.write_csv(target.file("scores.csv"))
        results = run_results(
            table, selection=about["selection"]["policy"], fta=fta or (config.evaluate.fta if config else "count")
        )
        target.write_json("results.json", finite(with_changes(results, about["changed_data"])))
        target.write_json("run.json", about)
        write_report([target.path], target.file("report.html"))
