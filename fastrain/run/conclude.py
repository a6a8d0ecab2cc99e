"""Turn scores into a score table with the clips' fields, and fit the colour probe."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError
from fasdata.quality import GRADED, grade
from fastrain.evaluation.colour_probe import colour_probe
from fastrain.evaluation.score_rules import FIELD_PREFIX, KEY_COLUMNS
from fastrain.evaluation.scores import ScoreTable
from fastrain.evaluation.training_range import beyond, ranges_of

if TYPE_CHECKING:
    from fasdata.manifests import Manifest
    from fasdata.store.reader import Store
    from fastrain.data.images import Images


# -- The clips' fields, to group errors by -----------------------------------------------------------------------------

MOST = 15  # values; a field with more, such as a serial number, groups nothing


def with_fields(
    table: ScoreTable, stores: Mapping[str, Store], trained: Collection[tuple[str, str]] = ()
) -> ScoreTable:
    """Add a column `field_<name>` for every field (device, session, …) that tells clips apart.

    Fields are those of the clips' records in `stores`, by dataset, and the grades of what was measured of their faces
    (`fasdata.quality`); unknown is empty. A clip that a store does not have any more has none. Where `trained` are the
    clips of the training (dataset, clip_id), `training_range` says which faces lie outside the middle 98 % of theirs.
    """
    clips = table.frame[list(KEY_COLUMNS)].drop_duplicates()
    fields_of, grades = {}, _grades(stores, trained)
    for dataset, clip_id in clips.itertuples(index=False):
        try:
            fields = dict(stores[dataset].record(clip_id).clip.fields)
        except (KeyError, UserError):
            fields = {}
        fields_of[dataset, clip_id] = {**grades.get((dataset, clip_id), {}), **fields}
    names = sorted({name for fields in fields_of.values() for name in fields})
    kept = [name for name in names if 1 < len({fields.get(name, "") for fields in fields_of.values()} - {""}) <= MOST]
    if not kept:
        return table
    keys = list(table.frame[list(KEY_COLUMNS)].itertuples(index=False, name=None))
    columns = {f"{FIELD_PREFIX}{name}": [fields_of[key].get(name, "") for key in keys] for name in kept}
    return ScoreTable(table.frame.assign(**columns), table.source)


def _grades(stores: Mapping[str, Store], trained: Collection[tuple[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the grades of what was measured of each clip's faces; stores made before it was have none."""
    measures: dict[tuple[str, str], dict[str, float]] = {}
    for dataset, store in stores.items():
        try:
            quality = store.quality() if hasattr(store, "quality") else {}
        except UserError:
            continue
        measures |= {(dataset, clip_id): of for clip_id, of in quality.items()}
    grades = {key: {name: grade(name, of[name]) for name in GRADED if name in of} for key, of in measures.items()}
    ranges = ranges_of([measures[key] for key in trained if key in measures])
    if ranges and {dataset for dataset, _ in trained} <= {dataset for dataset, _ in measures}:
        for key, of in measures.items():
            grades[key]["training_range"] = "outside" if beyond(of, ranges) else "inside"
    return grades


def trained_clips(manifest: Manifest) -> set[tuple[str, str]]:
    """Return dataset and id of the clips that a manifest trains on."""
    columns = (manifest.table[name].to_pylist() for name in ("dataset", "clip_id", "part"))
    return {(dataset, clip) for dataset, clip, part in zip(*columns, strict=True) if part == "train"}


# -- Score table and colour probe --------------------------------------------------------------------------------------

SCORE = "score"
PROBED = 2000  # images a part; mean colours need no more
_FROM_MANIFEST = (
    "sample_id", "dataset", "domain", "part", "clip_id", "subject", "label", "attack_type", "pai", "frame_index",
    "status",
)  # fmt: skip


def score_table(manifest: Manifest, scored: Mapping[str, tuple[Images, Mapping[str, np.ndarray]]]) -> ScoreTable:
    """Return the score table of the scored parts; clips that were not acquired are in it, without a score."""
    import pandas as pd

    columns = {name: np.full(len(manifest.table), np.nan) for _, scores in scored.values() for name in scores}
    for images, scores in scored.values():
        for name, values in scores.items():
            columns[name][images.samples.row] = values
    frame = manifest.table.select(_FROM_MANIFEST).to_pandas()
    frame = frame.assign(**{_column(name): values for name, values in columns.items()})
    listed = np.array(frame["status"] != "ok")  # of one frame a clip, those that were not drawn have no score
    for images, _ in scored.values():
        listed[images.samples.row] = True
    return ScoreTable(pd.concat([frame[listed & (frame["part"] == part)] for part in scored], ignore_index=True))


def _column(name: str) -> str:
    return name if name == SCORE or name.startswith(f"{SCORE}_") else f"{SCORE}_{name}"


def probe(images: Mapping[str, Images]) -> dict[str, Any]:
    """Fit the colour probe on the part `train` and measure it on the others; large parts are thinned evenly."""
    thinned = {part: _Thinned.of(part_images) for part, part_images in images.items()}
    train = thinned.pop("train")
    return colour_probe(train, train.labels, {part: (views, views.labels) for part, views in thinned.items()})


@dataclass(frozen=True)
class _Thinned(Sequence[np.ndarray]):
    """Some of the images of a part, each rendered when it is looked at."""

    images: Images
    members: np.ndarray

    @classmethod
    def of(cls, images: Images) -> _Thinned:
        count = len(images.samples)
        return cls(images, np.linspace(0, max(count - 1, 0), min(count, PROBED)).astype(int))

    @property
    def labels(self) -> list[int]:
        return self.images.samples.label[self.members].tolist()

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: Any) -> Any:
        return self.images.colour(int(self.members[place]))
