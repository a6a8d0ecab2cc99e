"""A finished run with its network and the pictures that it was tested on, opened once for many scorings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.library import Library
from fastrain.networks.checkpoint import Checkpoint
from fastrain.run.settings import resolve
from fastrain.rundir import RunDir, selected_checkpoint

if TYPE_CHECKING:
    from fasdata.manifest import Manifest
    from fastrain.data.images import Images
    from fastrain.evaluation.scores import ScoreTable
    from fastrain.train.scoring import Scorer

PARTS = ("val", "test")


@dataclass(frozen=True)
class OpenRun:
    """`images` by part (val, test; a part without samples is absent), and the network that scores them."""

    manifest: Manifest
    images: Mapping[str, Images]
    _about: Mapping[str, Any]
    _scorer: Scorer

    @classmethod
    def of(cls, folder: Path) -> OpenRun:
        """Open a run on the manifest and the library that it names.

        Raises:
            UserError: no finished run, or its checkpoint, manifest or stores are gone, or are not its own.
        """
        from fasdata.faces.view import View
        from fasdata.lock.lock import Lock
        from fastrain.data.images import Images, Preparation
        from fastrain.data.manifests import against_training, given_manifest
        from fastrain.data.samples import Samples
        from fastrain.rescore.network_scores import run_scorer
        from fastrain.train.training_state import load_method, require_own

        run = RunDir(folder)
        path = selected_checkpoint(folder)
        about, config = run.read_json("run.json"), resolve(run.read_config())
        manifest = given_manifest(Path(about["manifest_path"]), None, None).manifest
        stores = manifest.open_stores(Library.locate(Path(about["library"])))
        checkpoint = Checkpoint.read(path)
        require_own(checkpoint, about, path)
        lock = Lock.of_manifest(manifest, stores)
        against_training(checkpoint.facts.get("lock"), lock, where=str(path), allowed=False)
        view = View.named(about["view"], about["image_size"])
        scorer = run_scorer(run, about, config, view)
        load_method(checkpoint, scorer.method)
        prepared = Preparation.of(config.data)
        images = {
            part: Images(found, stores, view, modalities=scorer.method.modalities, preparation=prepared)
            for part in PARTS
            if len(found := Samples.of(manifest, part))
        }
        return cls(manifest, images, about, scorer)

    def scored(self, images: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `table` takes: by part, the images and their scores."""
        return {part: (one, self._scorer.scores(one)) for part, one in images.items()}

    def table(self, scored: Mapping[str, Any], corruption: str = "") -> ScoreTable:
        """Return these scores as a table that says what was done to the pictures."""
        from fastrain.evaluation.scores import ScoreOrigin
        from fastrain.run.conclude import score_table

        return ScoreOrigin.of_run(self._about, corruption=corruption).on(score_table(self.manifest, scored))
