"""The clips of a place with the scores of a bundle: from a score file, or from a store whose faces it scores itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fastrain.bundle.found import FoundClip
from fastrain.bundle.loading import predictor_of_bundle
from fastrain.bundle.opened import Bundle
from fastrain.bundle.self_test import require_passed

if TYPE_CHECKING:
    import pandas as pd

    from fasdata.store.reader import Store
    from fastrain.bundle.finding import Finding
    from fastrain.evaluation.score_columns import Reading


@dataclass(frozen=True)
class PlaceClips:
    """Clips of a place, an entry each: score (NaN = none), label, person ("" = not known), species.

    `source` says in words where they are from.
    """

    scores: np.ndarray
    bonafide: np.ndarray
    people: Sequence[str]
    species: Sequence[str]
    source: str


def clips_of_scores(path: Path, reading: Reading, subjects: Path | None = None) -> PlaceClips:
    """Return the clips of a score file; of one with several parts those that a protocol tests.

    Raises:
        UserError: it is no score file, or its people do not belong to it.
    """
    from fastrain.evaluation.score_files import read_outside
    from fastrain.rescore.contestants import with_subjects

    read = read_outside(path, reading)
    if subjects:
        read = with_subjects(read, subjects)
    table = read.table.part("test") or read.table.part("val")
    if table is None:
        raise UserError(f"{path} has no clips to take a threshold from", expected="rows of part test or val")
    return clips_of(table.clips().frame, path.name)


def clips_of(frame: pd.DataFrame, source: str) -> PlaceClips:
    """Return the clips of a table of clips."""
    from fasdata.records import BONAFIDE
    from fasdata.species import species_of

    people = [
        f"{dataset}/{subject}" if subject else ""
        for dataset, subject in frame[["dataset", "subject"]].itertuples(index=False)
    ]
    species = [
        species_of(str(attack), str(pai)) for attack, pai in frame[["attack_type", "pai"]].itertuples(index=False)
    ]
    bonafide = np.asarray(frame["label"] == BONAFIDE, bool)
    return PlaceClips(frame["score"].to_numpy(np.float64), bonafide, people, species, source)


def clips_of_store(bundle: Bundle, name: str, data: str = "", detector_model: str = "") -> PlaceClips:
    """Return the clips of a dataset of the library, scored by the bundle on the frames that it takes of a clip.

    Raises:
        UserError: no such store, one of the network's own training, one whose faces were found otherwise, or without
            labels.
    """
    from fasdata.library import Library
    from fasdata.progress import progress
    from fasdata.records import BONAFIDE
    from fasdata.species import species_of
    from fasdata.store.reader import Store

    library = Library.locate(Path(data) if data else None)
    slug = name if name in library.stores() else name.lower()
    if bundle.facts.seen is not None and slug in bundle.facts.seen.datasets:
        raise UserError(
            f"the network of {bundle.where} was trained on {slug}", expected="clips that it never saw",
            found="its scores there are better than anywhere else",
        )  # fmt: skip
    store = Store.open(library.require_store(slug))
    predictor = predictor_of_bundle(bundle, detector_model)
    require_passed(bundle, predictor)
    _require_same_faces(predictor.finding, store.info.config, slug)
    ids = store.clip_ids()
    scores, bonafide, people, species = [], [], [], []
    with library.in_use([slug]), progress(f"calibrate on {slug}", len(ids), "clips") as bar:
        for record in store.records():
            clip = record.clip
            bar.advance()
            if not clip.label:
                continue
            stored = _StoredClip.in_store(FoundClip.of(record, {}, predictor.finding), store)
            scores.append(float(np.mean(predictor.scores_of([stored])[0])) if stored.frames else np.nan)
            bonafide.append(clip.label == BONAFIDE)
            people.append(f"{slug}/{clip.subject}" if clip.subject else "")
            species.append(species_of(clip.attack_type, clip.pai))
    if not scores:
        raise UserError(
            f"no clip of {slug} has a label", expected="bona fide clips, and attacks for a promise of apcer"
        )
    return PlaceClips(np.array(scores), np.array(bonafide), people, species, slug)


@dataclass(frozen=True)
class _StoredClip(FoundClip):
    """A clip whose crops are read from a store when they are looked at."""

    store: Store | None = None

    @classmethod
    def in_store(cls, clip: FoundClip, store: Store) -> _StoredClip:
        """Return a clip whose crops lie in a store."""
        return cls(clip.record, {}, clip.frames, clip.loss, store)

    def crop(self, frame_index: int, modality: str) -> np.ndarray:
        """Return a crop."""
        assert self.store is not None
        return self.store.crop(self.record.clip.clip_id, frame_index, modality)


def _require_same_faces(finding: Finding, store: Mapping[str, Any], slug: str) -> None:
    """Stop where a store's faces were found otherwise than the bundle finds them: its scores would be others."""
    for name in ("detector", "detector_weights_sha256"):
        ours, theirs = finding.store.get(name), store.get(name)
        if ours != theirs:
            raise UserError(
                f"the faces of {slug} were found otherwise than the bundle finds them",
                expected=f"{name} {str(ours)[:40]}", found=str(theirs)[:40],
                do=f"extract {slug} again with that detector",
            )  # fmt: skip
