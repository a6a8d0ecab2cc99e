"""A finished run on its own data, opened once for many scorings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError, naming
from fasdata.library import Library
from fastrain.networks.checkpoint import Checkpoint
from fastrain.rescore.outside_scores import OutsideAssembly, has_networks, outside_assembly
from fastrain.run.settings import own_config
from fastrain.rundir import RunDir, RunFacts, selected_checkpoint
from fastrain.rundir.folder import RUN

if TYPE_CHECKING:
    from fasdata.manifests import Manifest
    from fastrain.data.images import Images
    from fastrain.evaluation.scores import ScoreTable
    from fastrain.outside.networks import OutsideScorer
    from fastrain.run.assembly import Assembly
    from fastrain.train.scoring import Scorer


@dataclass(frozen=True)
class FinishedRun:
    """A finished run with its network, its manifest, and the pictures of those parts it was opened with that it has."""

    manifest: Manifest
    about: RunFacts
    _assembly: Assembly | OutsideAssembly

    @classmethod
    def opened(cls, folder: Path, *, parts: Sequence[str] = ("val", "test"), accelerator: str = "auto") -> FinishedRun:
        """Open a run on the manifest and the library that it names.

        Raises:
            UserError: no finished run, or its checkpoint, manifest or stores are gone, or are not its own.
        """
        from fasdata.faces.view import View
        from fasdata.lock.lock import Lock
        from fasdata.protocols.find_manifest import given_manifest
        from fastrain.data.manifests import against_training
        from fastrain.run.assembly import Data, assembly_of_run, load_network

        run = RunDir(folder)
        about = run.facts()
        outside = has_networks(about)
        path = None if outside else selected_checkpoint(folder)
        if not (about.manifest_path and about.library and about.view):
            raise UserError(
                f"{run.file(RUN)} does not say what the run was tested on",
                expected="manifest_path, library and view",
                do="score it first: fastrain eval RUN --protocol NAME --data LIBRARY",
            )
        with naming(str(run.file(RUN))):
            view = View.named(about.view, about.image_size)
        manifest = given_manifest(Path(about.manifest_path), None, None).manifest
        stores = manifest.open_stores(Library.locate(Path(about.library)))
        lock = Lock.of_manifest(manifest, stores)
        data = Data(manifest, stores, view)
        if path is None:
            against_training(about.lock, lock, where=str(run.file(RUN)), allowed=False)
            return cls(manifest, about, outside_assembly(run, about, data, parts, accelerator))
        against_training(Checkpoint.read(path).about.lock, lock, where=str(path), allowed=False)
        config = own_config(run)
        assembly = assembly_of_run(run, about, config, data, parts=parts, accelerator=accelerator)
        load_network(run, about, assembly.method, path.stem)
        return cls(manifest, about, assembly)

    @property
    def images(self) -> Mapping[str, Images]:
        """The images by part; a part without samples is absent."""
        return self._assembly.images

    @property
    def scorer(self) -> Scorer | OutsideScorer:
        """What shows images to the network, with the method and the device it is on."""
        return self._assembly.scorer

    @property
    def own_scorer(self) -> Scorer:
        """What shows images to a network of ours.

        Raises:
            UserError: the run is a contestant, whose networks cannot be looked into.
        """
        if isinstance(self._assembly, OutsideAssembly):
            raise UserError(
                f"{self.about.method} is a contestant, whose networks have no weights that can be moved",
                expected="a trained or imported run",
            )
        return self._assembly.scorer

    def scored(self, images: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `table` takes: by part, the images and their scores."""
        return {part: (members, self._assembly.scorer.scores(members)) for part, members in images.items()}

    def table(self, scored: Mapping[str, Any], corruption: str = "") -> ScoreTable:
        """Return these scores as a table that says what was done to the pictures."""
        from fastrain.evaluation.scores import ScoreOrigin
        from fastrain.run.conclude import score_table

        return ScoreOrigin.of_run(self.about, corruption=corruption).on(score_table(self.manifest, scored))
