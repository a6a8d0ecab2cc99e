"""The invariants of a manifest: every broken one is refused in one line."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fasdata.errors import UserError
from fasdata.manifests import Manifest
from fasdata.manifests.table import SCHEMA
from tests.fasdata.manifests.changing import change, row_where

CELLS = [
    ("part", "holdout", "column part; expected train, val, test; found 'holdout'"),
    ("label", "real", "column label"),
    ("label", "attack", "bonafide only on bona fide rows"),
    ("attack_type", "print", "bonafide on every bona fide row"),
    ("split_official", "devel", "column split_official"),
    ("status", "done", "column status"),
    ("status", "fta", "fta only in the part test"),
    ("face_status", "great", "column face_status"),
    ("dataset", "../casia-fasd", "the folder name of a store"),
    ("dataset", "/etc", "the folder name of a store"),
    ("dataset", "casia-fasd\n", "the folder name of a store"),
    ("dataset", "protocols", "the folder name of a store"),
    ("clip_id", "../../secret", "column clip_id"),
    ("clip_id", "", "column clip_id"),
    ("key_rgb", "crop/../../x/000006/rgb", "column key_rgb"),
    ("key_rgb", "crop/train__train-00__bonafide_0/6/rgb", "six digits"),
    ("key_rgb", "crop/train__train-00__bonafide_0/000007/rgb", "of the row's own frame"),
    ("key_rgb", "", "column modalities_available"),
    ("key_depth", "crop/train__train-00__bonafide_0/000006/depth", "column modalities_available"),
    ("modalities_available", "rgb,thermal", "column modalities_available"),
    ("sample_id", "casia-fasd/other/6", "<dataset>/<clip_id>/<frame_index>"),
    ("frame_index", -1, "0 … n_frames-1"),
    ("frame_index", 20, "0 … n_frames-1"),
    ("domain_id", -1, "-1 exactly in the part test"),
    ("domain_id", 1, "the domains of the description"),
    ("domain", "elsewhere", "the domains of the description"),
    ("region", None, "a region exactly where status is ok"),
    ("region", [5, 5, 5, 9], "0 <= x0 < x1"),
    ("scale", 0.0, "a positive number"),
    ("box", [0.0, 0.0, float("nan"), 1.0], "finite numbers"),
    ("protocol", "mcio:C2I", "column protocol"),
    ("recipe", "other", "column recipe"),
    ("subject", None, "a value in every row"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "words"), CELLS)
def test_one_wrong_cell_is_refused(manifest, column, value, words):
    assert manifest.table.column("sample_id")[0].as_py() == "casia-fasd/train__train-00__bonafide_0/6"
    with pytest.raises(UserError) as error:
        change(manifest, column, 0, value).check()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_rows_that_contradict_each_other_are_refused(manifest):
    twice = Manifest(pa.concat_tables([manifest.table, manifest.table.slice(0, 1)]), manifest.meta)
    with pytest.raises(UserError, match="every sample once"):
        twice.check()
    other = row_where(manifest, part="val", dataset="oulu-npu")
    with pytest.raises(UserError, match="same clip is in two parts"):
        change(manifest, "part", other, "train").check()
    with pytest.raises(UserError, match="the same person"):
        person = manifest.table.column("subject")[row_where(manifest, part="train", dataset="oulu-npu")].as_py()
        clip = manifest.table.column("clip_id")[other].as_py()
        moved = manifest
        for place, row in enumerate(manifest.table.to_pylist()):
            if row["clip_id"] == clip and row["dataset"] == "oulu-npu":
                moved = change(moved, "subject", place, person)
        moved.check()
    with pytest.raises(UserError, match="one part, label, person"):
        change(manifest, "subject", other, "someone").check()


def test_columns_and_types_are_checked(manifest):
    wide = manifest.table.column("domain_id").cast(pa.int64())
    for table, words in (
        (manifest.table.drop(["subject"]), "missing subject"),
        (manifest.table.append_column("more", manifest.table.column("label")), "extra more"),
        (manifest.table.select(SCHEMA.names[::-1]), "another order"),
        (manifest.table.slice(0, 0), "at least one"),
        (manifest.table.set_column(3, "domain_id", wide), "column domain_id; expected int32; found int64"),
    ):
        with pytest.raises(UserError, match=words):
            Manifest(table, manifest.meta).check()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("canonical", "../../x", "canonical"),
        ("canonical", "mcio:C2I", "column protocol"),
        ("recipe", {"name": "../up"}, "recipe"),
        ("recipe", {}, "recipe"),
        ("format", 2, "format"),
        ("domains", [], "the domains of the description"),
        ("stores", {}, "the store of every dataset"),
        ("stores", {"../x": "1"}, "the folder name of a store"),
        ("surprise", 1, "surprise"),
    ],
)
def test_the_description_is_checked(manifest, key, value, words):
    with pytest.raises(UserError) as error:
        Manifest(manifest.table, {**manifest.meta, key: value}).check()
    assert words in str(error.value)
