"""Samples: the columns of a part, its groups, and the shuffled-label control."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.data.images import Images
from fastrain.data.samples import Samples
from tests.fastrain.world import CANONICAL, LANDMARKS, RECIPE, SOURCES, TARGET, row


@pytest.fixture(scope="module")
def manifest(library: Library) -> Manifest:
    return Manifest.read(library.protocol_dir(CANONICAL, RECIPE))


def changed(manifest: Manifest, **columns: pa.Array) -> Manifest:
    table = manifest.table
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), table.schema.field(name), column)
    return Manifest(table, manifest.meta)


def test_a_sample_is_its_manifest_row(manifest: Manifest) -> None:
    for part in ("train", "val", "test"):
        samples, rows = Samples.of(manifest, part), manifest.table.to_pylist()
        assert [rows[i]["sample_id"] for i in samples.row] == [samples.sample_id(i) for i in range(len(samples))]
        assert [rows[i]["label"] == "bonafide" for i in samples.row] == samples.label.tolist()
        assert [rows[i]["domain_id"] for i in samples.row] == samples.domain.tolist()
        assert {rows[i]["part"] for i in samples.row} == {part}
    assert samples.landmarks.shape == (len(samples), 5, 2)
    assert samples.landmarks[3].tolist() == [list(point) for point in LANDMARKS]
    assert samples.region[3].tolist() == [0, 0, 48, 48]


def test_clips_that_were_not_acquired_have_no_sample(manifest: Manifest) -> None:
    lost = {**manifest.table.to_pylist()[0], **row(TARGET, -1, "test", "s9__bonafide", "s9", "bonafide", -1)}
    table = pa.concat_tables([manifest.table, pa.Table.from_pylist([lost], schema=manifest.table.schema)])
    samples = Samples.of(Manifest(table, manifest.meta), "test")
    assert len(samples) == len(Samples.of(manifest, "test"))
    assert not np.isnan(samples.landmarks).any()


def test_groups_partition_the_training_samples(manifest: Manifest) -> None:
    samples = Samples.of(manifest, "train")
    groups = samples.groups(len(SOURCES))
    assert sorted(np.concatenate(list(groups.values())).tolist()) == list(range(len(samples)))
    for (domain, label), members in groups.items():
        assert (samples.domain[members] == domain).all() and (samples.label[members] == label).all()


def test_a_domain_with_one_class_is_refused_by_name(manifest: Manifest) -> None:
    samples = Samples.of(manifest, "train")
    one_class = replace(samples, label=np.where(samples.domain == 1, 0, samples.label).astype(np.int8))
    with pytest.raises(UserError, match=r"domain 1 \(replay-attack\) has no bona fide frames"):
        one_class.groups(3)
    with pytest.raises(UserError, match=r"domain 3 \(no dataset\)"):
        samples.groups(4)


def test_shuffled_labels_move_whole_clips_within_their_domain(manifest: Manifest) -> None:
    samples = Samples.of(manifest, "train")
    shuffles = [samples.with_shuffled_labels(seed) for seed in range(20)]
    recording = samples.recordings()
    assert len(np.unique(recording)) == len(
        {(s.rsplit("/", 1)[0]) for s in map(samples.sample_id, range(len(samples)))}
    )
    for shuffled in shuffles:
        for clip in np.unique(recording):
            assert len(np.unique(shuffled.label[recording == clip])) == 1
        for domain in range(3):
            of = samples.domain == domain
            assert shuffled.label[of].sum() == samples.label[of].sum()
    assert any((shuffled.label != samples.label).any() for shuffled in shuffles)
    assert np.array_equal(shuffles[3].label, samples.with_shuffled_labels(3).label)
    moved = {(shuffled.label != samples.label).tobytes() for shuffled in shuffles}
    assert len(moved) > 8  # of 6 ** 3 ways to permute two of four labels in three domains; all alike would be 6


def test_a_view_is_refused_where_samples_lack_what_it_is_aligned_by(manifest: Manifest) -> None:
    nothing = pa.nulls(manifest.table.num_rows, manifest.table.schema.field("landmarks").type)
    samples = Samples.of(changed(manifest, landmarks=nothing), "train")
    assert np.isnan(samples.landmarks).all()
    with pytest.raises(UserError, match=r"mxnet-256 needs the landmarks.*data.view=box"):
        Images(samples, {}, View.named("mxnet-256"))
    Images(samples, {}, View.named("box"))


def test_a_cache_larger_than_memory_is_refused(manifest: Manifest) -> None:
    with pytest.raises(UserError, match=r"do not fit in memory.*data.cache=none"):
        Images(Samples.of(manifest, "train"), {}, View.named("box").resized(200_000), cache=True)


def test_a_million_rows_stay_columns(manifest: Manifest, tmp_path: Path) -> None:
    many = 300_000
    table = manifest.table.filter(pa.compute.equal(manifest.table["part"], "train"))
    samples = Samples.of(Manifest(table.take(np.arange(many) % table.num_rows), manifest.meta), "train")
    arrays = [value for value in vars(samples).values() if isinstance(value, np.ndarray)]
    assert not any(array.dtype == object for array in arrays)
    assert sum(array.nbytes for array in arrays) / many < 150
    assert len(samples.clip_ids) == table["clip_id"].combine_chunks().unique().__len__()


def test_a_shuffled_label_says_nothing_of_the_true_one(manifest: Manifest) -> None:
    samples = Samples.of(manifest, "train")
    recording = samples.recordings()
    first = np.unique(recording, return_index=True)[1]
    for seed in range(10):
        shuffled = samples.with_shuffled_labels(seed).label[first]
        for domain in np.unique(samples.domain):
            here = samples.domain[first] == domain
            true, new = samples.label[first][here], shuffled[here]
            expected = true.mean() * new.sum()
            assert abs((true * new).sum() - expected) <= 0.5
