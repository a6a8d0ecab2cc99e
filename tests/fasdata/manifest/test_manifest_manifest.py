"""The manifest file: round trip, fingerprint, and everything that must not pass."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifest import Manifest
from fasdata.manifest.table import SCHEMA, table_fingerprint
from fasdata.protocols.build import assemble
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import load_recipe
from fasdata.store.reader import Store


@pytest.fixture(scope="module")
def manifest(make) -> Manifest:
    """A protocol with one clip of the target in which no face was found; never changed in place."""
    stores = {slug: make.dataset(slug) for slug in make.slugs}
    lost = make.record(stores["msu-mfsd"].clip_records[0].clip, dict.fromkeys(range(20), "skip"))
    stores["msu-mfsd"].change(0, frames=lost.frames, status=lost.status, reason=lost.reason)
    return assemble(make_plan(parse("CIO-M"), load_recipe("standard")), stores)


def change(manifest: Manifest, column: str, row: int, value: object) -> Manifest:
    """Return the manifest with one cell replaced."""
    values = manifest.table.column(column).to_pylist()
    values[row] = value
    place = manifest.table.column_names.index(column)
    changed = manifest.table.set_column(place, SCHEMA.field(column), pa.array(values, SCHEMA.field(column).type))
    return Manifest(changed, manifest.meta)


def row_where(manifest: Manifest, **where: object) -> int:
    return next(
        place
        for place, row in enumerate(manifest.table.to_pylist())
        if all(row[key] == value for key, value in where.items())
    )


def test_what_is_written_is_read_back(manifest, tmp_path):
    path = manifest.write(tmp_path / "deep" / "er")
    again = Manifest.read(path)
    assert again.table.equals(manifest.table)
    assert again.meta == manifest.meta == json.loads((path.parent / "manifest.json").read_text())
    assert again.path == path
    assert Manifest.read(path.parent).fingerprint == manifest.fingerprint
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["manifest.json", "manifest.parquet"]


def test_a_folder_whose_name_has_an_equals_sign_adds_no_column(manifest, tmp_path):
    path = manifest.write(tmp_path / "seed=1")
    assert Manifest.read(path).table.column_names == SCHEMA.names


def test_the_pandas_view(manifest):
    frame = manifest.frame()
    assert list(frame.columns) == SCHEMA.names
    assert frame["label"].isin(["bonafide", "attack"]).all()
    usable, lost = frame[frame["status"] == "ok"].iloc[0], frame[frame["status"] == "fta"].iloc[0]
    assert usable["box"].dtype == np.float32 and usable["region"].dtype == np.int32
    assert lost["box"] is None and np.isnan(lost["scale"])


def test_the_fingerprint_sees_content_and_not_the_file(manifest, tmp_path):
    table = manifest.table
    chunked = pa.concat_tables([table.slice(0, 3), table.slice(3)])
    assert table_fingerprint(chunked) == manifest.fingerprint
    for options in ({"compression": "none"}, {"row_group_size": 2}, {"use_dictionary": False, "version": "1.0"}):
        pq.write_table(table, tmp_path / "t.parquet", **options)
        assert table_fingerprint(pq.ParquetFile(tmp_path / "t.parquet").read()) == manifest.fingerprint
    for column, value in (
        ("frame_index", 7),
        ("subject", "someone"),
        ("box", [0.0, 0.0, 1.0, 1.0]),
        ("box", None),
        ("scale", 0.5),
    ):
        assert change(manifest, column, 0, value).fingerprint != manifest.fingerprint
    assert table_fingerprint(table.slice(1)) != manifest.fingerprint
    assert table_fingerprint(table.take(pa.array([1, 0, *range(2, table.num_rows)]))) != manifest.fingerprint


def test_text_that_moves_between_cells_changes_the_fingerprint():
    def column(*texts: str) -> pa.Table:
        return pa.table({"a": pa.array(texts, pa.string())})

    assert table_fingerprint(column("ab", "c")) != table_fingerprint(column("a", "bc"))
    assert table_fingerprint(column("x", "ab", "c").slice(1)) == table_fingerprint(column("ab", "c"))
    assert table_fingerprint(column()) == table_fingerprint(column("a").slice(1))


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


@pytest.mark.parametrize(("column", "value", "told"), CELLS)
def test_one_wrong_cell_is_found(manifest, column, value, told):
    assert manifest.table.column("sample_id")[0].as_py() == "casia-fasd/train__train-00__bonafide_0/6"
    with pytest.raises(UserError) as error:
        change(manifest, column, 0, value).check()
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_rows_that_contradict_each_other_are_found(manifest):
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
    for table, told in (
        (manifest.table.drop(["subject"]), "missing subject"),
        (manifest.table.append_column("more", manifest.table.column("label")), "extra more"),
        (manifest.table.select(SCHEMA.names[::-1]), "another order"),
        (manifest.table.slice(0, 0), "at least one"),
        (manifest.table.set_column(3, "domain_id", wide), "column domain_id; expected int32; found int64"),
    ):
        with pytest.raises(UserError, match=told):
            Manifest(table, manifest.meta).check()


@pytest.mark.parametrize(
    ("key", "value", "told"),
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
def test_the_description_is_checked(manifest, key, value, told):
    with pytest.raises(UserError) as error:
        Manifest(manifest.table, {**manifest.meta, key: value}).check()
    assert told in str(error.value)


def test_files_that_are_no_manifest_are_one_clear_line(manifest, tmp_path):
    def told(match: str, path=tmp_path / "m.parquet") -> None:
        with pytest.raises(UserError, match=match) as error:
            Manifest.read(path)
        assert "\n" not in str(error.value)

    told("no manifest at .*build-protocol")
    told("no manifest at", tmp_path)
    (tmp_path / "m.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    told("is not a readable parquet file")
    pq.write_table(manifest.table, tmp_path / "m.parquet")
    told("carries no description")
    for packed, match in ((b"{", "is not JSON"), (b"[]", "is not an object"), (b"{}", "description")):
        pq.write_table(manifest.table.replace_schema_metadata({b"fasdata.manifest": packed}), tmp_path / "m.parquet")
        told(match)


def test_rows_changed_after_building_are_noticed(manifest, tmp_path):
    path = manifest.write(tmp_path)
    file = pq.ParquetFile(path).read()
    row = row_where(manifest, part="train")
    changed = change(Manifest(file, manifest.meta), "pai", row, "print-1").table
    pq.write_table(changed.replace_schema_metadata(file.schema.metadata), path)
    with pytest.raises(UserError, match="were changed after it was built"):
        Manifest.read(path)


def test_a_broken_manifest_is_not_written_and_the_old_one_stays(manifest, tmp_path):
    path = manifest.write(tmp_path)
    before = path.read_bytes()
    with pytest.raises(UserError):
        change(manifest, "label", 0, "real").write(tmp_path)
    assert path.read_bytes() == before


def test_stores_are_compared_with_what_was_built(manifest, stores, tmp_path, monkeypatch):
    library = Library(tmp_path)
    with pytest.raises(UserError, match="no store of casia-fasd"):
        manifest.open_stores(library)
    for slug in stores:
        library.store_dir(slug).mkdir()
        (library.store_dir(slug) / "store.json").write_text("{}")
        (library.store_dir(slug) / "clips.parquet").write_bytes(b"")
    monkeypatch.setattr(Store, "open", lambda folder: stores[folder.name])
    assert set(manifest.open_stores(library)) == set(stores)
    stores["oulu-npu"].content = "extracted again"
    with pytest.raises(
        UserError, match=r"store of oulu-npu changed since the manifest of mcio:CIO2M was built.*build it again"
    ):
        manifest.open_stores(library)
